//! What a store's answers mean.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;

use crate::store::{ObjectKey, StoreError};

/// An answer that is not success: its status, if there was one, and the code in its body.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: Option<u16>,
    pub(super) code: String,
    message: String,
    /// The request may have been carried out.
    unclear: bool,
}

impl Refusal {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().unwrap_or_default().to_owned();
        let told = error.message().unwrap_or_default();
        let id = error.meta().request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
        let message = if told.is_empty() { chain(error) } else { format!("{told}{id}") };
        let unclear = match error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::DispatchFailure(failure) => !failure.is_user(),
            SdkError::ServiceError(_) => status.is_some_and(|status| status >= 500),
            _ => true,
        };
        Self { status, code, message, unclear }
    }

    /// The answer as an error of `action` on an object.
    pub(super) fn error(self, action: &str, key: &ObjectKey) -> StoreError {
        let detail = self.detail(action, key.as_str());
        match (self.code.as_str(), self.status) {
            ("PreconditionFailed", _) | (_, Some(412)) => {
                StoreError::AlreadyExists { key: key.clone() }
            }
            ("ConditionalRequestConflict" | "OperationAborted", _) | (_, Some(409)) => {
                StoreError::Conflict { key: key.clone() }
            }
            ("NoSuchBucket", _) => {
                StoreError::NotFound { detail: format!("{detail}: the bucket is not there") }
            }
            (_, Some(404)) => StoreError::NotFound { detail },
            ("RequestTimeTooSkewed", _) => {
                StoreError::Denied { detail: format!("{detail}: this machine's clock is wrong") }
            }
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                StoreError::Denied { detail: format!("{detail}: the credentials have expired") }
            }
            ("SlowDown" | "ServiceUnavailable" | "Throttling" | "TooManyRequests", _)
            | (_, Some(429 | 503)) => StoreError::Unavailable { detail, may_be_stored: false },
            ("QuotaExceeded" | "InsufficientStorage", _) | (_, Some(507)) => {
                StoreError::Full { detail }
            }
            (
                "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody" | "RequestTimeout",
                _,
            ) => StoreError::Unavailable { detail, may_be_stored: false },
            (_, Some(401 | 403)) => StoreError::Denied { detail },
            (_, Some(400..=499)) => StoreError::Invalid { detail },
            _ if self.is_credentials() => StoreError::Denied { detail },
            _ => StoreError::Unavailable { detail, may_be_stored: self.unclear },
        }
    }

    /// The answer as an error of a listing, which is of no one object.
    pub(super) fn list_error(self, prefix: &str) -> StoreError {
        match ObjectKey::new(if prefix.is_empty() {
            "bucket"
        } else {
            prefix.trim_end_matches('/')
        }) {
            Ok(key) => self.error("listing", &key),
            Err(error) => error,
        }
    }

    /// Nothing was sent for want of credentials.
    fn is_credentials(&self) -> bool {
        self.status.is_none() && self.message.contains("credential")
    }

    fn detail(&self, action: &str, key: &str) -> String {
        let status = self.status.map(|status| format!("{status} ")).unwrap_or_default();
        format!("{action} `{key}`: {status}{} {}", self.code, self.message)
            .trim_end()
            .replace("  ", " ")
    }
}

/// Everything that an error says, cause by cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
