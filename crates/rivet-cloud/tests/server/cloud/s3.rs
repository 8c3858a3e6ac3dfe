use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use rivet_config::{Destination, Environment, S3Destination};
use rivet_model::RunId;
use rivet_testing::{HttpFault, HttpProxy, Protocol};
use rivet_writer::conformance;

use super::support::{Bucket, patience};

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    let bucket = Bucket::start(Protocol::S3);
    conformance::durable(bucket.open("")).await;
    conformance::durable(bucket.open("raw/ünï code/date=2026-01-01")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_holds_what_the_manifest_says() {
    let bucket = Bucket::start(Protocol::S3);
    let proxy = HttpProxy::start(bucket.url());
    let store = bucket.open_at(&proxy.url(), "raw").unwrap();
    let manifest = conformance::run_to_commit(&store, RunId::generate()).await.unwrap();
    bucket.assert_holds(&manifest, "raw");
    let checksums = proxy.headers("PUT", "x-amz-checksum-sha256");
    assert!(checksums.len() >= 8 && checksums.iter().all(Option::is_some), "{checksums:?}");
    let conditions = proxy.headers("PUT", "if-none-match");
    assert_eq!(conditions.iter().flatten().count(), 1, "the manifest alone is created on a condition");
}

/// Says who asks: the key and the region of each request, and the session.
async fn asker(bucket: &Bucket, change: impl FnOnce(&mut S3Destination), environment: &Environment) -> Vec<String> {
    let proxy = HttpProxy::start(bucket.url());
    let Destination::S3(mut s3) = bucket.destination_at(&proxy.url()) else { panic!("this is S3") };
    (s3.keys_env, s3.region) = (None, None);
    change(&mut s3);
    let store = rivet_cloud::open_with(&patience(), &Destination::S3(s3), "", environment).unwrap().unwrap();
    // What these may do is the server's to say.
    drop(store.check().await);
    let sessions = proxy.headers("PUT", "x-amz-security-token");
    let askers = proxy.headers("PUT", "authorization").into_iter().zip(sessions).map(|(authorization, session)| {
        let authorization = authorization.unwrap_or_else(|| "nobody".to_owned());
        let scope = authorization.split("Credential=").last().unwrap().split("/s3/").next().unwrap();
        let (key, rest) = scope.split_once('/').unwrap_or((scope, ""));
        format!("{key} {} {}", rest.rsplit('/').next().unwrap(), session.unwrap_or_default()).trim().to_owned()
    });
    askers.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_asks_with_the_credentials_that_are_said() {
    let bucket = Bucket::start(Protocol::S3);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let config = "[default]\nregion = eu-south-2\n[profile lake]\nregion = eu-west-1\n";
    fs::write(home.path().join(".aws/config"), config).unwrap();
    let keys = |name, key| format!("[{name}]\naws_access_key_id = {key}\naws_secret_access_key = s\n");
    fs::write(home.path().join(".aws/credentials"), keys("lake", "LAKE") + &keys("default", "USUAL")).unwrap();
    let home = home.path().to_str().unwrap();

    let named = [("A", "NAMED"), ("B", "secret"), ("C", "session"), ("AWS_REGION", "eu-north-1"), ("HOME", home)];
    let change = |s3: &mut S3Destination| {
        (s3.keys_env, s3.session_token_env) = (Some(("A".to_owned(), "B".to_owned())), Some("C".to_owned()));
    };
    assert_eq!(asker(&bucket, change, &Environment::from_iter(named)).await, ["NAMED eu-north-1 session"]);

    let usual = [("AWS_ACCESS_KEY_ID", "OURS"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("HOME", home)];
    assert_eq!(asker(&bucket, |_| {}, &Environment::from_iter(usual)).await, ["OURS us-east-1"]);
    let change = |s3: &mut S3Destination| s3.profile = Some("lake".to_owned());
    assert_eq!(asker(&bucket, change, &Environment::from_iter(usual)).await, ["LAKE eu-west-1"]);
    let change = |s3: &mut S3Destination| s3.allow_anonymous = true;
    assert_eq!(asker(&bucket, change, &Environment::from_iter(usual)).await, ["nobody"]);

    let files = [("HOME", home)];
    assert_eq!(asker(&bucket, |_| {}, &Environment::from_iter(files)).await, ["USUAL eu-south-2"]);
    let change = |s3: &mut S3Destination| s3.region = Some("ap-east-1".to_owned());
    assert_eq!(asker(&bucket, change, &Environment::from_iter(files)).await, ["USUAL ap-east-1"]);
    let files = [("HOME", home), ("AWS_PROFILE", "lake")];
    assert_eq!(asker(&bucket, |_| {}, &Environment::from_iter(files)).await, ["LAKE eu-west-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_asks_as_the_container_that_it_is() {
    let bucket = Bucket::start(Protocol::S3);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "who I am").unwrap();
    let agent = container_agent(&token);
    let environment = Environment::from_iter([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
    ]);
    assert_eq!(asker(&bucket, |_| {}, &environment).await, ["POD us-east-1 pod-session"]);
}

/// The service that takes the token has to be spoken to by HTTPS, which no server here does: so nothing is sent, and no
/// other identity is taken in its place.
#[tokio::test(flavor = "multi_thread")]
async fn s3_sends_the_token_of_a_role_nowhere_in_the_clear() {
    let bucket = Bucket::start(Protocol::S3);
    let tokens = HttpProxy::start(bucket.url());
    let url = tokens.url();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "who I am").unwrap();
    fs::create_dir(folder.path().join(".aws")).unwrap();
    let role = "arn:aws:iam::123456789012:role/writer";
    let profile = format!("[default]\nrole_arn = {role}\nweb_identity_token_file = {}\n", token.display());
    fs::write(folder.path().join(".aws/config"), profile).unwrap();
    let of_pod = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", role),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
    ];
    let of_profile = [("HOME", folder.path().to_str().unwrap()), ("AWS_ENDPOINT_URL_STS", url.as_str())];
    for environment in [Environment::from_iter(of_pod), Environment::from_iter(of_profile)] {
        assert_eq!(asker(&bucket, |_| {}, &environment).await, [""; 0]);
        assert_eq!(tokens.requests(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_asks_as_the_machine_that_it_is() {
    let bucket = Bucket::start(Protocol::S3);
    let metadata = serve(|request| match request.split(' ').nth(1)? {
        "/latest/api/token" => Some("the token".to_owned()),
        _ if !request.to_lowercase().contains("x-aws-ec2-metadata-token: the token") => None,
        "/latest/meta-data/iam/security-credentials/" => Some("writer".to_owned()),
        "/latest/meta-data/iam/security-credentials/writer" => Some(credentials("MACHINE", "machine-session")),
        _ => None,
    });
    let environment = Environment::from_iter([("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str())]);
    assert_eq!(asker(&bucket, |_| {}, &environment).await, ["MACHINE us-east-1 machine-session"]);
}

/// Who may not look for open uploads is told once, and nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn s3_does_without_a_list_of_uploads() {
    let bucket = Bucket::start(Protocol::S3);
    let proxy = HttpProxy::start(bucket.url());
    let store = bucket.open_at(&proxy.url(), "raw").unwrap();
    proxy.strike(usize::MAX, "GET", "?uploads=", HttpFault::Status(403, "AccessDenied"));
    let manifest = conformance::run_to_commit(&store, RunId::generate()).await.unwrap();
    bucket.assert_holds(&manifest, "raw");
    // When the place is tried, and when the run is committed.
    assert_eq!(proxy.struck().len(), 2, "{:?}", proxy.struck());
}

/// Serves the credentials of a container to who shows its token, as the agent of a cluster does.
fn container_agent(token: &Path) -> String {
    let token = fs::read_to_string(token).unwrap();
    let url = serve(move |request| request.contains(&token).then(|| credentials("POD", "pod-session")));
    format!("{url}/v1/credentials")
}

fn credentials(key: &str, session: &str) -> String {
    let lasting = r#""SecretAccessKey":"s","Expiration":"2999-01-01T00:00:00Z""#;
    format!(r#"{{"AccessKeyId":"{key}","Token":"{session}",{lasting}}}"#)
}

/// Answers requests, those of nobody with a refusal, and returns where.
fn serve(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = client.read(&mut request).unwrap();
            let answer = answer(&String::from_utf8_lossy(request.get(..length).unwrap_or_default()));
            let status = if answer.is_some() { "200 OK" } else { "401 Unauthorized" };
            let body = answer.unwrap_or_default();
            let length = body.len();
            write!(client, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
    });
    url
}
