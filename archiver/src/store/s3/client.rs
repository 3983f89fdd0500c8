//! The client: how requests are signed, sent, bounded and repeated, and what the store says the time is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::store::S3Access;

/// Attempts at a request whose repetition does no harm, the first included.
const ATTEMPTS: u32 = 4;
/// A store that does not even accept a connection is given up sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the client; credentials come from the environment, the profile, a web identity or the
/// instance, in the order that AWS's tools have.
pub(super) async fn client(access: &S3Access, clock: &'static ServerClock) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(access.timeout))
        .operation_attempt_timeout(access.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared)
        .force_path_style(access.path_style)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        // Bodies are signed with their SHA-256 whole; trailers are refused by older stores.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(clock);
    if let Some(endpoint) = &access.endpoint {
        config = config.endpoint_url(endpoint);
        if shared.region().is_none() {
            // A store of one's own has no regions, but requests are signed for one.
            config = config.region(Region::new("us-east-1"));
        }
    }
    Client::from_conf(config.build())
}

/// The store's time as its last answer told it, and how long ago that was.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<(Timestamp, Instant)>>);

/// An answer's time is gone on from for this long before the store is asked again.
const FRESH: Duration = Duration::from_mins(1);

impl ServerClock {
    /// The store's time, if an answer told it lately.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (told, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = Instant::now().saturating_duration_since(at);
        if since > FRESH {
            return None;
        }
        told.checked_add(SignedDuration::try_from(since).ok()?).ok()
    }

    fn tell(&self, date: &str) {
        if let Ok(told) = rfc2822::DateTimeParser::new().parse_timestamp(date) {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some((told, Instant::now()));
        }
    }
}

impl Intercept for &'static ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.tell(date);
        }
        Ok(())
    }
}
