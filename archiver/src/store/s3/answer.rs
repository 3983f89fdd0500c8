//! What a store's answers mean.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;

use crate::store::{ObjectKey, StoreError, VersionId};

/// What was asked of the store, and the permissions that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    words: &'static str,
    needs: &'static [&'static str],
    /// Whether it may have been done although it was not answered.
    changes: bool,
}

/// Without the last a name that is not there is answered 403.
const READING: &[&str] = &["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"];

impl Act {
    pub(super) const STORE: Self =
        Self { words: "storing", needs: &["s3:PutObject"], changes: true };
    pub(super) const STORE_LOCKED: Self =
        Self { words: "storing", needs: &["s3:PutObject", "s3:PutObjectRetention"], changes: true };
    pub(super) const LOOK: Self = Self { words: "looking at", needs: READING, changes: false };
    pub(super) const READ: Self = Self { words: "reading", needs: READING, changes: false };
    pub(super) const READ_LOCK: Self =
        Self { words: "reading the lock of", needs: &["s3:GetObjectRetention"], changes: false };
    pub(super) const READ_HOLD: Self =
        Self { words: "reading the hold of", needs: &["s3:GetObjectLegalHold"], changes: false };
    pub(super) const LOCK: Self =
        Self { words: "locking", needs: &["s3:PutObjectRetention"], changes: true };
    pub(super) const HOLD: Self =
        Self { words: "holding", needs: &["s3:PutObjectLegalHold"], changes: true };
    pub(super) const DELETE: Self =
        Self { words: "deleting", needs: &["s3:DeleteObjectVersion"], changes: true };
    pub(super) const LIST: Self =
        Self { words: "listing", needs: &["s3:ListBucket"], changes: false };
    pub(super) const LIST_VERSIONS: Self = Self {
        words: "listing the versions of",
        needs: &["s3:ListBucketVersions"],
        changes: false,
    };
    pub(super) const LIST_UPLOADS: Self = Self {
        words: "listing the unfinished uploads of",
        needs: &["s3:ListBucketMultipartUploads"],
        changes: false,
    };
    pub(super) const ABORT: Self = Self {
        words: "aborting an unfinished upload of",
        needs: &["s3:AbortMultipartUpload"],
        changes: true,
    };
    pub(super) const SETTINGS: Self = Self {
        words: "asking for the settings of",
        needs: &["s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"],
        changes: false,
    };
    /// Of a bucket that is to be made: no duty may.
    pub(super) const CREATE: Self = Self { words: "making", needs: &[], changes: true };
}

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
        let bare = told.is_empty() && code.is_empty();
        let message = if bare { chain(error) } else { format!("{told}{id}").trim().to_owned() };
        let unclear = match error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::DispatchFailure(failure) => !failure.is_user(),
            SdkError::ServiceError(_) => status.is_some_and(|status| status >= 500),
            _ => true,
        };
        Self { status, code, message, unclear }
    }

    /// The answer as an error of an act on an object.
    pub(super) fn error(self, act: Act, key: &ObjectKey) -> StoreError {
        if let Some(error) = self.without_credentials() {
            return error;
        }
        let detail = self.detail(act, key.as_str());
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
            (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "InvalidLocationConstraint"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, Some(301)) => {
                let why = "the bucket is in another region: name it with `region=NAME`";
                StoreError::Invalid { detail: format!("{detail}: {why}") }
            }
            ("SlowDown" | "ServiceUnavailable" | "Throttling" | "TooManyRequests", _)
            | (_, Some(429 | 503)) => StoreError::Unavailable { detail, may_be_stored: false },
            ("QuotaExceeded" | "InsufficientStorage", _) | (_, Some(507)) => {
                StoreError::Full { detail }
            }
            // Without a code: a look is refused where reading works, so the store was in trouble.
            (
                "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody" | "RequestTimeout",
                _,
            )
            | ("", Some(400)) => StoreError::Unavailable { detail, may_be_stored: false },
            (_, Some(401 | 403)) => StoreError::Denied { detail },
            (_, Some(400..=499)) => StoreError::Invalid { detail },
            _ => StoreError::Unavailable { detail, may_be_stored: self.unclear && act.changes },
        }
    }

    /// Whether a version, or a name, is not there. A mark that hides a name has no content.
    pub(super) fn is_absent(&self, version: Option<&VersionId>) -> bool {
        let code = self.code.as_str();
        let gone = self.status == Some(404) && code != "NoSuchBucket";
        let marker = self.status == Some(405);
        let malformed = version.is_some()
            && self.status == Some(400)
            && matches!(code, "InvalidArgument" | "NoSuchVersion");
        gone || marker || malformed
    }

    /// The answer to a read: what is not there is none; a part beyond the end is empty.
    pub(super) fn absent(
        self,
        key: &ObjectKey,
        version: Option<&VersionId>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if self.status == Some(416) {
            return Ok(Some(Vec::new()));
        }
        if self.is_absent(version) { Ok(None) } else { Err(self.error(Act::READ, key)) }
    }

    /// The answer as an error of an act on many objects, or on the bucket.
    pub(super) fn error_of(self, act: Act, what: &str) -> StoreError {
        match ObjectKey::new(what.trim_matches('/')) {
            Ok(key) => self.error(act, &key),
            Err(error) => error,
        }
    }

    /// Nothing was sent for want of credentials. What gives them may be out of reach for a while.
    fn without_credentials(&self) -> Option<StoreError> {
        let told = self.message.strip_prefix("dispatch failure: other: ")?;
        if self.status.is_some() || !told.contains("credential") {
            return None;
        }
        let detail = told
            .replace("the credential provider was not enabled: ", "")
            .replace(
                "the credential provider was not enabled",
                "the profile is not there, or has no keys",
            )
            .replace("no credentials found in chain. Attempted:", "");
        let places: Vec<&str> =
            detail.lines().map(str::trim).filter(|one| !one.is_empty()).collect();
        let detail = places.join("; ");
        let lasting = told.contains("no credentials found")
            || !(told.contains("dispatch failure") || told.contains("timed out"));
        Some(if lasting {
            StoreError::NoCredentials { detail }
        } else {
            StoreError::Unavailable { detail, may_be_stored: false }
        })
    }

    fn detail(&self, act: Act, key: &str) -> String {
        let status = self.status.map(|status| format!("{status} ")).unwrap_or_default();
        let said = format!("{} `{key}`: {status}{} {}", act.words, self.code, self.message);
        let said = said.trim_end().replace("  ", " ");
        // A wrong key or signature is refused as well, and no permission would help.
        let refused = self.status == Some(403) && matches!(self.code.as_str(), "AccessDenied" | "");
        if refused && !act.needs.is_empty() {
            format!("{said}: this takes {}", act.needs.join(" and "))
        } else {
            said
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map(|status| status.to_string()).unwrap_or_default();
        write!(f, "{status} {} {}", self.code, self.message)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duties::table;

    #[test]
    fn what_an_act_needs_is_some_dutys() {
        let table = table().unwrap();
        let mut known = table.object_actions();
        known.extend(table.bucket_actions());
        let acts = [
            Act::STORE,
            Act::STORE_LOCKED,
            Act::READ_HOLD,
            Act::LOOK,
            Act::READ,
            Act::READ_LOCK,
            Act::LOCK,
            Act::HOLD,
            Act::DELETE,
            Act::LIST,
            Act::LIST_VERSIONS,
            Act::LIST_UPLOADS,
            Act::ABORT,
            Act::SETTINGS,
        ];
        for need in acts.iter().flat_map(|act| act.needs) {
            assert!(known.contains(need), "{need}");
        }
    }
}
