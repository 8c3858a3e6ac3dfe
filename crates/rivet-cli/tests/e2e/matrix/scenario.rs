/// An export of something that is there, with what was before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    /// The name of its export, and of its table.
    pub(super) name: &'static str,
    /// What there is, for a person: a fragment.
    pub(super) what: &'static str,
    /// What makes it.
    pub(super) sql: &'static str,
    /// What the catalog is brought to say of its table.
    pub(super) catalog: Catalog,
    /// The inside of the export's flow mapping, without name, format and destination.
    pub(super) export: &'static str,
    /// Runs that were before, the oldest first.
    pub(super) past: &'static [Past],
    /// The exports that are planned together with it.
    pub(super) with: &'static [&'static str],
    /// Whether it is planned with `--reconcile`.
    pub(super) reconcile: bool,
}

/// What the catalog says of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Catalog {
    /// What there is.
    Analyzed,
    /// The same, but for so many rows.
    Said(u64),
    /// Its rows, since it was vacuumed, and nothing of what is in them.
    Vacuumed,
    /// Nothing.
    Silent,
}

/// Runs that were before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// So many, really run, however they ended.
    Run(u32),
    /// So many, each over a connection that was cut once.
    Cut(u32),
    /// Runs that the state store was told of, all of them committed: nobody waits for minutes.
    Told { runs: u32, seconds: u64, retries: u64 },
}

/// A table that is analyzed, whose export has not run and is planned alone.
pub(super) const ALONE: Scenario = Scenario {
    name: "",
    what: "",
    sql: "",
    catalog: Catalog::Analyzed,
    export: "",
    past: &[],
    with: &[],
    reconcile: false,
};

impl Scenario {
    /// Returns the export as configurations have it.
    pub(super) fn flow(&self) -> String {
        let Self { name, export, .. } = self;
        format!("name: {name}, {export}, format: csv, destination: {{ type: local, path: out/{name} }}")
    }
}
