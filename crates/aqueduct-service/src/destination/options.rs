//! What a store needs to be told besides its URL.

use std::fmt;
use std::time::Duration;

/// Options of a store. The default reads no environment and knows no credentials; [`StoreOptions::from_env`]
/// takes them from the usual variables. A field that is set wins over a variable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// URL of an S3-compatible server, such as `http://localhost:8333`. Default: Amazon's, by region
    /// (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`).
    pub s3_endpoint: Option<String>,
    /// The bucket's region. Default: `us-east-1` (`AWS_REGION`, `AWS_DEFAULT_REGION`).
    pub s3_region: Option<String>,
    /// Whether an endpoint may be plain HTTP. Default: no. Danger: whoever is on the way reads and changes
    /// what is stored (`AWS_ALLOW_HTTP`).
    pub s3_allow_http: bool,
    /// Access key id (`AWS_ACCESS_KEY_ID`).
    pub s3_access_key_id: Option<String>,
    /// Secret access key (`AWS_SECRET_ACCESS_KEY`).
    pub s3_secret_access_key: Option<Secret>,
    /// Token of temporary credentials (`AWS_SESSION_TOKEN`).
    pub s3_session_token: Option<Secret>,
    /// For how long a request that fails for the server's or the network's fault is tried again before the run
    /// gives up. Default: 60 s, so that a store may be restarted meanwhile. While a run has stored nothing yet
    /// it waits at most 5 s.
    pub retry_timeout: Duration,
    pub(super) variables: Vec<(String, Secret)>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            s3_endpoint: None,
            s3_region: None,
            s3_allow_http: false,
            s3_access_key_id: None,
            s3_secret_access_key: None,
            s3_session_token: None,
            retry_timeout: Duration::from_secs(60),
            variables: Vec::new(),
        }
    }
}

impl StoreOptions {
    /// The defaults, and all variables of the environment that name an option of a store: `AWS_*`, `GOOGLE_*`
    /// and `AZURE_*`, as the `object_store` crate reads them.
    pub fn from_env() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::from_variables(std::env::vars_os().filter_map(text))
    }

    /// Like [`StoreOptions::from_env`], from given names and values. Empty values count as absent.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let of_a_store =
            |name: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|start| name.starts_with(start));
        let variables = variables
            .into_iter()
            .filter(|(name, value)| of_a_store(name) && !value.is_empty())
            .map(|(name, value)| (name, Secret(value)))
            .collect();
        Self { variables, ..Self::default() }
    }

    /// The value of a variable.
    #[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only S3 needs to look before it connects"))]
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.0.as_str())
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
