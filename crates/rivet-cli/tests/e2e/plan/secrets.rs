//! No secret in a plan, whatever form it is given and shown in.

use std::fs;

use rivet_testing::{Project, RivetCommand, TestDatabase};

use crate::support::project_with;

/// A password that stands in no other text.
const PASSWORD: &str = "hunter2-Kq7xZ";

/// A role with that password, and a table that it may read.
struct Locked {
    database: TestDatabase,
    role: String,
}

impl Locked {
    fn new() -> Self {
        let database = TestDatabase::create();
        let role = format!("{}_locked", database.name());
        database.execute(&format!(
            "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100) i; \
             CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON t TO {role}"
        ));
        Self { database, role }
    }

    fn url(&self) -> String {
        self.database.url_as(&self.role, PASSWORD)
    }

    /// Returns host and port, as they stand in the address.
    fn place(&self) -> (String, String) {
        let url = self.url();
        let (_, behind) = url.rsplit_once('@').expect("the address names a role");
        let (host, rest) = behind.split_once(':').expect("the address has a port");
        (host.to_owned(), rest.split('/').next().unwrap_or_default().to_owned())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.role);
        drop(self.database.connect().try_execute(&sql));
    }
}

/// A way to give the password, and what the environment holds for it.
struct Form {
    name: &'static str,
    source: String,
    variables: Vec<(&'static str, String)>,
    /// Whether a plan can be applied where it was made.
    applies: bool,
}

fn forms(locked: &Locked) -> Vec<Form> {
    let (host, port) = locked.place();
    let parts = format!("host: {host}, port: {port}, user: {}, database: {}", locked.role, locked.database.name());
    let form = |name, source, variables, applies| Form { name, source, variables, applies };
    let inline = || vec![("RIVET_SOURCE_PASSWORD", PASSWORD.to_owned())];
    vec![
        form("url", format!("url: {:?}", locked.url()), Vec::new(), false),
        form("url, with the variable", format!("url: {:?}", locked.url()), inline(), true),
        form(
            "url with a placeholder",
            format!("url: {:?}", locked.url().replace(PASSWORD, "${PASS}")),
            vec![("PASS", PASSWORD.to_owned())],
            true,
        ),
        form("url_env", "url_env: ADDRESS".to_owned(), vec![("ADDRESS", locked.url())], true),
        form("url_file", "url_file: address.txt".to_owned(), Vec::new(), true),
        form("password", format!("{parts}, password: {PASSWORD}"), Vec::new(), false),
        form("password_env", format!("{parts}, password_env: PASS"), vec![("PASS", PASSWORD.to_owned())], true),
    ]
}

fn command(project: &Project, form: &Form, arguments: &[&str]) -> RivetCommand {
    let command = project.command(arguments);
    form.variables.iter().fold(command, |command, (name, value)| command.env(name, value))
}

#[test]
fn no_form_of_a_plan_holds_the_password() {
    let locked = Locked::new();
    for form in forms(&locked) {
        let source = format!("type: postgres, environment: local, {}", form.source);
        let keys = "name: it, table: t, mode: full, format: csv, destination: { type: local, path: out }";
        let project = project_with(&source, &[keys]);
        project.write("address.txt", &locked.url());
        for arguments in [
            &["plan", "-o", "plan.json"][..],
            &["plan", "--explain", "-o", "plan.html"],
            &["plan", "--format", "json", "--log-format", "json", "-v"],
            &["check", "--json", "--type-report"],
        ] {
            let finished = command(&project, &form, arguments).run();
            finished.assert_code(0).assert_silent_about(PASSWORD);
        }
        let applied = command(&project, &form, &["apply", "plan.json", "--json"]).run();
        applied.assert_silent_about(PASSWORD);
        assert_eq!(applied.code() == Some(0), form.applies, "{}: {}", form.name, applied.stderr);
        if !form.applies {
            assert!(applied.stderr.contains("RIVET_SOURCE_PASSWORD"), "{}: {}", form.name, applied.stderr);
        }
        let metrics = command(&project, &form, &["metrics", "--json"]).run();
        metrics.assert_silent_about(PASSWORD);
        assert_files(&project, form.name);
    }
}

/// Fails the test where a file holds the password that was written by the program.
#[track_caller]
fn assert_files(project: &Project, form: &str) {
    let mut files = project.all_files("");
    files.retain(|path| !path.ends_with("rivet.yaml") && !path.ends_with("address.txt"));
    assert!(files.iter().any(|path| path.ends_with("plan.json")), "{form}: {files:?}");
    assert!(files.iter().any(|path| path.ends_with("plan.html")), "{form}: {files:?}");
    for path in files {
        let bytes = fs::read(&path).expect("it was listed a moment ago");
        let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "{form}: {} holds the password", path.display());
    }
}

#[test]
fn no_error_of_planning_holds_the_password() {
    let locked = Locked::new();
    let nobody = locked.url().replace(&locked.role, "nobody_at_all");
    let nowhere = {
        let (host, port) = locked.place();
        locked.url().replace(&format!("{host}:{port}"), "127.0.0.1:1")
    };
    for url in [nobody, nowhere, locked.url().replace("postgresql://", "postgresq://")] {
        let keys = "name: it, table: t, mode: full, format: csv, destination: { type: local, path: out }, \
                    tuning: { max_retries: 0 }";
        let project = project_with("type: postgres, url_env: ADDRESS, environment: local", &[keys]);
        for arguments in [&["plan"][..], &["plan", "--json-errors"], &["check"], &["plan", "-o", "plan.json"]] {
            let finished = project.command(arguments).env("ADDRESS", &url).run();
            assert_ne!(finished.code(), Some(0), "{}", finished.stdout);
            finished.assert_silent_about(PASSWORD);
        }
        assert!(!project.path("plan.json").exists(), "a plan of nothing");
    }
}
