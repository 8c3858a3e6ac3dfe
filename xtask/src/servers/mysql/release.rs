/// The two that speak MySQL's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Oracle's MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl Family {
    /// The name for a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// The name of files and images.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }

    /// The release that Docker starts where none is asked for.
    pub(super) fn usual(self) -> Release {
        Release(match self {
            Self::Mysql => "8.4",
            Self::Mariadb => "11",
        })
    }
}

/// A line of versions that is asked for and for which there is an image: `8.4`, or `11` for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release(&'static str);

const MYSQL: [&str; 4] = ["5.7", "8.0", "8.4", "9"];
const MARIADB: [&str; 3] = ["10.6", "10.11", "11"];

impl Release {
    /// Reads a release of MySQL.
    pub(crate) fn mysql(text: &str) -> Result<Self, String> {
        Self::of(&MYSQL, text)
    }

    /// Reads a release of MariaDB.
    pub(crate) fn mariadb(text: &str) -> Result<Self, String> {
        Self::of(&MARIADB, text)
    }

    fn of(known: &[&'static str], text: &str) -> Result<Self, String> {
        let found = known.iter().find(|line| **line == text);
        found.map(|line| Self(line)).ok_or_else(|| format!("known are {}", known.join(", ")))
    }

    /// Returns its text.
    pub(super) fn text(self) -> &'static str {
        self.0
    }

    /// Returns whether a version, for example `8.4.7`, belongs to it.
    pub(super) fn holds(self, version: &str) -> bool {
        version.strip_prefix(self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// Reads what a server program prints for `--version`: its family and its version in digits.
pub(super) fn parse_version(printed: &str) -> Option<(Family, String)> {
    let (_, rest) = printed.split_once("  Ver ")?;
    let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let family = if rest.contains("MariaDB") { Family::Mariadb } else { Family::Mysql };
    version.contains('.').then_some((family, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_holds_its_own_versions() {
        let mysql = |text| Release::mysql(text).unwrap();
        assert!(mysql("9").holds("9.7.4") && mysql("8.0").holds("8.0.44") && mysql("8.4").holds("8.4"));
        assert!(!mysql("8.0").holds("8.4.7") && !mysql("9").holds("90.1") && !mysql("9").holds("8.9"));
        assert_eq!(Release::mysql("8").unwrap_err(), "known are 5.7, 8.0, 8.4, 9");
        assert!(Release::mariadb("10.6").unwrap().holds("10.6.21") && Release::mariadb("8.4").is_err());
    }

    #[test]
    fn servers_tell_what_they_are() {
        let check = |printed, expected: Option<(Family, &str)>| {
            assert_eq!(
                parse_version(printed),
                expected.map(|(family, version)| (family, version.to_owned())),
                "{printed}"
            );
        };
        let mariadb = "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n";
        check(mariadb, Some((Family::Mariadb, "10.11.19")));
        check("/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))", Some((Family::Mysql, "9.7.4")));
        let oracle = "/usr/sbin/mysqld  Ver 8.0.44 for Linux on x86_64 (MySQL Community Server - GPL)";
        check(oracle, Some((Family::Mysql, "8.0.44")));
        check("mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))", Some((Family::Mysql, "5.7.44")));
        check("something else", None);
        check("mysqld  Ver unknown", None);
    }
}
