//! Which rows a run reads, in every mode, whatever happens meanwhile.

mod chunked;
mod crash;
mod gate;
mod incremental;
mod late_commits;
mod resume;
mod signals;
mod statements;
mod window;

use rivet_testing::{Family, MysqlDatabase};

use gate::Gate;

/// A database with a table `k` of the numbers from 0 to 999.
fn database(family: Family) -> MysqlDatabase {
    let database = MysqlDatabase::create(family);
    database.execute(
        "CREATE TABLE k (n int PRIMARY KEY); INSERT INTO k \
         WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 999) SELECT n FROM r",
    );
    database
}

/// A relation with the numbers from 1 to `count`, up to a million, as `i`.
fn series(count: u32) -> String {
    let thousands = count.div_ceil(1_000);
    format!(
        "(SELECT a.n * 1000 + b.n + 1 AS i FROM k AS a CROSS JOIN k AS b \
         WHERE a.n < {thousands} AND a.n * 1000 + b.n < {count}) AS s"
    )
}
