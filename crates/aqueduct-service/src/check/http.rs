//! Resources of web servers, asked for as a player in a browser does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aqueduct::check::{Answer, FetchError, FetchErrorKind, Http, Request, Want};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, LOCATION, ORIGIN, RANGE,
};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use std::io::Write;
use tokio::runtime::Handle;
use tokio::time::timeout_at;
use url::{Host, Url};

use super::public::Reach;
use super::{FetchOptions, refused};
use crate::error::{Error, ErrorKind, Result};

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(10);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Where a page would come from that plays the presentation: servers answer it as they answer pages.
const PAGE: &str = "https://player.example";
/// Headers that rules look at.
const KEPT: [&str; 9] = [
    "access-control-allow-origin",
    "age",
    "cache-control",
    "content-encoding",
    "content-type",
    "date",
    "expires",
    "last-modified",
    "accept-ranges",
];

/// Fetches over HTTP.
pub(super) struct Web {
    client: Client,
    reach: Reach,
    redirects: u32,
    ends: Instant,
    lasts: Duration,
    runtime: Handle,
}

impl Web {
    /// For a target at this URL, or somewhere else.
    pub(super) fn new(target: Option<&Url>, options: &FetchOptions, runtime: &Handle) -> Result<Self> {
        let is_local = target.and_then(Url::host).is_some_and(|host| match host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        });
        let reach = match (options.allow_private, is_local) {
            (true, _) => Reach::Any,
            (false, true) => Reach::Loopback,
            (false, false) => Reach::Public,
        };
        let client = Client::builder()
            .user_agent(concat!("aqueduct-check/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(options.request_timeout)
            // Each hop is looked at; a proxy would resolve names where nobody looks.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { reach }))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "no HTTP client can be made").with_cause(error)
            })?;
        let lasts = options.total_timeout;
        // Longer than any clock counts is as good as a year.
        let now = Instant::now();
        let ends = now.checked_add(lasts).unwrap_or(now + YEAR);
        Ok(Self { client, reach, redirects: options.redirects, ends, lasts, runtime: runtime.clone() })
    }

    pub(super) fn fetch(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        self.runtime.block_on(self.get(request))
    }

    pub(super) async fn get(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        if Instant::now() >= self.ends {
            return Err(self.is_over());
        }
        // What is under way ends then, too, however it stalls: connecting, in its redirects, byte by byte.
        match timeout_at(self.ends.into(), self.answer(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.is_over()),
        }
    }

    /// That the time for the whole check is over, which is no fault of the server.
    fn is_over(&self) -> FetchError {
        let seconds = self.lasts.as_secs_f64();
        refused(format!("the time for the whole check, {seconds} s, was over; --timeout gives it more"))
    }

    async fn answer(&self, request: &Request<'_>) -> std::result::Result<Answer, FetchError> {
        match &request.want {
            Want::Length => self.length(request.url).await,
            Want::Bytes(range) if range.is_empty() => Ok(Answer::whole(request.url, Bytes::new())),
            Want::Bytes(range) => {
                let range = format!("bytes={}-{}", range.start, range.end - 1);
                self.body(self.ask(Method::GET, request.url, Some(&range), false).await?, request.limit).await
            }
            _ => self.body(self.ask(Method::GET, request.url, None, true).await?, request.limit).await,
        }
    }

    /// The length without the bytes: HEAD, or where that is not allowed or says nothing, the first byte.
    async fn length(&self, url: &str) -> std::result::Result<Answer, FetchError> {
        match self.ask(Method::HEAD, url, None, false).await {
            Ok(found) if header_number(&found.response, CONTENT_LENGTH.as_str()).is_some() => {
                let length = header_number(&found.response, CONTENT_LENGTH.as_str());
                return Ok(found.answer(Bytes::new(), length));
            }
            Err(error) if error.kind() != FetchErrorKind::Failed => return Err(error),
            _ => {}
        }
        let found = self.ask(Method::GET, url, Some("bytes=0-0"), false).await?;
        let length = if found.response.status() == StatusCode::PARTIAL_CONTENT {
            whole_length(&found.response)
        } else {
            header_number(&found.response, CONTENT_LENGTH.as_str())
        };
        // The body is dropped unread, and with it the connection.
        Ok(found.answer(Bytes::new(), length))
    }

    /// Reads a body up to the limit, unpacked where it came packed.
    async fn body(&self, mut found: Found, limit: u64) -> std::result::Result<Answer, FetchError> {
        let is_packed = found.response.headers().get(CONTENT_ENCODING).is_some_and(|value| value == "gzip");
        let length = match found.response.status() {
            StatusCode::PARTIAL_CONTENT => whole_length(&found.response),
            _ if is_packed => None,
            _ => header_number(&found.response, CONTENT_LENGTH.as_str()),
        };
        let mut sink =
            Sink { body: Vec::new(), limit: usize::try_from(limit).unwrap_or(usize::MAX), is_cut: false };
        if is_packed {
            let mut unpacked = MultiGzDecoder::new(sink);
            while let Some(piece) = found.piece().await? {
                // Writing to memory cannot fail: what fails is the format.
                if unpacked.write_all(&piece).is_err() {
                    return Err(failed("the body is no gzip, whatever Content-Encoding says"));
                }
                if unpacked.get_ref().is_cut {
                    break;
                }
            }
            sink = match unpacked.get_ref().is_cut {
                true => std::mem::take(unpacked.get_mut()),
                false => unpacked.finish().map_err(|_| failed("the gzip of the body breaks off"))?,
            };
        } else {
            while let Some(piece) = found.piece().await? {
                sink.push(&piece);
                if sink.is_cut {
                    break;
                }
            }
        }
        let (body, is_cut) = (Bytes::from(sink.body), sink.is_cut);
        let length = length.or_else(|| (!is_cut).then_some(body.len() as u64));
        let answer = found.answer(body, length);
        Ok(if is_cut { answer.cut() } else { answer })
    }

    /// Sends one request and follows its redirects.
    async fn ask(
        &self,
        method: Method,
        url: &str,
        range: Option<&str>,
        packed: bool,
    ) -> std::result::Result<Found, FetchError> {
        let mut url = Url::parse(url).map_err(|error| failed(&error.to_string()))?;
        let mut redirects = 0;
        loop {
            self.permit(&url)?;
            let mut asked = self.client.request(method.clone(), url.clone()).header(ORIGIN, PAGE);
            asked = asked.header(ACCEPT_ENCODING, if packed { "gzip" } else { "identity" });
            if let Some(range) = range {
                asked = asked.header(RANGE, range);
            }
            let response = asked.send().await.map_err(|error| of_reqwest(&error))?;
            let status = response.status();
            if status.is_redirection()
                && let Some(next) = response.headers().get(LOCATION)
            {
                redirects += 1;
                if redirects > self.redirects {
                    return Err(failed(&format!("more than {} redirects", self.redirects)));
                }
                let next = next.to_str().ok().and_then(|next| url.join(next).ok());
                url = next.ok_or_else(|| failed("a redirect to no URL"))?;
                if !matches!(url.scheme(), "http" | "https") {
                    return Err(failed(&format!("a redirect to {}:, where no player follows", url.scheme())));
                }
                continue;
            }
            if !status.is_success() {
                let kind = match status {
                    StatusCode::NOT_FOUND | StatusCode::GONE => FetchErrorKind::NotFound,
                    _ => FetchErrorKind::Failed,
                };
                let error = FetchError::new(kind, format!("the server answers {status}"));
                return Err(error.with_status(status.as_u16()));
            }
            return Ok(Found { url, redirects, response });
        }
    }

    /// Whether a URL may be asked; names are looked at when they are resolved.
    fn permit(&self, url: &Url) -> std::result::Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!("{}: is not fetched from here", url.scheme())));
        }
        let allowed = match url.host() {
            Some(Host::Ipv4(address)) => self.reach.allows(address.into()),
            Some(Host::Ipv6(address)) => self.reach.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if allowed { Ok(()) } else { Err(refused(PRIVATE)) }
    }
}

