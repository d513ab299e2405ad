//! Object stores over HTTP.

use std::sync::Arc;
use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::{StoreOptions, Stores};
use crate::error::{Error, ErrorKind, Result};

/// Longest wait between two tries, so that a server that is back is noticed soon.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// Wait after the first try.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// Longest time for one request. A 16 Mb/s segment of 6 s, eight at a time, needs it on a 7 Mb/s line.
const REQUEST: Duration = Duration::from_secs(120);
/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the first requests of a run are tried again at most: a wrong endpoint should be told soon.
const FIRST: Duration = Duration::from_secs(5);

/// The same store with little and with all the patience that `options` allow.
pub(super) fn both<S: ObjectStore>(
    options: &StoreOptions,
    build: impl Fn(&StoreOptions, RetryConfig) -> Result<S>,
) -> Result<Stores> {
    let first = build(options, retry(options.retry_timeout.min(FIRST)))?;
    let patient = build(options, retry(options.retry_timeout))?;
    Ok(Stores { first: Arc::new(first), patient: Arc::new(patient) })
}

fn retry(timeout: Duration) -> RetryConfig {
    let longest = LONGEST_WAIT.min(timeout / 4).max(SHORTEST_WAIT);
    let backoff = BackoffConfig { init_backoff: SHORTEST_WAIT, max_backoff: longest, base: 2.0 };
    // Time alone limits: a count would end sooner on a store that refuses at once.
    RetryConfig { backoff, max_retries: usize::MAX, retry_timeout: timeout }
}

fn client() -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT)
}

#[cfg(feature = "aws")]
pub(super) fn s3(
    bucket: &str,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<impl ObjectStore + use<>> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

    check_credentials(options)?;
    let endpoint = options.s3_endpoint.as_deref().or_else(|| {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| options.variable(name))
    });
    let allow_http = options.s3_allow_http
        || options.variable("AWS_ALLOW_HTTP").is_some_and(|value| value != "false" && value != "0");
    check_endpoint(endpoint, allow_http)?;

    let mut builder = AmazonS3Builder::new().with_client_options(client());
    for (name, value) in options.variables.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value.0.clone());
        }
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    if let Some(region) = &options.s3_region {
        builder = builder.with_region(region);
    }
    if let Some(id) = &options.s3_access_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = &options.s3_secret_access_key {
        builder = builder.with_secret_access_key(&secret.0);
    }
    if let Some(token) = &options.s3_session_token {
        builder = builder.with_token(&token.0);
    }
    builder
        .with_allow_http(allow_http)
        .with_bucket_name(bucket)
        .with_retry(retry)
        .build()
        .map_err(|error| refused(&error))
}

/// Without credentials `object_store` asks the metadata server of EC2, which elsewhere is a wait for nothing and a
/// message that helps nobody. Whoever wants it names it.
#[cfg(feature = "aws")]
fn check_credentials(options: &StoreOptions) -> Result<()> {
    let id = options.s3_access_key_id.is_some() || options.variable("AWS_ACCESS_KEY_ID").is_some();
    let secret =
        options.s3_secret_access_key.is_some() || options.variable("AWS_SECRET_ACCESS_KEY").is_some();
    let others = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_METADATA_ENDPOINT",
    ];
    let unsigned =
        options.variable("AWS_SKIP_SIGNATURE").is_some_and(|value| value != "false" && value != "0");
    let denied = |message: &str| Err(Error::new(ErrorKind::PermissionDenied, message));
    match (id, secret) {
        (true, true) => Ok(()),
        (true, false) => denied("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not: set both"),
        (false, true) => denied("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not: set both"),
        (false, false) if unsigned || others.iter().any(|name| options.variable(name).is_some()) => Ok(()),
        (false, false) => denied(
            "no credentials for s3://: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (from a profile: \
             `aws configure export-credentials --format env`); for the role of an EC2 instance set \
             AWS_METADATA_ENDPOINT=http://169.254.169.254",
        ),
    }
}

#[cfg(feature = "aws")]
fn check_endpoint(endpoint: Option<&str>, allow_http: bool) -> Result<()> {
    let Some(endpoint) = endpoint else { return Ok(()) };
    let scheme = url::Url::parse(endpoint).ok().filter(url::Url::has_host).map(|url| url.scheme().to_owned());
    match scheme.as_deref() {
        Some("https") => Ok(()),
        Some("http") if allow_http => Ok(()),
        Some("http") => Err(Error::new(
            ErrorKind::Destination,
            format!(
                "the endpoint {endpoint} is plain HTTP: allow that with --s3-allow-http or AWS_ALLOW_HTTP=true, or write https://"
            ),
        )),
        _ => Err(Error::new(
            ErrorKind::Destination,
            format!(
                "the endpoint {endpoint:?} is no URL of a server: write https://host or http://host:port"
            ),
        )),
    }
}

#[cfg(feature = "gcp")]
pub(super) fn gs(
    bucket: &str,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<impl ObjectStore + use<>> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

    let mut builder = GoogleCloudStorageBuilder::new().with_client_options(client());
    for (name, value) in options.variables.iter().filter(|(name, _)| name.starts_with("GOOGLE_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value.0.clone());
        }
    }
    builder.with_bucket_name(bucket).with_retry(retry).build().map_err(|error| refused(&error))
}

#[cfg(feature = "azure")]
pub(super) fn az(
    container: &str,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<impl ObjectStore + use<>> {
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

    let mut builder = MicrosoftAzureBuilder::new().with_client_options(client());
    for (name, value) in options.variables.iter().filter(|(name, _)| name.starts_with("AZURE_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>() {
            builder = builder.with_config(key, value.0.clone());
        }
    }
    builder.with_container_name(container).with_retry(retry).build().map_err(|error| refused(&error))
}

fn refused(error: &object_store::Error) -> Error {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    Error::new(ErrorKind::Destination, format!("an option of the store is wrong: {cause}"))
}
