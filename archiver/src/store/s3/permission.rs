//! Whether credentials may do something, tried so that nothing comes of it: a store looks at
//! permissions first, and then refuses a body of another digest, or a version or an upload that
//! nothing has. What an object has already, its lock or its hold, is set again as it is.

use std::sync::PoisonError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention,
    ObjectLockRetentionMode,
};
use jiff::Timestamp;

use super::answer::{Act, Refusal};
use super::{S3Store, date};
use crate::store::{ObjectKey, StoreError, VersionId};

/// The name, below a prefix, that nothing has.
const NOTHING: &str = "doctor/none";
/// The version that no object has.
const NO_VERSION: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The upload that no object has.
const NO_UPLOAD: &str = "2~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The MD5 of none of the bodies that are sent.
const NO_MD5: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
/// Answers of a store that would have done it, had it been asked for something that can be done.
const WILLING: [&str; 12] = [
    "BadDigest",
    "InvalidArgument",
    "InvalidRequest",
    "MalformedXML",
    "MethodNotAllowed",
    "NoSuchKey",
    "NoSuchObjectLockConfiguration",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotFound",
    "ObjectLockConfigurationNotFoundError",
    "PreconditionFailed",
];

/// What a trial came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Permission {
    /// These credentials may.
    Allowed,
    /// They may, and the store carried out what it should have refused for another reason.
    Done,
    /// They may not.
    Refused,
    /// There is nothing that it could be tried on.
    Untried(&'static str),
    /// The answer says neither.
    Unclear(String),
}

/// What protects a version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Guard {
    Lock,
    Hold,
}

impl Permission {
    fn of<T, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        answer.map_or_else(|error| Self::told(&Refusal::of(&error)), |_| Self::Allowed)
    }

    fn told(refusal: &Refusal) -> Self {
        match (refusal.status, refusal.code.as_str()) {
            (Some(403), "AccessDenied" | "") => Self::Refused,
            (_, code) if WILLING.contains(&code) => Self::Allowed,
            _ => Self::Unclear(refusal.to_string()),
        }
    }
}

impl S3Store {
    /// Makes sure that an object whose lock or hold was not seen has none: a HEAD leaves out what
    /// may not be read. Asked once for each place of an archive.
    pub(super) fn require_readable(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock_seen: bool,
        hold_seen: bool,
    ) -> Result<(), StoreError> {
        let area = key.as_str().split('/').next().unwrap_or_default();
        let (name, id) = (self.full(key.as_str()), version.as_str());
        let (client, bucket) = (&self.client, &self.at.bucket);
        let readable = || self.readable.lock().unwrap_or_else(PoisonError::into_inner);
        let refuse = |found: Option<Refusal>, act, guard| match found {
            Some(refusal) if Permission::told(&refusal) != Permission::Allowed => {
                Err(refusal.error(act, key))
            }
            _ => {
                readable().insert((area.to_owned(), guard));
                Ok(())
            }
        };
        if !lock_seen && !readable().contains(&(area.to_owned(), Guard::Lock)) {
            let request = client.get_object_retention().bucket(bucket).key(&name).version_id(id);
            let refusal = self.ask(request.send()).err().map(|error| Refusal::of(&error));
            refuse(refusal, Act::READ_LOCK, Guard::Lock)?;
        }
        if !hold_seen && !readable().contains(&(area.to_owned(), Guard::Hold)) {
            let request = client.get_object_legal_hold().bucket(bucket).key(&name).version_id(id);
            let refusal = self.ask(request.send()).err().map(|error| Refusal::of(&error));
            refuse(refusal, Act::READ_HOLD, Guard::Hold)?;
        }
        Ok(())
    }

