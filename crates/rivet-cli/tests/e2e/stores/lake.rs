use std::cell::Cell;
use std::fs;
use std::path::Path;

use rivet_testing::{Bucket, HttpProxy, Project, Protocol, RivetCommand, TestDatabase};

use crate::ledger::{Ledger, Run};
use crate::support::{Outcome, project, run_command};

/// A bucket, the way to it, and what the provider's client finds there.
pub(super) struct Lake {
    pub(super) bucket: Bucket,
    /// A network before it that can fail.
    pub(super) proxy: Option<HttpProxy>,
    prefixes: Cell<u32>,
}

impl Lake {
    #[track_caller]
    pub(super) fn create(protocol: Protocol) -> Self {
        Self { bucket: Bucket::create(protocol), proxy: None, prefixes: Cell::new(0) }
    }

    /// Puts a network before the bucket, in which nothing fails yet.
    #[track_caller]
    pub(super) fn behind_a_proxy(protocol: Protocol) -> Self {
        let lake = Self::create(protocol);
        Self { proxy: Some(HttpProxy::start(lake.bucket.url())), ..lake }
    }

    /// Returns the network before the bucket.
    #[track_caller]
    pub(super) fn network(&self) -> &HttpProxy {
        self.proxy.as_ref().expect("this lake has a proxy")
    }

    /// Returns a prefix that nobody has used.
    pub(super) fn fresh_prefix(&self) -> String {
        self.prefixes.set(self.prefixes.get() + 1);
        format!("raw/ünï code/{}", self.prefixes.get())
    }

    /// Returns an export to a prefix, as the inside of a flow mapping.
    pub(super) fn export(&self, keys: &str, prefix: &str) -> String {
        let url = self.proxy.as_ref().map_or_else(|| self.bucket.url().to_owned(), HttpProxy::url);
        format!("{keys}, destination: {{ {} }}", self.bucket.destination(&url, prefix))
    }

    /// A folder with one export to a prefix.
    pub(super) fn project(&self, database: &TestDatabase, keys: &str, prefix: &str) -> Project {
        project(database, &[&self.export(keys, prefix)])
    }

    /// Makes a command that finds the secrets.
    pub(super) fn command(&self, project: &Project, arguments: &[&str]) -> RivetCommand {
        let secrets = self.bucket.protocol().secrets().iter();
        secrets.fold(project.command(arguments), |command, (name, value)| command.env(name, value))
    }

    /// Runs all exports, however that ends.
    #[track_caller]
    pub(super) fn run(&self, project: &Project) -> Outcome {
        let outcome = run_command(self.command(project, &["run", "--json"]));
        for (_, secret) in self.bucket.protocol().secrets().iter().filter(|(name, _)| *name != "S3_KEY") {
            outcome.finished.assert_silent_about(secret);
        }
        outcome
    }

    /// Runs all exports, which must succeed.
    #[track_caller]
    pub(super) fn run_well(&self, project: &Project) -> Outcome {
        let outcome = self.run(project);
        outcome.finished.assert_code(0);
        outcome
    }

    /// Fails the test unless what is below a prefix is what manifests there list and nothing else, no upload is open,
    /// and the state store agrees. Returns the committed runs, whose parts are copies below `out` then.
    #[track_caller]
    pub(super) fn audit(&self, project: &Project, prefix: &str) -> Vec<Run> {
        self.assert_no_upload();
        self.fetch(project, prefix);
        Ledger::default().audit(project)
    }

    /// As [`audit`](Self::audit), after a process was killed: that may have been while it tried the place. Such probes
    /// are removed by whoever comes an hour later.
    #[track_caller]
    pub(super) fn audit_after_kills(&self, project: &Project, prefix: &str) -> Vec<Run> {
        let mut uploads = self.bucket.uploads();
        uploads.retain(|name| !name.contains("/_rivet/check-"));
        assert_eq!(uploads, [""; 0], "uploads are open");
        self.fetch(project, prefix);
        for probe in project.all_files("out/_rivet").iter().filter(|path| is_probe(path)) {
            fs::remove_file(probe).expect("it is a copy of ours");
        }
        Ledger::default().audit(project)
    }

    /// Copies what is below a prefix into `out`, in place of what was there.
    #[track_caller]
    pub(super) fn fetch(&self, project: &Project, prefix: &str) {
        let out = project.path("out");
        if out.exists() {
            fs::remove_dir_all(&out).expect("a test may remove its own copies");
        }
        self.bucket.fetch(prefix, &out);
    }

    #[track_caller]
    pub(super) fn assert_no_upload(&self) {
        assert_eq!(self.bucket.uploads(), [""; 0], "uploads are open");
    }

    /// Fails the test unless nothing is in the bucket, and no upload is open.
    #[track_caller]
    pub(super) fn assert_empty(&self) {
        let objects = self.bucket.objects();
        assert!(objects.is_empty(), "{objects:?}");
        self.assert_no_upload();
    }
}

fn is_probe(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("check-")) && path.extension().is_none()
}
