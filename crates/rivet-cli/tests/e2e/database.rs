//! Databases of every kind, for what is shown on all of them.

use rivet_testing::{MysqlDatabase, MysqlSession, Project, Session, TestDatabase};

use crate::support::{Rows, project_with};

/// A database of a test.
pub(crate) trait Database {
    /// A connection to it.
    type Session: Connection + Send + 'static;

    /// Opens a connection, for what must happen meanwhile.
    fn connect(&self) -> Self::Session;

    /// Returns the connection that the test uses.
    fn session(&self) -> &Self::Session;

    /// Makes a folder whose configuration reads from the database. Each export is the inside of a flow mapping.
    fn project(&self, exports: &[&str]) -> Project;

    /// Returns the rows of a query, each value in the server's own text form.
    #[track_caller]
    fn query_text(&self, sql: &str) -> Rows {
        self.session().query_text(sql)
    }

    /// Runs statements, separated by semicolons.
    #[track_caller]
    fn execute(&self, sql: &str) {
        self.session().execute(sql);
    }

    /// Returns the values of a query of one column, of which none may be NULL.
    #[track_caller]
    fn texts(&self, sql: &str) -> Vec<String> {
        self.query_text(sql).into_iter().flatten().map(|value| value.expect("no value is NULL")).collect()
    }
}

/// One connection of a test.
pub(crate) trait Connection {
    /// Runs statements, separated by semicolons.
    fn execute(&self, sql: &str);

    /// Returns the rows of a query, each value in the server's own text form.
    fn query_text(&self, sql: &str) -> Rows;

    /// Returns the one value of a query of one row and one column; empty for NULL.
    fn query_value(&self, sql: &str) -> String;
}

macro_rules! databases {
    ($($database:ty, $session:ty, $kind:literal;)+) => {
        $(
            impl Database for $database {
                type Session = $session;

                #[track_caller]
                fn connect(&self) -> $session {
                    self.connect()
                }

                fn session(&self) -> &$session {
                    self.session()
                }

                fn project(&self, exports: &[&str]) -> Project {
                    project_with(&format!("type: {}, url: {:?}, environment: local", $kind, self.url()), exports)
                }
            }

            impl Connection for $session {
                #[track_caller]
                fn execute(&self, sql: &str) {
                    self.execute(sql);
                }

                #[track_caller]
                fn query_text(&self, sql: &str) -> Rows {
                    self.query_text(sql)
                }

                #[track_caller]
                fn query_value(&self, sql: &str) -> String {
                    self.query_value(sql)
                }
            }
        )+
    };
}

databases! {
    TestDatabase, Session, "postgres";
    MysqlDatabase, MysqlSession, "mysql";
}
