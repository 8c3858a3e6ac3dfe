use rivet_model::RunId;
use rivet_testing::Protocol;
use rivet_writer::conformance;

use super::support::Bucket;

#[tokio::test(flavor = "multi_thread")]
async fn gcs_conforms() {
    let bucket = Bucket::start(Protocol::Gcs);
    conformance::durable(bucket.open("")).await;
    conformance::durable(bucket.open("raw/ünï code/date=2026-01-01")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_holds_what_the_manifest_says() {
    let bucket = Bucket::start(Protocol::Gcs);
    let manifest = conformance::run_to_commit(&bucket.open("raw"), RunId::generate()).await.unwrap();
    bucket.assert_holds(&manifest, "raw");
}
