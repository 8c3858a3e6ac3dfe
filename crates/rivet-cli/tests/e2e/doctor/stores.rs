use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rivet_testing::{Bucket, HttpFault, HttpProxy, Project, Protocol, RivetCommand, Stop, TestDatabase};
use serde_json::Value;

use super::{WRONG, doctor_command, outcomes, text};
use crate::support::{project, project_at, run_command};

rivet_testing::on_every_store!(
    a_healthy_store_is_left_as_it_was,
    a_mistake_is_one_error_and_the_source_is_not_touched,
    what_is_denied_is_told_and_the_others_are_tried,
    a_signal_in_the_middle_leaves_nothing,
    a_fault_in_the_middle_leaves_nothing,
);

/// More than Rivet's patience.
const ALWAYS: usize = usize::MAX;

/// An export to a bucket, with the secrets that it needs; something may be put in place of one of its keys.
struct Export {
    text: String,
    protocol: Protocol,
    wrong_secrets: bool,
}

impl Export {
    fn new(bucket: &Bucket, url: &str) -> Self {
        let destination = bucket.destination(url, "raw");
        let text = format!("name: orders, table: orders, destination: {{ {destination} }}");
        Self { text, protocol: bucket.protocol(), wrong_secrets: false }
    }

    fn command(&self, project: &Project, arguments: &[&str]) -> RivetCommand {
        let secrets = self.protocol.secrets().iter();
        secrets.fold(project.command(arguments), |command, (name, value)| {
            // A key of Azure's is in base 64.
            let value = if self.wrong_secrets { "d3Jvbmctc2VjcmV0" } else { value };
            command.env(name, value)
        })
    }
}

#[track_caller]
fn assert_empty(bucket: &Bucket) {
    let objects = bucket.objects();
    assert!(objects.is_empty(), "{objects:?}");
    assert_eq!(bucket.uploads(), [""; 0], "uploads are open");
}

/// A database that counts who comes, and talks to nobody.
struct Silent {
    url: String,
    visits: Arc<AtomicUsize>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let visits: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&visits);
        // It ends with the process.
        thread::spawn(move || {
            for _visit in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url: format!("postgres://reader:{WRONG}@127.0.0.1:{port}/shop"), visits }
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// How the list of what is there is asked for.
fn listing(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::S3 | Protocol::Gcs => ("GET", "list-type"),
        Protocol::Azure => ("GET", "comp=list"),
    }
}

/// What a store answers to who may not list.
fn denied(protocol: Protocol) -> HttpFault {
    match protocol {
        Protocol::S3 | Protocol::Gcs => HttpFault::Status(403, "AccessDenied"),
        Protocol::Azure => HttpFault::Status(403, "AuthorizationPermissionMismatch"),
    }
}

fn a_healthy_store_is_left_as_it_was(protocol: Protocol) {
    let bucket = Bucket::create(protocol);
    bucket.put("raw/_rivet/check-list", "somebody else's");
    let database = TestDatabase::create();
    database.execute("CREATE TABLE orders AS SELECT 1 AS id");
    let export = Export::new(&bucket, bucket.url());
    let project = project(&database, &[&export.text]);
    let found = doctor_command(export.command(&project, &["doctor", "--json"]));
    found.finished.assert_code(0);
    let steps = found.steps("destination");
    let expected = ["put: ok", "get: ok", "list: ok", "create: ok", "multipart: ok", "abort: ok"];
    assert_eq!(steps[..6], expected, "{}", found.report);
    assert_eq!(found.report["status"], "healthy");
    assert_eq!(steps.last().map(String::as_str), Some("delete: ok"));
    assert_eq!(bucket.objects().into_keys().collect::<Vec<_>>(), ["raw/_rivet/check-list"]);
    assert_eq!(bucket.uploads(), [""; 0]);
}

