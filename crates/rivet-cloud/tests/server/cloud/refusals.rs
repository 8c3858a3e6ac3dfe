//! What a person has set wrong: one error that says what to change, before anything else is done, and without a secret.

use miette::Diagnostic as _;
use rivet_config::{AzureDestination, Destination, Environment, GcsDestination, S3Destination};
use rivet_model::Retry;
use rivet_testing::{AZURE_KEY, HttpFault, HttpProxy, Protocol};
use rivet_writer::StoreError;

use super::support::{Bucket, environment, patience};

/// Opens a destination and tries it, as a run does before it touches its source.
async fn refused(destination: &Destination, environment: &Environment) -> StoreError {
    let opened = rivet_cloud::open_with(&patience(), destination, "raw", environment);
    let error = match opened {
        Ok(store) => store.unwrap().check().await.expect_err("this destination can't work"),
        Err(error) => error,
    };
    let shown = format!("{error} {error:?} {:?}", error.help().map(|help| help.to_string()));
    for secret in ["wrong-secret", AZURE_KEY, "c2lnbmF0dXJl", "session-token"] {
        assert!(!shown.contains(secret), "{secret} stands in {shown}");
    }
    error
}

#[track_caller]
fn assert_says(error: &StoreError, code: &str, message: &str, help: &str) {
    assert_eq!(error.code().unwrap().to_string(), format!("rivet::writer::{code}"), "{error}");
    assert_eq!(error.retry(), if code == "unreachable" { Retry::Backoff } else { Retry::Never });
    assert!(error.to_string().contains(message), "{error}");
    let found = error.help().unwrap().to_string();
    assert!(found.contains(help), "{found}");
}

fn changed_s3(bucket: &Bucket, change: impl FnOnce(&mut S3Destination)) -> Destination {
    let Destination::S3(mut s3) = bucket.destination_at(bucket.url()) else { panic!("this is S3") };
    change(&mut s3);
    Destination::S3(s3)
}

fn changed_gcs(bucket: &Bucket, change: impl FnOnce(&mut GcsDestination)) -> Destination {
    let Destination::Gcs(mut gcs) = bucket.destination_at(bucket.url()) else { panic!("this is GCS") };
    change(&mut gcs);
    Destination::Gcs(gcs)
}

