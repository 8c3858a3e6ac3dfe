use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::client::HttpConnector as _;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use rivet_config::{Environment, GcsDestination};
use rivet_writer::{PartStore, RefusalKind, StoreError};
use serde_json::Value;

use crate::client::{Connector, options};
use crate::digest::Digests;
use crate::patience::Patience;
use crate::place::{Kind, Place, base_at};
use crate::uploads::{Signer, Uploads};

/// Where `gcloud auth application-default login` leaves what it got, below the folder of its configuration.
const USUAL_FILE: &str = "application_default_credentials.json";

/// Makes the store of a bucket of Google Cloud Storage.
pub(crate) fn open(
    destination: &GcsDestination,
    prefix: &str,
    environment: &Environment,
    patience: &Patience,
) -> Result<Arc<dyn PartStore>, StoreError> {
    let bucket = destination.bucket.clone();
    let base = match &destination.endpoint {
        Some(endpoint) => base_at(endpoint, &bucket),
        None => format!("gs://{bucket}"),
    };
    let endpoint = destination.endpoint.clone();
    let credentials = String::new();
    let mut place = Place { kind: Kind::Gcs, bucket, base, endpoint, region: None, credentials };
    let file = if destination.allow_anonymous { None } else { file(destination, environment) };
    place.credentials = match &file {
        _ if destination.allow_anonymous => "anonymous access (`allow_anonymous`)".to_owned(),
        Some(file) => format!("the account of `{}`", file.display()),
        None => "the service account of this machine".to_owned(),
    };
    let handle = place.runtime()?;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&place.bucket)
        .with_retry(patience.retries())
        .with_client_options(options(&place, patience))
        .with_http_connector(Connector::new(&place, handle.clone()).with_digests(Digests::Added));
    if let Some(endpoint) = &place.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    if destination.allow_anonymous {
        // With credentials of its own the builder looks for no others.
        let nobody = GcpCredential { bearer: String::new() };
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
    } else {
        place.refuse_bare_secret("the token of a Google account")?;
    }
    if let Some(file) = &file {
        check_file(file, &place)?;
        builder = builder.with_application_credentials(file.to_string_lossy());
    }
    let unusable = |_error| match &file {
        Some(file) => bad_file(file, "does not hold a key that works", &place),
        None => {
            let help = "Check `bucket` and `endpoint` of the destination.";
            place.refuse(RefusalKind::Other, "this can't be the address of a bucket", help)
        }
    };
    let store = builder.build().map_err(unusable)?;
    let uploads = Uploads {
        client: Connector::new(&place, handle).connect(&options(&place, patience)).map_err(unusable)?,
        signer: if destination.allow_anonymous {
            Signer::Nobody
        } else {
            Signer::Google(Arc::clone(store.credentials()))
        },
        url: base_at(place.endpoint.as_deref().unwrap_or("https://storage.googleapis.com"), &place.bucket),
        patience: patience.clone(),
    };
    place.store(store, Some(uploads), prefix)
}

/// Returns the file of credentials: where the configuration says, else where other tools look.
fn file(destination: &GcsDestination, environment: &Environment) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = destination.credentials_file.clone().or_else(|| set("GOOGLE_APPLICATION_CREDENTIALS"));
    named.or_else(|| {
        let folder = set("CLOUDSDK_CONFIG").or_else(|| Some(set("HOME")?.join(".config/gcloud")))?;
        Some(folder.join(USUAL_FILE)).filter(|file| file.exists())
    })
}

/// Finds out what is wrong with a file before it is handed on; what it holds is shown to nobody.
fn check_file(file: &Path, place: &Place) -> Result<(), StoreError> {
    let text = fs::read_to_string(file).map_err(|error| bad_file(file, &format!("can't be read: {error}"), place))?;
    let json: Value = serde_json::from_str(&text).map_err(|_error| bad_file(file, "is no JSON", place))?;
    match json["type"].as_str() {
        Some("service_account" | "authorized_user") => Ok(()),
        Some(other) => {
            let message =
                format!("the credentials in `{}` are of the type `{other}`, which Rivet does not use", file.display());
            let help = "Name the key of a service account, or run where the machine has a service account of its own.";
            Err(place.refuse(RefusalKind::Credentials, message, help))
        }
        None => Err(bad_file(file, "has no `type`", place)),
    }
}

fn bad_file(file: &Path, what: &str, place: &Place) -> StoreError {
    let message = format!("the file of credentials `{}` {what}", file.display());
    let help = "Name the JSON file of a service account with `credentials_file`.";
    place.refuse(RefusalKind::Credentials, message, help)
}