/// Runs and lets the doctor look; both find the same one error, and the run has not been at the source.
#[track_caller]
fn assert_one_error(export: &Export, code: &str, what: &str) {
    let source = Silent::start();
    let project = project_at(&source.url, &[&export.text]);
    let outcome = run_command(export.command(&project, &["run", "--json"]));
    outcome.finished.assert_code(1).assert_silent_about(WRONG);
    let errors = outcome.report["errors"].as_array().expect("the report has a list of errors");
    assert_eq!(errors.len(), 1, "{what}: {errors:?}");
    assert_eq!(errors[0]["code"], format!("rivet::writer::{code}"), "{what}: {errors:?}");
    assert_eq!(source.visits(), 0, "{what}: the run has been at the source");

    let found = doctor_command(export.command(&project, &["doctor", "--json"]));
    found.finished.assert_code(1);
    assert!(source.visits() > 0, "{what}: the doctor goes on");
    let place = found.places("destination")[0];
    let failed: Vec<&Value> =
        place["steps"].as_array().into_iter().flatten().filter(|step| step["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{what}: {place}");
    assert_eq!(
        (text(failed[0], "message"), text(failed[0], "help")),
        (said(&errors[0]).as_str(), text(&errors[0], "help"))
    );
}

fn said(error: &Value) -> String {
    text(error, "message").to_owned()
}

fn a_mistake_is_one_error_and_the_source_is_not_touched(protocol: Protocol) {
    let bucket = Bucket::create(protocol);
    let answered = |method: &str, part: &str, status, code, expected: &str| {
        let proxy = HttpProxy::start(bucket.url());
        proxy.strike(ALWAYS, method, part, HttpFault::Status(status, code));
        assert_one_error(&Export::new(&bucket, &proxy.url()), expected, code);
        assert_empty(&bucket);
    };
    // The container that Azure's emulator is asked for has the name of its account before it.
    let missing = Export::new(&bucket, bucket.url());
    let text = missing.text.replace(&format!("bucket: {}", bucket.name()), "bucket: ocean-without-ground");
    assert_one_error(&Export { text, ..missing }, "no_bucket", "missing bucket");
    match protocol {
        Protocol::S3 => {
            answered("PUT", "", 403, "InvalidAccessKeyId", "credentials");
            answered("PUT", "", 403, "RequestTimeTooSkewed", "clock");
            answered("PUT", "", 301, "PermanentRedirect", "region");
            answered("PUT", "", 400, "AuthorizationHeaderMalformed", "region");
        }
        Protocol::Gcs => {
            answered("PUT", "", 401, "AuthenticationRequired", "credentials");
            answered("PUT", "", 403, "RequestTimeTooSkewed", "clock");
        }
        Protocol::Azure => {
            let wrong = Export { wrong_secrets: true, ..Export::new(&bucket, bucket.url()) };
            assert_one_error(&wrong, "credentials", "wrong key");
            answered("PUT", "", 403, "AuthenticationFailed", "credentials");
        }
    }
    assert_empty(&bucket);
}

fn what_is_denied_is_told_and_the_others_are_tried(protocol: Protocol) {
    let bucket = Bucket::create(protocol);
    let proxy = HttpProxy::start(bucket.url());
    let (method, part) = listing(protocol);
    proxy.strike(ALWAYS, method, part, denied(protocol));
    let export = Export::new(&bucket, &proxy.url());
    assert_one_error(&export, "permission", "no permission to list");
    let source = Silent::start();
    let found = doctor_command(export.command(&project_at(&source.url, &[&export.text]), &["doctor", "--json"]));
    let steps = outcomes(found.places("destination")[0]);
    assert_eq!(steps[..4], ["put: ok", "get: ok", "list: failed", "create: ok"]);
    assert_eq!(steps.last().map(String::as_str), Some("delete: ok"));
    assert_empty(&bucket);
}

fn a_signal_in_the_middle_leaves_nothing(protocol: Protocol) {
    let bucket = Bucket::create(protocol);
    let proxy = HttpProxy::start(bucket.url());
    let (method, part) = listing(protocol);
    proxy.strike(1, method, part, HttpFault::Stall);
    let source = Silent::start();
    let export = Export::new(&bucket, &proxy.url());
    let project = project_at(&source.url, &[&export.text]);
    let mut running = export.command(&project, &["doctor", "--json"]).spawn();
    running.wait_until("the stall", |_| !proxy.struck().is_empty());
    assert_eq!(bucket.objects().len(), 1, "nothing is there that could be left");
    running.stop(Stop::Interrupt);
    let finished = running.wait();
    finished.assert_code(130);
    let report: Value = serde_json::from_str(&finished.stdout).expect("the report is written all the same");
    assert_eq!(report["status"], "interrupted");
    assert_empty(&bucket);
}

fn a_fault_in_the_middle_leaves_nothing(protocol: Protocol) {
    let bucket = Bucket::create(protocol);
    let proxy = HttpProxy::start(bucket.url());
    let (pieces, end) = match protocol {
        Protocol::S3 | Protocol::Gcs => ("partNumber=1", ("POST", "uploadId")),
        Protocol::Azure => ("comp=block&", ("PUT", "comp=blocklist")),
    };
    let source = Silent::start();
    let export = Export::new(&bucket, &proxy.url());
    let project = project_at(&source.url, &[&export.text]);
    // The pieces are refused; what was done has its answer lost, and is done again.
    for (method, part, fault) in
        [("PUT", pieces, denied(protocol)), (end.0, end.1, denied(protocol)), (end.0, end.1, HttpFault::LoseAnswer)]
    {
        proxy.calm();
        proxy.strike(1, method, part, fault);
        let found = doctor_command(export.command(&project, &["doctor", "--json"]));
        found.finished.assert_code(if fault == HttpFault::LoseAnswer { 5 } else { 1 });
        let steps = outcomes(found.places("destination")[0]);
        assert_eq!(steps.last().map(String::as_str), Some("delete: ok"), "{steps:?}");
        assert_empty(&bucket);
    }
}
