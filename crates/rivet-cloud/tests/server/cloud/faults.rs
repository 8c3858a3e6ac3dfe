//! A run through a network and a server that fail: it ends well or with one error, and nothing is lost, doubled or
//! left half done.

use std::sync::Arc;
use std::time::Instant;

use rivet_model::{Retry, RunId};
use rivet_testing::{HttpFault, HttpProxy, Protocol};
use rivet_writer::{Manifest, PartStore, StoreError, conformance};

use super::support::Bucket;

/// What is said to a run: how often, to which requests, and what happens to them.
type Strike = (usize, &'static str, &'static str, HttpFault);

/// More than Rivet's patience.
const ALWAYS: usize = usize::MAX;

const SLOW_DOWN: HttpFault = HttpFault::Status(503, "SlowDown");

/// A run under faults.
struct Trial {
    bucket: Bucket,
    proxy: HttpProxy,
    run: RunId,
    store: Arc<dyn PartStore>,
}

impl Trial {
    fn begin(kind: Protocol, strikes: &[Strike]) -> Self {
        let bucket = Bucket::start(kind);
        let proxy = HttpProxy::start(bucket.url());
        let store = bucket.open_at(&proxy.url(), "raw").unwrap();
        for (times, method, part, fault) in strikes {
            proxy.strike(*times, method, part, *fault);
        }
        Self { bucket, proxy, run: RunId::generate(), store }
    }

    async fn run(&self) -> Result<Manifest, StoreError> {
        conformance::run_to_commit(&self.store, self.run).await
    }
}

/// The run ends well although each of these faults has struck.
async fn succeeds(kind: Protocol, strikes: &[Strike]) {
    let trial = Trial::begin(kind, strikes);
    let manifest = trial.run().await.unwrap_or_else(|error| panic!("{strikes:?}: {error}"));
    let expected: usize = strikes.iter().map(|(times, ..)| times).sum();
    assert_eq!(trial.proxy.struck().len(), expected, "{strikes:?}: {:?}", trial.proxy.struck());
    trial.bucket.assert_holds(&manifest, "raw");
    // Whoever comes later finds that it counts.
    assert_eq!(trial.store.manifest(&manifest.export, trial.run).await.unwrap(), Some(manifest));
}

