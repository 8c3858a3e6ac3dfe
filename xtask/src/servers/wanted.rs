use clap::{Args, ValueEnum};

use super::mysql::Release;
use super::stores::Store;

/// A database that can be brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// PostgreSQL
    Postgres,
    /// Oracle's MySQL
    Mysql,
    /// MariaDB
    Mariadb,
}

impl Engine {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Mariadb];

    /// The word in the names of the tests that need it; PostgreSQL, which most tests need, has none.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Postgres => None,
            Self::Mysql => Some("mysql"),
            Self::Mariadb => Some("mariadb"),
        }
    }
}

/// The module of the tests that run on both MySQL and MariaDB.
const FAMILIES: &str = "families";

/// Which versions are wanted.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Wanted {
    /// The major version of PostgreSQL, 12 to 18 [default: 17 with Docker, else what the machine has]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub(crate) postgres: Option<u32>,
    /// The version of MySQL: 5.7, 8.0, 8.4 or 9 [default: 8.4 with Docker, else what the machine has]
    #[arg(long, value_name = "VERSION", value_parser = Release::mysql)]
    pub(crate) mysql: Option<Release>,
    /// The version of MariaDB: 10.6, 10.11 or 11 [default: 11 with Docker, else what the machine has]
    #[arg(long, value_name = "VERSION", value_parser = Release::mariadb)]
    pub(crate) mariadb: Option<Release>,
}

impl Wanted {
    /// Returns the object stores that tests need whose names contain this: all where all tests run or where the filter
    /// names their module, else those whose word stands in it. To install them may take minutes.
    pub(crate) fn stores(filter: Option<&str>) -> Vec<Store> {
        let is_named = |store: &Store| {
            filter.is_none_or(|text| [store.word(), "stores", "cloud"].iter().any(|word| text.contains(word)))
        };
        Store::ALL.into_iter().filter(is_named).collect()
    }

    /// Returns what tests need whose names contain this: MySQL and MariaDB only where all tests run, where their word
    /// stands in the filter, or where a version of theirs is asked for. To install them may take minutes.
    pub(crate) fn engines(self, filter: Option<&str>) -> Vec<Engine> {
        let is_asked_for = |engine: Engine| match engine {
            Engine::Postgres => true,
            Engine::Mysql => self.mysql.is_some(),
            Engine::Mariadb => self.mariadb.is_some(),
        };
        let is_named = |engine: Engine| {
            let names = |(word, text): (&str, &str)| text.contains(word) || text.contains(FAMILIES);
            engine.word().zip(filter).is_none_or(names)
        };
        Engine::ALL.into_iter().filter(|engine| is_asked_for(*engine) || is_named(*engine)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_decides_which_databases_come_up() {
        use Engine::{Mariadb, Mysql, Postgres};
        let check =
            |wanted: Wanted, filter, expected: &[Engine]| assert_eq!(wanted.engines(filter), expected, "{filter:?}");
        let any = Wanted::default();
        check(any, None, &Engine::ALL);
        check(any, Some("plan"), &[Postgres]);
        check(any, Some("mysql"), &[Postgres, Mysql]);
        check(any, Some("restart::mariadb"), &[Postgres, Mariadb]);
        check(any, Some("families::plan"), &Engine::ALL);
        let mysql = Release::mysql("9").ok();
        check(Wanted { mysql, ..any }, Some("plan"), &[Postgres, Mysql]);
        check(Wanted { mysql, ..any }, None, &Engine::ALL);
    }

    #[test]
    fn the_filter_decides_which_object_stores_are_installed() {
        let check = |filter, expected: &[Store]| assert_eq!(Wanted::stores(filter), expected, "{filter:?}");
        check(None, &Store::ALL);
        check(Some("crash"), &[]);
        check(Some("crash::full::gcs"), &[Store::Gcs]);
        check(Some("stores::modes"), &Store::ALL);
        check(Some("cloud"), &Store::ALL);
    }
}
