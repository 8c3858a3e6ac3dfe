use std::fmt::Write as _;

use rivet_testing::{Family, MysqlDatabase};

use crate::plan::support::{Desk, Plan};

/// What an export follows in the table of [`table`].
pub(super) const KEYS: &str = "id bigint PRIMARY KEY, at timestamp NOT NULL, KEY (at)";

/// A table with ids from 1 on, and a moment that grows with them.
pub(super) fn table(family: Family, rows: u64) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    fill(&database, &format!("CREATE TABLE t ({KEYS}); {}", grown(1, rows)));
    database
}

/// The statement that adds rows to the table of [`table`].
pub(super) fn grown(from: u64, to: u64) -> String {
    insert("t", "n, TIMESTAMP'2026-01-01 00:00:00' + INTERVAL n SECOND", from, to)
}

/// The statement that fills a table with expressions of `n`, a number from one to another.
pub(super) fn insert(table: &str, expressions: &str, from: u64, to: u64) -> String {
    let more = to - from;
    assert!(more < 1_000_000, "it counts a thousand times a thousand");
    format!(
        "INSERT INTO {table} WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < 999), \
         i (n) AS (SELECT a.n * 1000 + b.n + {from} FROM k a JOIN k b ON a.n <= {} AND a.n * 1000 + b.n <= {more}) \
         SELECT {expressions} FROM i",
        more / 1_000
    )
}

/// Runs statements, and has the server look at all tables.
#[track_caller]
pub(super) fn fill(database: &MysqlDatabase, sql: &str) {
    database.execute(sql);
    let tables = "SELECT table_name FROM information_schema.tables \
                  WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'";
    let names: Vec<String> =
        database.query_text(tables).into_iter().flatten().flatten().map(|name| format!("`{name}`")).collect();
    database.execute(&format!("ANALYZE TABLE {}", names.join(", ")));
}

/// Makes statistics speak of so many rows of a table, each as wide as they are.
#[track_caller]
pub(super) fn swell(database: &MysqlDatabase, table: &str, rows: u64) {
    let of_table = format!("database_name = '{}' AND table_name = '{table}'", database.name());
    let found: u64 = database
        .query_value(&format!("SELECT n_rows FROM mysql.innodb_table_stats WHERE {of_table}"))
        .parse()
        .expect("a count is a number");
    let times = rows / found.max(1);
    // Few rows are in larger a part of their pages than many are.
    let pages: u64 = database
        .query_value(&format!(
            "SELECT stat_value FROM mysql.innodb_index_stats WHERE {of_table} AND index_name = 'PRIMARY' \
             AND stat_name = 'n_leaf_pages'"
        ))
        .parse()
        .expect("a table has a primary key");
    // An analysis that nobody asked for would count the rows that there are.
    let mut sql = format!(
        "ALTER TABLE {table} STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0; \
         UPDATE mysql.innodb_index_stats SET stat_value = stat_value * {times} \
         WHERE {of_table} AND stat_name LIKE 'n\\_diff%'; \
         UPDATE mysql.innodb_table_stats SET clustered_index_size = {pages} * {times}, n_rows = {rows} \
         WHERE {of_table}; "
    );
    // What has the server read them again.
    let again = match database.family() {
        Family::Mysql => format!("FLUSH TABLE {table}"),
        Family::Mariadb => format!("RENAME TABLE {table} TO {table}_; RENAME TABLE {table}_ TO {table}"),
    };
    write!(sql, "{again}").expect("a string takes every write");
    database.execute(&sql);
}

pub(super) fn desk(database: &MysqlDatabase, exports: &[&str]) -> Desk {
    Desk::at(database.url(), exports)
}

/// Returns the rows that an export is expected to read.
#[track_caller]
pub(super) fn expected_rows(plan: &Plan, export: &str) -> u64 {
    let rows = &plan.signals(export)["estimated_rows"];
    rows.as_u64().unwrap_or_else(|| panic!("no estimate: {:#}", plan.signals(export)))
}

/// A user of the server, who is gone when the value is dropped.
#[derive(Debug)]
pub(super) struct User<'a> {
    database: &'a MysqlDatabase,
    name: String,
}

impl<'a> User<'a> {
    /// Makes a user with nothing but these rights on tables.
    #[track_caller]
    pub(super) fn create(database: &'a MysqlDatabase, password: &str, rights: &[(&str, &str)]) -> Self {
        // A name has 32 letters at most.
        let name = database.name().replace("rivet_test_", "u");
        let user = Self { database, name };
        user.execute(&format!("CREATE USER {user} IDENTIFIED BY '{password}'", user = user.account()));
        for (right, table) in rights {
            user.grant(right, table);
        }
        user
    }

    #[track_caller]
    pub(super) fn grant(&self, right: &str, table: &str) {
        self.execute(&format!("GRANT {right} ON {}.{table} TO {}", self.database.name(), self.account()));
    }

    pub(super) fn url(&self, password: &str) -> String {
        self.database.url_as(&self.name, password)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn account(&self) -> String {
        format!("'{}'@'%'", self.name)
    }

    #[track_caller]
    fn execute(&self, sql: &str) {
        self.database.execute(sql);
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        drop(self.database.connect().try_execute(&format!("DROP USER {}", self.account())));
    }
}
