use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::client::HttpConnector as _;
use rivet_config::{Environment, S3Destination};
use rivet_writer::{PartStore, RefusalKind, StoreError};

use crate::client::{Connector, options};
use crate::patience::Patience;
use crate::place::{Kind, Place, base_at};
use crate::profile::{Grant, Keys, Profile, ProfileError, WebIdentity};
use crate::secret::variable;
use crate::uploads::{Signer, Uploads};

/// The region of requests where none is said; servers of one's own take any.
const USUAL_REGION: &str = "us-east-1";

/// The profile that is taken where none is named.
const USUAL_PROFILE: &str = "default";

/// Where tokens of other parties are turned into credentials, where that is not the provider's own place.
const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// What a pod, a container or a virtual machine is told by those who started it.
const OF_MACHINE: [(&str, AmazonS3ConfigKey); 8] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    (STS_ENDPOINT, AmazonS3ConfigKey::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", AmazonS3ConfigKey::MetadataEndpoint),
];

/// Makes the store of an S3 bucket.
pub(crate) fn open(
    destination: &S3Destination,
    prefix: &str,
    environment: &Environment,
    patience: &Patience,
) -> Result<Arc<dyn PartStore>, StoreError> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let endpoint = destination.endpoint.as_deref().or_else(|| set("AWS_ENDPOINT_URL_S3").or(set("AWS_ENDPOINT_URL")));
    let bucket = destination.bucket.clone();
    let mut place = Place {
        kind: Kind::S3,
        base: endpoint.map_or_else(|| format!("s3://{bucket}"), |endpoint| base_at(endpoint, &bucket)),
        bucket,
        endpoint: endpoint.map(ToOwned::to_owned),
        region: None,
        credentials: String::new(),
    };
    let (identity, profile) = Identity::find(destination, environment, &place)?;
    let region = destination.region.as_deref().or_else(|| set("AWS_REGION").or(set("AWS_DEFAULT_REGION")));
    let region = region.or_else(|| profile.as_ref().and_then(Profile::region)).unwrap_or(USUAL_REGION).to_owned();
    place.region = Some(region.clone());
    place.credentials = identity.described(destination);

    let handle = place.runtime()?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&place.bucket)
        .with_region(&region)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(patience.retries())
        .with_client_options(options(&place, patience))
        .with_http_connector(Connector::new(&place, handle.clone()));
    if let Some(endpoint) = &place.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let is_nobody = matches!(identity, Identity::Anonymous);
    let unusable = |_error| {
        let help = "Check `bucket`, `region` and `endpoint` of the destination.";
        place.refuse(RefusalKind::Other, "this can't be the address of a bucket", help)
    };
    let store = identity.give(builder, environment).build().map_err(unusable)?;
    let uploads = Uploads {
        client: Connector::new(&place, handle).connect(&options(&place, patience)).map_err(unusable)?,
        signer: if is_nobody { Signer::Nobody } else { Signer::Aws(Arc::clone(store.credentials()), region.clone()) },
        url: match &place.endpoint {
            Some(_) => place.base.clone(),
            None => format!("https://s3.{region}.amazonaws.com/{}", place.bucket),
        },
        patience: patience.clone(),
    };
    place.store(store, Some(uploads), prefix)
}

/// Who asks.
enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// A user with keys; where from, and the keys.
    Keys(String, Keys),
    /// A profile that names a token.
    Token(String, WebIdentity),
    /// Whoever the environment says that this machine is.
    Machine,
}

impl Identity {
    /// Looks where the configuration says, else where other tools look, in their order.
    fn find(
        destination: &S3Destination,
        environment: &Environment,
        place: &Place,
    ) -> Result<(Self, Option<Profile>), StoreError> {
        if destination.allow_anonymous {
            return Ok((Self::Anonymous, None));
        }
        if let Some((access, secret)) = &destination.keys_env {
            let token = destination.session_token_env.as_deref();
            let token = token.map(|name| variable(environment, "session_token_env", name, place)).transpose()?;
            let keys = Keys {
                access: variable(environment, "access_key_env", access, place)?.to_owned(),
                secret: variable(environment, "secret_key_env", secret, place)?.to_owned(),
                token: token.map(ToOwned::to_owned),
            };
            return Ok((Self::Keys(format!("the keys in `{access}` and `{secret}`"), keys), None));
        }
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let of_environment = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"));
        let (named, is_usual) = match (&destination.profile, of_environment) {
            (Some(profile), _) => (profile.as_str(), false),
            (None, (Some(access), Some(secret))) => {
                let token = set("AWS_SESSION_TOKEN").map(ToOwned::to_owned);
                let keys = Keys { access: access.to_owned(), secret: secret.to_owned(), token };
                let whose = "the keys in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`";
                return Ok((Self::Keys(whose.to_owned(), keys), None));
            }
            (None, _) => set("AWS_PROFILE").map_or((USUAL_PROFILE, true), |name| (name, false)),
        };
        match Profile::read(named, environment) {
            Ok(profile) => Self::of_profile(named, is_usual, profile, place),
            Err(ProfileError::Missing(_)) if is_usual => Ok((Self::Machine, None)),
            Err(error) => Err(no_profile(named, &error, place)),
        }
    }