const PRIVATE: &str = "the address is private, and private ones are asked only with --allow-private";

/// A response after its redirects.
struct Found {
    url: Url,
    redirects: u32,
    response: Response,
}

impl Found {
    async fn piece(&mut self) -> std::result::Result<Option<Bytes>, FetchError> {
        self.response.chunk().await.map_err(|error| of_reqwest(&error))
    }

    fn answer(self, body: Bytes, length: Option<u64>) -> Answer {
        let http = Http::new(self.response.status().as_u16(), self.redirects, kept(self.response.headers()));
        let answer = Answer::whole(String::from(self.url), body).with_http(http);
        match length {
            Some(length) => answer.of_resource(length),
            None => answer.of_unknown_length(),
        }
    }
}

/// Takes a body up to a limit.
#[derive(Debug, Default)]
struct Sink {
    body: Vec<u8>,
    limit: usize,
    is_cut: bool,
}

impl Sink {
    fn push(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.body.len());
        self.is_cut |= piece.len() > room;
        self.body.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.push(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn kept(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.iter().filter(|(name, _)| KEPT.contains(&name.as_str())).map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
}

fn header_number(response: &Response, name: &str) -> Option<u64> {
    response.headers().get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The length behind the slash of Content-Range (RFC 9110 §14.4).
fn whole_length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.trim().parse().ok()
}

fn failed(message: &str) -> FetchError {
    FetchError::new(FetchErrorKind::Failed, message)
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn of_reqwest(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return failed("the server takes too long");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.to_string() == PRIVATE {
        return refused(PRIVATE);
    }
    let cause = cause.to_string();
    // What rustls says of a server that answers in the clear.
    if cause.contains("InvalidContentType") {
        return failed("the server speaks no TLS there: perhaps it is http://, or another port");
    }
    failed(&cause)
}

/// Resolves names, and keeps only addresses that may be asked: a name may mean another address the next time.
struct Resolver {
    reach: Reach,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|found| reach.allows(found.ip())).collect();
            if allowed.is_empty() {
                return Err(PRIVATE.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
