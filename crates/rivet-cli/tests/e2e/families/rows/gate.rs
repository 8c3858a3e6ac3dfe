use rivet_testing::{MysqlDatabase, MysqlSession};

/// Rows that no reader gets past before the test lets it: those for which a view comes to [`Gate::pass`].
pub(super) struct Gate {
    keeper: MysqlSession,
    /// The database, which is the name of the lock.
    name: String,
    /// The table of the server's sessions.
    sessions: &'static str,
}

impl Gate {
    /// Makes a gate that is closed.
    #[track_caller]
    pub(super) fn close(database: &MysqlDatabase) -> Self {
        let (name, sessions) = (database.name().to_owned(), database.family().sessions());
        let gate = Self { keeper: database.connect(), name, sessions };
        assert_eq!(gate.keeper.query_value(&format!("SELECT GET_LOCK('{}', 9)", gate.name)), "1");
        gate
    }

    /// Writes a number that nobody gets before the gate is open.
    pub(super) fn pass(&self, number: &str) -> String {
        pass(&self.name, number)
    }

    /// Returns how many readers stand before it.
    #[track_caller]
    pub(super) fn waiting(&self) -> usize {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE db = '{}' AND state = 'User lock'", self.sessions, self.name);
        self.keeper.query_value(&sql).parse().expect("a count is a number")
    }

    /// Lets all readers pass.
    #[track_caller]
    pub(super) fn open(&self) {
        self.keeper.query_value(&format!("SELECT RELEASE_LOCK('{}')", self.name));
    }
}

/// Writes a number that nobody gets while the gate of a database is closed.
pub(super) fn pass(name: &str, number: &str) -> String {
    format!("{number} + 0 * (GET_LOCK('{name}', 600) + RELEASE_LOCK('{name}'))")
}