/// The run fails with one error, and what it had written can be removed without a trace.
async fn fails(kind: Protocol, strikes: &[Strike], retry: Retry) -> StoreError {
    let trial = Trial::begin(kind, strikes);
    let error = trial.run().await.expect_err("the fault does not pass");
    assert_eq!(error.retry(), retry, "{strikes:?}: {error}");
    // By the way that has no faults, as after a while.
    let later = trial.bucket.open("raw");
    later.discard(trial.run, &[]).await.unwrap();
    trial.bucket.assert_empty();
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_passes_over_statuses_that_pass() {
    succeeds(
        Protocol::S3,
        &[
            (2, "PUT", "_rivet/check", SLOW_DOWN),
            (1, "POST", "uploads", HttpFault::Status(500, "InternalError")),
            (3, "PUT", "partNumber=2", HttpFault::Status(429, "TooManyRequests")),
            (2, "PUT", "partNumber=3", SLOW_DOWN),
            (1, "PUT", "partNumber=1", HttpFault::Status(400, "RequestTimeout")),
            (2, "POST", "uploadId", SLOW_DOWN),
            (2, "PUT", ".json", HttpFault::Status(500, "InternalError")),
            (1, "GET", "list-type", SLOW_DOWN),
            (1, "HEAD", "raw", HttpFault::Status(503, "")),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_passes_over_connections_that_break() {
    succeeds(
        Protocol::S3,
        &[
            (1, "PUT", "_rivet/check", HttpFault::ResetAfter(0)),
            (2, "PUT", "partNumber=2", HttpFault::ResetAfter(3_000_000)),
            (1, "PUT", "partNumber=1", HttpFault::Stall),
            (1, "POST", "uploadId", HttpFault::ResetAfter(10)),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_believes_what_it_reads_where_answers_are_lost() {
    let lost = HttpFault::LoseAnswer;
    // A part that is small, a part in pieces, its completion, the manifest, the pointer: each is done, and repeated.
    succeeds(
        Protocol::S3,
        &[
            (1, "PUT", "-000.csv", lost),
            (1, "PUT", "partNumber=2", lost),
            (1, "POST", "uploadId", lost),
            (1, "PUT", ".json", lost),
            (1, "PUT", "latest.json", lost),
        ],
    )
    .await;
    // The upload whose beginning is not answered is begun again, and does not stay open.
    succeeds(Protocol::S3, &[(1, "POST", "uploads", lost), (1, "POST", ".csv?uploads", lost)]).await;
    // No answer ever comes, and reading back settles it.
    let trial = Trial::begin(Protocol::S3, &[(ALWAYS, "POST", "uploadId", lost), (ALWAYS, "PUT", "_rivet/conf", lost)]);
    let error = trial.run().await.expect_err("the pointer to the latest run is not the commit");
    assert_eq!(error.retry(), Retry::Backoff, "{error}");
    let later = trial.bucket.open("raw");
    let export = "conformance: ünï/code".parse().unwrap();
    let manifest = later.manifest(&export, trial.run).await.unwrap().expect("the run counts");
    later.commit(&manifest).await.unwrap();
    trial.bucket.assert_holds(&manifest, "raw");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_fails_in_one_piece_where_nothing_passes() {
    fails(Protocol::S3, &[(ALWAYS, "PUT", "partNumber=3", SLOW_DOWN)], Retry::Backoff).await;
    fails(Protocol::S3, &[(ALWAYS, "PUT", "partNumber", HttpFault::ResetAfter(1_000_000))], Retry::Backoff).await;
    fails(Protocol::S3, &[(ALWAYS, "POST", "uploadId", HttpFault::ResetAfter(0))], Retry::Backoff).await;
    // The upload can't be given up either: what is left of it goes with the run.
    let gone = HttpFault::ResetAfter(0);
    fails(
        Protocol::S3,
        &[(ALWAYS, "PUT", "partNumber", gone), (ALWAYS, "DELETE", ".csv?uploadId", gone)],
        Retry::Backoff,
    )
    .await;
    fails(Protocol::S3, &[(ALWAYS, "PUT", ".json", SLOW_DOWN)], Retry::Backoff).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_repeats_no_refusal() {
    let denied = HttpFault::Status(403, "AccessDenied");
    let error = fails(Protocol::S3, &[(1, "PUT", "partNumber", denied)], Retry::Never).await;
    assert!(error.to_string().contains("no permission for this in the bucket `lake"), "{error}");
    assert!(error.to_string().contains("(AccessDenied: Said by the proxy)"), "{error}");
    fails(Protocol::S3, &[(1, "POST", "uploads", HttpFault::Status(404, "NoSuchBucket"))], Retry::Never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_without_conditions_gets_its_manifest_too() {
    succeeds(Protocol::S3, &[(1, "PUT", "_rivet/conf", HttpFault::Status(501, "NotImplemented"))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_is_silent_is_not_waited_for_long() {
    let begin = Instant::now();
    let trial = Trial::begin(Protocol::S3, &[(ALWAYS, "PUT", "_rivet/check", HttpFault::ResetAfter(0))]);
    let error = trial.store.check().await.expect_err("no answer comes");
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(error.to_string().contains("no answer from `127.0.0.1:"), "{error}");
    assert!(trial.proxy.struck().len() <= 3 && begin.elapsed().as_secs() < 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_passes_over_what_passes() {
    succeeds(
        Protocol::Gcs,
        &[
            (2, "PUT", "partNumber=2", SLOW_DOWN),
            (1, "PUT", "partNumber=3", HttpFault::Status(429, "")),
            (1, "PUT", "partNumber=1", HttpFault::ResetAfter(3_000_000)),
            (1, "PUT", "partNumber=1", HttpFault::Corrupt),
            (1, "PUT", "-000.csv", HttpFault::Corrupt),
            (1, "POST", "uploadId", HttpFault::LoseAnswer),
            (1, "PUT", "json", HttpFault::LoseAnswer),
            (2, "POST", "uploads", HttpFault::LoseAnswer),
        ],
    )
    .await;
    fails(Protocol::Gcs, &[(ALWAYS, "PUT", "partNumber=3", SLOW_DOWN)], Retry::Backoff).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_passes_over_what_passes() {
    succeeds(
        Protocol::Azure,
        &[
            (2, "PUT", "comp=block&", HttpFault::Status(503, "ServerBusy")),
            (1, "PUT", "comp=block&", HttpFault::ResetAfter(3_000_000)),
            (1, "PUT", "comp=block&", HttpFault::Corrupt),
            (1, "PUT", "-000.csv", HttpFault::Corrupt),
            (1, "PUT", "comp=blocklist", HttpFault::LoseAnswer),
            (1, "PUT", ".json", HttpFault::LoseAnswer),
        ],
    )
    .await;
    fails(Protocol::Azure, &[(ALWAYS, "PUT", "comp=block&", HttpFault::Status(503, "ServerBusy"))], Retry::Backoff)
        .await;
}
