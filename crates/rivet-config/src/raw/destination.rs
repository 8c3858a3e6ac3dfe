use schemars::JsonSchema;
use serde::Deserialize;

/// Which kind of place files go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DestinationType {
    /// A folder of this machine.
    Local,
    /// Amazon S3 and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// The standard output of `rivet run`.
    Stdout,
}

impl DestinationType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
            Self::Stdout => "stdout",
        }
    }
}

/// Where the files go. `path` and `prefix` may hold `{date}` (the UTC day of the run), `{export}`, `{table}` (not
/// with a query) and `{run_id}`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDestination {
    /// Which kind of place. Required.
    #[serde(rename = "type")]
    pub(crate) kind: Option<DestinationType>,
    /// `local`: the folder, relative to the configuration's folder. Required there.
    pub(crate) path: Option<String>,
    /// `s3`, `gcs`: the bucket; `azure`: the container. Required there.
    pub(crate) bucket: Option<String>,
    /// `s3`, `gcs`, `azure`: what the names of all objects begin with.
    pub(crate) prefix: Option<String>,
    /// `s3`: the region. Default: that of the profile or of the machine.
    pub(crate) region: Option<String>,
    /// `s3`, `gcs`, `azure`: the URL of a server that speaks the same protocol.
    pub(crate) endpoint: Option<String>,
    /// `s3`: the environment variable that holds the access key; with `secret_key_env`.
    pub(crate) access_key_env: Option<String>,
    /// `s3`: the environment variable that holds the secret key; with `access_key_env`.
    pub(crate) secret_key_env: Option<String>,
    /// `s3`: the environment variable that holds the session token of temporary keys.
    pub(crate) session_token_env: Option<String>,
    /// `s3`: a profile of the AWS configuration.
    pub(crate) aws_profile: Option<String>,
    /// `gcs`: the JSON file of a service account, relative to the configuration's folder.
    pub(crate) credentials_file: Option<String>,
    /// `azure`: the storage account. Required there.
    pub(crate) account_name: Option<String>,
    /// `azure`: the environment variable that holds the account's key. Not with `sas_token_env`.
    pub(crate) account_key_env: Option<String>,
    /// `azure`: the environment variable that holds a shared access signature. Not with `account_key_env`.
    pub(crate) sas_token_env: Option<String>,
    /// `s3`, `gcs`, `azure`: sends no credentials. Default: false.
    pub(crate) allow_anonymous: Option<bool>,
}