    fn of_profile(
        name: &str,
        is_usual: bool,
        profile: Profile,
        place: &Place,
    ) -> Result<(Self, Option<Profile>), StoreError> {
        let whose = format!("the AWS profile `{name}`");
        let identity = match profile.grant() {
            Grant::Keys(keys) => Self::Keys(whose, keys),
            Grant::WebIdentity(identity) => Self::Token(whose, identity),
            Grant::Unknown(_) | Grant::Nothing if is_usual => Self::Machine,
            Grant::Unknown(key) => {
                let message = format!("{whose} gets its credentials by `{key}`, which Rivet does not");
                let help = format!(
                    "Run `eval $(aws configure export-credentials --profile {name} --format env)` first, and leave \
                     `aws_profile` out."
                );
                return Err(place.refuse(RefusalKind::Credentials, message, help));
            }
            Grant::Nothing => {
                let message = format!("{whose} has no credentials");
                let help = "Give it `aws_access_key_id` and `aws_secret_access_key`, or name another profile.";
                return Err(place.refuse(RefusalKind::Credentials, message, help));
            }
        };
        Ok((identity, Some(profile)))
    }

    fn give(self, builder: AmazonS3Builder, environment: &Environment) -> AmazonS3Builder {
        match self {
            Self::Anonymous => builder.with_skip_signature(true),
            Self::Keys(_, Keys { access, secret, token }) => {
                let builder = builder.with_access_key_id(access).with_secret_access_key(secret);
                token.into_iter().fold(builder, AmazonS3Builder::with_token)
            }
            Self::Token(_, WebIdentity { token_file, role, session }) => {
                let builder = builder
                    .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, token_file)
                    .with_config(AmazonS3ConfigKey::RoleArn, role);
                let endpoint = environment.get(STS_ENDPOINT).filter(|url| !url.is_empty()).map(ToOwned::to_owned);
                let more = [(AmazonS3ConfigKey::RoleSessionName, session), (AmazonS3ConfigKey::StsEndpoint, endpoint)];
                let more = more.into_iter().filter_map(|(key, value)| Some((key, value?)));
                more.fold(builder, |builder, (key, value)| builder.with_config(key, value))
            }
            Self::Machine => OF_MACHINE.into_iter().fold(builder, |builder, (name, key)| match environment.get(name) {
                Some(value) if !value.is_empty() => builder.with_config(key, value),
                _ => builder,
            }),
        }
    }

    /// Names the credentials, for messages.
    fn described(&self, destination: &S3Destination) -> String {
        match (self, &destination.session_token_env) {
            (Self::Anonymous, _) => "anonymous access (`allow_anonymous`)".to_owned(),
            (Self::Keys(whose, _), Some(token)) => format!("{whose}, and the session token in `{token}`"),
            (Self::Keys(whose, _) | Self::Token(whose, _), _) => whose.clone(),
            (Self::Machine, _) => "the role of this machine".to_owned(),
        }
    }
}

fn no_profile(name: &str, error: &ProfileError, place: &Place) -> StoreError {
    let (message, help) = match error {
        ProfileError::Missing(files) => {
            let files: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
            let files = if files.is_empty() { "no file, since `HOME` is not set".to_owned() } else { files.join(", ") };
            (format!("there is no AWS profile `{name}`"), format!("Correct `aws_profile`; looked at {files}."))
        }
        ProfileError::Unreadable(path, error) => (
            format!("the AWS profile `{name}` can't be read: {error}"),
            format!("Let the user that runs Rivet read `{}`.", path.display()),
        ),
    };
    place.refuse(RefusalKind::Credentials, message, help)
}
