//! The client: where its credentials come from, how requests are signed, sent, bounded and repeated,
//! and what is seen of them on the way: how many there are, and what the store says the time is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::store::counted::{Counters, one};
use crate::store::{S3Access, StoreError};

/// Attempts at a request whose repetition does no harm, the first included.
const ATTEMPTS: u32 = 4;
/// A store that does not even accept a connection is given up sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A store of one's own has no regions, but requests are signed for one.
const OWN_REGION: &str = "us-east-1";

/// Makes the client. Credentials are those of the profile that the address names; without one they
/// come from the environment, its profile, a web identity, a container or the instance, in the order
/// that AWS's tools have.
pub(super) async fn client(
    access: &S3Access,
    traffic: &'static Traffic,
) -> Result<Client, StoreError> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(access.timeout))
        .operation_attempt_timeout(access.timeout)
        .build();
    let around = ProviderConfig::without_region().with_http_client(http.clone());
    let region = region(access, &around).await.ok_or_else(|| {
        StoreError::invalid(
            "no region is known: name it with `region=NAME` in the store's address, with AWS_REGION or in a profile",
        )
    })?;
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(region.clone());
    if let Some(profile) = &access.profile {
        // Whoever names a profile means it: keys of the environment do not stand in for it.
        let around = around.with_region(Some(region));
        let named = ProfileFileCredentialsProvider::builder().configure(&around);
        loader =
            loader.profile_name(profile).credentials_provider(named.profile_name(profile).build());
    }
    let mut config = Builder::from(&loader.load().await)
        .force_path_style(access.path_style)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        // Bodies are signed with their SHA-256 whole; trailers are refused by older stores.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(traffic);
    if let Some(endpoint) = &access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

/// The region of the address, else of the environment, else of the profile. The instance is asked
/// for one of AWS only.
async fn region(access: &S3Access, around: &ProviderConfig) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder().configure(around);
    if let Some(name) = &access.profile {
        profile = profile.profile_name(name);
    }
    let told = RegionProviderChain::first_try(access.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    let told = if access.endpoint.is_some() {
        told.or_else(OWN_REGION)
    } else {
        told.or_else(ImdsRegionProvider::builder().configure(around).build())
    };
    told.region().await
}

/// What is seen of a client's requests and their answers.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Requests, each as often as it was sent.
    pub(super) sent: Counters,
    pub(super) clock: ServerClock,
}

impl Traffic {
    /// Counts a request as a bill does.
    fn count(&self, method: &str, uri: &str) {
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let asks = |name| query.split('&').any(|one| one.split('=').next() == Some(name));
        one(match method {
            "PUT" if asks("retention") => &self.sent.extends,
            "PUT" if asks("legal-hold") => &self.sent.holds,
            "GET" if asks("list-type") || asks("versions") || asks("uploads") => &self.sent.lists,
            "GET" => &self.sent.gets,
            "HEAD" => &self.sent.heads,
            "DELETE" => &self.sent.deletes,
            // What begins and ends an upload in parts is paid for like what it puts.
            _ => &self.sent.puts,
        });
    }
}

impl Intercept for &'static Traffic {
    fn name(&self) -> &'static str {
        "Traffic"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        self.count(request.method(), request.uri());
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.clock.tell(date);
        }
        Ok(())
    }
}

/// Forbids to repeat what a store may have done: only 429 and 503 say that it has not.
#[derive(Debug)]
pub(super) struct OnlyRefused;

impl ClassifyRetry for OnlyRefused {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|answer| answer.status().as_u16()) {
            Some(429 | 503) => RetryAction::NoActionIndicated,
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "OnlyRefused"
    }
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