    /// Tries an action on the bucket.
    pub fn may(&self, action: &str) -> Permission {
        let (client, bucket) = (&self.client, &self.at.bucket);
        let prefix = &self.at.prefix;
        match action {
            "s3:ListBucket" => Permission::of(
                self.ask(client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1).send()),
            ),
            "s3:ListBucketVersions" => Permission::of(self.ask(
                client.list_object_versions().bucket(bucket).prefix(prefix).max_keys(1).send(),
            )),
            "s3:ListBucketMultipartUploads" => Permission::of(self.ask(
                client.list_multipart_uploads().bucket(bucket).prefix(prefix).max_uploads(1).send(),
            )),
            "s3:GetBucketVersioning" => {
                Permission::of(self.ask(client.get_bucket_versioning().bucket(bucket).send()))
            }
            "s3:GetBucketObjectLockConfiguration" => Permission::of(
                self.ask(client.get_object_lock_configuration().bucket(bucket).send()),
            ),
            _ => Permission::Untried("this program does not try it"),
        }
    }

    /// Tries an action on an object below a prefix.
    pub fn may_below(&self, action: &str, area: &str) -> Permission {
        let (client, bucket) = (&self.client, &self.at.bucket);
        match action {
            "s3:GetObject" => self.on_some(area, |key, _| {
                Permission::of(self.ask(client.get_object().bucket(bucket).key(key).send()))
            }),
            "s3:GetObjectVersion" => self.on_some(area, |key, id| {
                let request = client.get_object().bucket(bucket).key(key).version_id(id);
                Permission::of(self.ask(request.send()))
            }),
            "s3:GetObjectRetention" => self.on_some(area, |key, id| {
                let request = client.get_object_retention().bucket(bucket).key(key);
                Permission::of(self.ask(request.version_id(id).send()))
            }),
            "s3:GetObjectLegalHold" => self.on_some(area, |key, id| {
                let request = client.get_object_legal_hold().bucket(bucket).key(key);
                Permission::of(self.ask(request.version_id(id).send()))
            }),
            "s3:PutObject" => self.may_put(area, None),
            "s3:PutObjectRetention" => {
                self.on_some(protected(area), |key, id| self.lock_again(key, id))
            }
            "s3:PutObjectLegalHold" => {
                self.on_some(protected(area), |key, id| self.hold_again(key, id))
            }
            "s3:DeleteObjectVersion" => {
                let name = self.full(&format!("{area}{NOTHING}"));
                let request = client.delete_object().bucket(bucket).key(name);
                Permission::of(self.ask(request.version_id(NO_VERSION).send()))
            }
            "s3:AbortMultipartUpload" => {
                let name = self.full(&format!("{area}{NOTHING}"));
                let request = client.abort_multipart_upload().bucket(bucket).key(name);
                Permission::of(self.ask(request.upload_id(NO_UPLOAD).send()))
            }
            "s3:DeleteObject" => self.may_hide(area),
            _ => Permission::Untried("this program does not try it"),
        }
    }

    /// Tries to put a body of another digest, born locked or not.
    pub fn may_put(&self, area: &str, locked_until: Option<Timestamp>) -> Permission {
        let name = self.full(&format!("{area}{NOTHING}"));
        let mode = locked_until.map(|_| ObjectLockMode::Governance);
        let request = self
            .once
            .put_object()
            .bucket(&self.at.bucket)
            .key(&name)
            .content_md5(NO_MD5)
            .set_object_lock_mode(mode)
            .set_object_lock_retain_until_date(locked_until.map(date))
            .body(ByteStream::from_static(b"nothing"));
        match self.ask(request.send()) {
            Ok(put) => self.undo(&name, put.version_id()),
            Err(error) => Permission::told(&Refusal::of(&error)),
        }
    }

    /// Tries to lock what is not there: where that is refused, it is for the date.
    pub fn may_lock_until(&self, area: &str, until: Timestamp) -> Permission {
        let retention = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Governance)
            .retain_until_date(date(until))
            .build();
        let request = self.client.put_object_retention().bucket(&self.at.bucket);
        let request = request.key(self.full(&format!("{area}{NOTHING}")));
        Permission::of(self.ask(request.retention(retention).send()))
    }

    /// Sets the lock that a version has.
    fn lock_again(&self, key: &str, id: &str) -> Permission {
        let (client, bucket) = (&self.client, &self.at.bucket);
        let request = client.get_object_retention().bucket(bucket).key(key).version_id(id);
        let Some(lock) = self.ask(request.send()).ok().and_then(|found| found.retention) else {
            return Permission::Untried("no lock is seen there that could be set again");
        };
        let request = client.put_object_retention().bucket(bucket).key(key).version_id(id);
        Permission::of(self.ask(request.retention(lock).send()))
    }

    /// Sets the hold that a version has, or lifts none.
    fn hold_again(&self, key: &str, id: &str) -> Permission {
        let (client, bucket) = (&self.client, &self.at.bucket);
        let request = client.get_object_legal_hold().bucket(bucket).key(key).version_id(id);
        let off = || ObjectLockLegalHold::builder().status(ObjectLockLegalHoldStatus::Off).build();
        let hold = match self.ask(request.send()) {
            Ok(found) => found.legal_hold.unwrap_or_else(off),
            Err(error) if Permission::told(&Refusal::of(&error)) == Permission::Allowed => off(),
            Err(_) => return Permission::Untried("its hold cannot be read, so that it is left"),
        };
        let request = client.put_object_legal_hold().bucket(bucket).key(key).version_id(id);
        Permission::of(self.ask(request.legal_hold(hold).send()))
    }

    /// Tries something on a version that is there: of others, a store says only that they are not.
    fn on_some(&self, below: &str, what: impl FnOnce(&str, &str) -> Permission) -> Permission {
        let request = self.client.list_object_versions().bucket(&self.at.bucket);
        match self.ask(request.prefix(self.full(below)).max_keys(1).send()) {
            Ok(listed) => {
                let some = listed.versions().first();
                let named = some.and_then(|one| Some((one.key()?, one.version_id()?)));
                named.map_or_else(
                    || Permission::Untried("nothing is there to try it on"),
                    |(key, id)| what(key, id),
                )
            }
            Err(error) => Permission::Unclear(Refusal::of(&error).to_string()),
        }
    }

    /// Tries to hide a name that nothing has. The condition keeps a store that knows it from leaving
    /// a mark there.
    fn may_hide(&self, area: &str) -> Permission {
        let name = self.full(&format!("{area}{NOTHING}"));
        let request = self.client.delete_object().bucket(&self.at.bucket).key(&name);
        match self.ask(request.if_match("\"none\"").send()) {
            Ok(deleted) => self.undo(&name, deleted.version_id()),
            Err(error) => Permission::told(&Refusal::of(&error)),
        }
    }

    /// Takes away what should not have come about.
    fn undo(&self, name: &str, version: Option<&str>) -> Permission {
        let Some(version) = version else { return Permission::Done };
        let request = self.client.delete_object().bucket(&self.at.bucket).key(name);
        match self.ask(request.version_id(version).send()) {
            Ok(_) => Permission::Done,
            Err(_) => Permission::Unclear(format!(
                "allowed, and carried out: `{name}` is there now, and these credentials cannot delete it"
            )),
        }
    }
}

/// Where something is below a prefix that is locked.
fn protected(area: &str) -> &str {
    match area {
        "log/" => "log/claim/",
        "index/" => "index/doctor/locked",
        area => area,
    }
}
