use std::fmt;
use std::path::PathBuf;

use crate::environment::{self, required};

/// The two that speak MySQL's protocol. Tests run on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Oracle's MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl Family {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Mysql, Self::Mariadb];

    /// Returns the administrator's address of the server, which names no database.
    #[track_caller]
    pub fn url(self) -> String {
        required(self.choose(environment::MYSQL, environment::MARIADB))
    }

    /// Returns the same address by a name that the server's certificate holds.
    #[track_caller]
    pub fn tls_url(self) -> String {
        required(self.choose(environment::MYSQL_TLS, environment::MARIADB_TLS))
    }

    /// Returns the PEM file of the authority that signed the server's certificate.
    #[track_caller]
    pub fn certificate_authority(self) -> PathBuf {
        required(self.choose(environment::MYSQL_CA, environment::MARIADB_CA)).into()
    }

    /// Returns the table in which the server lists its sessions. The one that both have can't be read on MySQL while
    /// anybody runs a statement with a letter of four bytes in it.
    pub fn sessions(self) -> &'static str {
        self.choose("performance_schema.processlist", "information_schema.processlist")
    }

    /// Returns what is for this one.
    pub fn choose<T>(self, mysql: T, mariadb: T) -> T {
        match self {
            Self::Mysql => mysql,
            Self::Mariadb => mariadb,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.choose("MySQL", "MariaDB"))
    }
}

/// Makes two tests of each function that takes a [`Family`]: `<function>::mysql` and `<function>::mariadb`, so that
/// the names say which server each of them needs.
///
/// ```
/// use rivet_testing::{Family, MysqlDatabase};
///
/// fn a_table_is_made(family: Family) {
///     MysqlDatabase::create(family).execute("CREATE TABLE t (id int PRIMARY KEY)");
/// }
///
/// rivet_testing::on_both_families!(a_table_is_made);
/// ```
#[macro_export]
macro_rules! on_both_families {
    ($($function:ident),+ $(,)?) => {
        $(
            mod $function {
                #[test]
                fn mysql() {
                    super::$function($crate::Family::Mysql);
                }

                #[test]
                fn mariadb() {
                    super::$function($crate::Family::Mariadb);
                }
            }
        )+
    };
}
