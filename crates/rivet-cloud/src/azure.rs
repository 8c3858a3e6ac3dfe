use std::sync::Arc;

use object_store::azure::{AzureAccessKey, AzureConfigKey, AzureCredential, MicrosoftAzureBuilder};
use rivet_config::{AzureDestination, Environment};
use rivet_writer::{PartStore, RefusalKind, StoreError};

use crate::client::{Connector, options};
use crate::digest::Digests;
use crate::patience::Patience;
use crate::place::{Kind, Place, base_at};
use crate::secret::variable;

/// The variable with an account's key where the configuration names none.
const USUAL_KEY: &str = "AZURE_STORAGE_ACCOUNT_KEY";

/// The variable with a shared access signature where the configuration names none.
const USUAL_SIGNATURE: &str = "AZURE_STORAGE_SAS_TOKEN";

/// What a pod or a virtual machine is told by those who started it.
const OF_MACHINE: [(&str, AzureConfigKey); 7] = [
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_AUTHORITY_HOST", AzureConfigKey::AuthorityHost),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
    ("MSI_ENDPOINT", AzureConfigKey::MsiEndpoint),
];

/// Makes the store of a container of Azure Blob Storage.
pub(crate) fn open(
    destination: &AzureDestination,
    prefix: &str,
    environment: &Environment,
    patience: &Patience,
) -> Result<Arc<dyn PartStore>, StoreError> {
    let endpoint = destination.endpoint.clone();
    let server = endpoint.clone().unwrap_or_else(|| format!("https://{}.blob.core.windows.net", destination.account));
    let mut place = Place {
        kind: Kind::Azure,
        base: base_at(&server, &destination.container),
        bucket: destination.container.clone(),
        endpoint,
        region: None,
        credentials: String::new(),
    };
    let identity = Identity::find(destination, environment, &place)?;
    place.credentials = identity.described();
    if !matches!(identity, Identity::Anonymous | Identity::Key(..)) {
        place.refuse_bare_secret("a token of Azure")?;
    }
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(&destination.account)
        .with_container_name(&place.bucket)
        .with_retry(patience.retries())
        .with_client_options(options(&place, patience))
        .with_http_connector(
            Connector::new(&place, place.runtime()?).with_digests(identity.digests(&destination.account)),
        );
    if let Some(endpoint) = &place.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    let built = identity.give(builder, environment).build();
    let store = built.map_err(|_error| {
        let help = format!("Check {}, and `account_name`, `bucket` and `endpoint`.", place.credentials);
        place.refuse(RefusalKind::Credentials, "the credentials or the address can't be used as they are", help)
    })?;
    // Azure removes blocks that belong to no blob by itself, after a week.
    place.store(store, None, prefix)
}

/// Who asks.
enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// The account itself; the variable of its key, and the key.
    Key(String, String),
    /// Whoever holds a signature; its variable, and the signature.
    Signature(String, String),
    /// Whoever the environment says that this machine is.
    Machine,
}

impl Identity {
    fn find(destination: &AzureDestination, environment: &Environment, place: &Place) -> Result<Self, StoreError> {
        if destination.allow_anonymous {
            return Ok(Self::Anonymous);
        }
        if let Some(name) = &destination.account_key_env {
            let key = variable(environment, "account_key_env", name, place)?;
            return Ok(Self::Key(name.clone(), key.to_owned()));
        }
        if let Some(name) = &destination.sas_token_env {
            let signature = variable(environment, "sas_token_env", name, place)?;
            return Ok(Self::Signature(name.clone(), signature.to_owned()));
        }
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(ToOwned::to_owned);
        let key = set(USUAL_KEY).map(|key| Self::Key(USUAL_KEY.to_owned(), key));
        let signature = || set(USUAL_SIGNATURE).map(|text| Self::Signature(USUAL_SIGNATURE.to_owned(), text));
        Ok(key.or_else(signature).unwrap_or(Self::Machine))
    }

    fn give(self, builder: MicrosoftAzureBuilder, environment: &Environment) -> MicrosoftAzureBuilder {
        match self {
            Self::Anonymous => builder.with_skip_signature(true),
            Self::Key(_, key) => builder.with_access_key(key),
            Self::Signature(_, text) => {
                builder.with_config(AzureConfigKey::SasKey, text.trim_start_matches('?').to_owned())
            }
            Self::Machine => OF_MACHINE.into_iter().fold(builder, |builder, (name, key)| match environment.get(name) {
                Some(value) if !value.is_empty() => builder.with_config(key, value),
                _ => builder,
            }),
        }
    }

    /// Says how checksums go with what is sent: a key signs them, too.
    fn digests(&self, account: &str) -> Digests {
        match self {
            Self::Key(_, key) => match AzureAccessKey::try_new(key) {
                Ok(key) => Digests::Signed(account.to_owned(), Arc::new(AzureCredential::AccessKey(key))),
                // The store can't be made with it either, and says so.
                Err(_) => Digests::Sent,
            },
            Self::Anonymous | Self::Signature(..) | Self::Machine => Digests::Added,
        }
    }

    /// Names the credentials, for messages.
    fn described(&self) -> String {
        match self {
            Self::Anonymous => "anonymous access (`allow_anonymous`)".to_owned(),
            Self::Key(name, _) => format!("the account's key in `{name}`"),
            Self::Signature(name, _) => format!("the shared access signature in `{name}`"),
            Self::Machine => "the identity of this machine".to_owned(),
        }
    }
}