fn changed_azure(bucket: &Bucket, change: impl FnOnce(&mut AzureDestination)) -> Destination {
    let Destination::Azure(mut azure) = bucket.destination_at(bucket.url()) else { panic!("this is Azure") };
    change(&mut azure);
    Destination::Azure(azure)
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_says_what_is_set_wrong() {
    let bucket = Bucket::start(Protocol::S3);
    let missing = changed_s3(&bucket, |s3| "ocean".clone_into(&mut s3.bucket));
    let error = refused(&missing, &environment()).await;
    assert_says(&error, "no_bucket", "/ocean/raw`: there is no bucket `ocean` (NoSuchBucket", "Create the bucket");

    let error = refused(&bucket.destination_at(bucket.url()), &Environment::empty()).await;
    assert_says(&error, "credentials", "the variable `S3_KEY` is not set", "`access_key_env`");

    let profile = changed_s3(&bucket, |s3| (s3.keys_env, s3.profile) = (None, Some("lake".to_owned())));
    let error = refused(&profile, &environment()).await;
    assert_says(&error, "credentials", "there is no AWS profile `lake`", "`HOME` is not set");

    let away = changed_s3(&bucket, |s3| s3.endpoint = Some("http://127.0.0.1:1".to_owned()));
    let error = refused(&away, &environment()).await;
    assert_says(&error, "unreachable", "no answer from `127.0.0.1:1`", "Check `endpoint`");
    bucket.assert_empty();
}

/// The server at hand takes every key and knows no region: its answers are those of the real one, by the proxy.
#[tokio::test(flavor = "multi_thread")]
async fn s3_explains_what_is_answered() {
    let bucket = Bucket::start(Protocol::S3);
    let check = async |method, part, fault, code: &str, message: &str, help: &str| {
        let proxy = HttpProxy::start(bucket.url());
        proxy.strike(usize::MAX, method, part, fault);
        let error = refused(&bucket.destination_at(&proxy.url()), &environment()).await;
        assert_says(&error, code, message, help);
        assert_eq!(proxy.struck().len(), 1, "a refusal is not repeated");
        bucket.assert_empty();
    };
    let said = |code| HttpFault::Status(403, code);
    check("PUT", "", said("InvalidAccessKeyId"), "credentials", "are not accepted", "in `S3_KEY` and `S3_SECRET`")
        .await;
    check("PUT", "", said("SignatureDoesNotMatch"), "credentials", "SignatureDoesNotMatch", "Check the keys").await;
    check("PUT", "", said("AccessDenied"), "permission", "no permission for this in the bucket", "`s3:PutObject`")
        .await;
    check("PUT", "", said("RequestTimeTooSkewed"), "clock", "this machine's clock", "time server").await;
    let elsewhere = HttpFault::Status(400, "AuthorizationHeaderMalformed");
    check("PUT", "", elsewhere, "region", "the bucket `lake", "Set `region`").await;
    check("PUT", "", HttpFault::Status(301, "PermanentRedirect"), "region", "`us-east-1`", "Set `region`").await;
    check("GET", "list-type", said("AccessDenied"), "permission", "cannot list", "`s3:ListBucket`").await;
    check("GET", "check-", said("AccessDenied"), "permission", "cannot read from", "`s3:GetObject`").await;
    check("POST", "uploads", said("AccessDenied"), "permission", "cannot begin an upload", "`s3:PutObject`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_says_what_is_set_wrong() {
    let bucket = Bucket::start(Protocol::Gcs);
    let missing = changed_gcs(&bucket, |gcs| "ocean".clone_into(&mut gcs.bucket));
    let error = refused(&missing, &environment()).await;
    assert_says(&error, "no_bucket", "there is no bucket `ocean`", "Create the bucket");

    let folder = tempfile::tempdir().unwrap();
    let check = async |text: &str, message: &str| {
        let file = folder.path().join("account.json");
        std::fs::write(&file, text).unwrap();
        let named = changed_gcs(&bucket, |gcs| {
            gcs.allow_anonymous = false;
            gcs.credentials_file = Some(file);
        });
        assert_says(&refused(&named, &environment()).await, "credentials", message, "");
    };
    check("wrong-secret", "is no JSON").await;
    check(r#"{"key": "wrong-secret"}"#, "has no `type`").await;
    check(r#"{"type": "external_account"}"#, "are of the type `external_account`").await;
    check(r#"{"type": "service_account", "private_key": "wrong-secret"}"#, "does not hold a key that works").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_says_what_is_set_wrong() {
    let bucket = Bucket::start(Protocol::Azure);
    let missing = changed_azure(&bucket, |azure| "ocean".clone_into(&mut azure.container));
    let error = refused(&missing, &environment()).await;
    assert_says(&error, "no_bucket", "there is no container `ocean`", "Create the container");

    let wrong = Environment::from_iter([("AZURE_KEY", "d3Jvbmctc2VjcmV0"), ("SAS", "sv=2024-01-01&sig=c2lnbmF0dXJl")]);
    let error = refused(&changed_azure(&bucket, |_| {}), &wrong).await;
    assert_says(&error, "credentials", "the credentials are not accepted", "the account's key in `AZURE_KEY`");

    let signature = changed_azure(&bucket, |azure| {
        (azure.account_key_env, azure.sas_token_env) = (None, Some("SAS".to_owned()));
    });
    let error = refused(&signature, &wrong).await;
    assert_says(&error, "credentials", "not accepted", "the shared access signature in `SAS`");

    let no_key = Environment::from_iter([("AZURE_KEY", "wrong-secret!")]);
    let error = refused(&changed_azure(&bucket, |_| {}), &no_key).await;
    assert_says(&error, "credentials", "can't be used as they are", "the account's key in `AZURE_KEY`");

    let nobody = changed_azure(&bucket, |azure| (azure.account_key_env, azure.allow_anonymous) = (None, true));
    let error = refused(&nobody, &environment()).await;
    assert!(error.retry() == Retry::Never, "{error}");
    bucket.assert_empty();
}
