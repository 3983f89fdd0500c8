//! Whether credentials may do something, tried so that nothing comes of it: a store looks at
//! permissions first, and then refuses a date in the past, a flag that does not exist, or a body of
//! another digest.

use std::sync::PoisonError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
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
/// The MD5 of none of the bodies that are sent.
const NO_MD5: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// What a trial came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Permission {
    /// These credentials may.
    Allowed,
    /// They may not.
    Refused,
    /// The answer says neither.
    Unclear(String),
}

impl Permission {
    fn of<T, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Err(error) = answer else { return Self::Allowed };
        let refusal = Refusal::of(&error);
        match refusal.status {
            Some(403) if matches!(refusal.code.as_str(), "AccessDenied" | "") => Self::Refused,
            Some(400 | 404 | 405 | 409 | 412 | 416) => Self::Allowed,
            _ => Self::Unclear(refusal.to_string()),
        }
    }
}

impl S3Store {
    /// Makes sure that an object whose lock was not seen has none: a HEAD leaves it out where
    /// reading locks is not permitted. Asked once for each place of an archive.
    pub(super) fn require_readable(
        &self,
        key: &ObjectKey,
        version: &VersionId,
    ) -> Result<(), StoreError> {
        let area = key.as_str().split('/').next().unwrap_or_default();
        let known = || self.readable.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(area) {
            return Ok(());
        }
        let request = self
            .client
            .get_object_retention()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .version_id(version.as_str());
        if let Err(error) = self.ask(request.send()) {
            let refusal = Refusal::of(&error);
            // A version without a lock is answered 404, or 400 by some.
            if !matches!(refusal.status, Some(400 | 404 | 405)) {
                return Err(refusal.error(Act::READ_LOCK, key));
            }
        }
        known().insert(area.to_owned());
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
            "s3:GetBucketVersioning" => {
                Permission::of(self.ask(client.get_bucket_versioning().bucket(bucket).send()))
            }
            "s3:GetBucketObjectLockConfiguration" => Permission::of(
                self.ask(client.get_object_lock_configuration().bucket(bucket).send()),
            ),
            _ => Permission::Unclear("this program does not try it".to_owned()),
        }
    }

    /// Tries an action on an object below a prefix.
    pub fn may_below(&self, action: &str, area: &str) -> Permission {
        let (client, bucket) = (&self.client, &self.at.bucket);
        let name = self.full(&format!("{area}{NOTHING}"));
        match action {
            "s3:GetObject" => self.on_some(area, |key, _| {
                Permission::of(self.ask(client.get_object().bucket(bucket).key(key).send()))
            }),
            "s3:GetObjectVersion" => self.on_some(area, |key, version| {
                let request = client.get_object().bucket(bucket).key(key).version_id(version);
                Permission::of(self.ask(request.send()))
            }),
            "s3:GetObjectRetention" => self.on_some(area, |key, _| {
                Permission::of(
                    self.ask(client.get_object_retention().bucket(bucket).key(key).send()),
                )
            }),
            "s3:GetObjectLegalHold" => self.on_some(area, |key, _| {
                Permission::of(
                    self.ask(client.get_object_legal_hold().bucket(bucket).key(key).send()),
                )
            }),
            "s3:PutObject" => self.may_put(area, None),
            "s3:PutObjectRetention" => {
                self.on_some(area, |key, _| self.may_lock(key, Timestamp::UNIX_EPOCH))
            }
            "s3:PutObjectLegalHold" => self.on_some(area, |key, _| {
                let hold = ObjectLockLegalHold::builder()
                    .status(ObjectLockLegalHoldStatus::from("NEITHER"))
                    .build();
                let request = client.put_object_legal_hold().bucket(bucket).key(key);
                Permission::of(self.ask(request.legal_hold(hold).send()))
            }),
            "s3:DeleteObjectVersion" => {
                let request = client.delete_object().bucket(bucket).key(name);
                Permission::of(self.ask(request.version_id(NO_VERSION).send()))
            }
            "s3:DeleteObject" => self.may_hide(area),
            _ => Permission::Unclear("this program does not try it".to_owned()),
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
        let answer = self.ask(request.send());
        if let Ok(put) = &answer {
            self.undo(&name, put.version_id());
        }
        Permission::of(answer)
    }

    /// Tries to lock what is not there: where that is refused, it is for the date.
    pub fn may_lock_until(&self, area: &str, until: Timestamp) -> Permission {
        self.may_lock(self.full(&format!("{area}{NOTHING}")), until)
    }

    /// A date that has passed is set by no store, and no lock is made shorter.
    fn may_lock(&self, name: String, until: Timestamp) -> Permission {
        let retention = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Governance)
            .retain_until_date(DateTime::from_secs(until.as_second()))
            .build();
        let request = self.client.put_object_retention().bucket(&self.at.bucket).key(name);
        Permission::of(self.ask(request.retention(retention).send()))
    }

    /// Tries something on an object that is there: of others, a store says only that they are not.
    fn on_some(&self, area: &str, what: impl FnOnce(String, String) -> Permission) -> Permission {
        let request = self.client.list_object_versions().bucket(&self.at.bucket);
        match self.ask(request.prefix(self.full(area)).max_keys(1).send()) {
            Ok(listed) => {
                let some = listed.versions().first();
                let named = some.and_then(|one| Some((one.key()?, one.version_id()?)));
                named.map_or_else(
                    || Permission::Unclear("nothing is there to try it on".to_owned()),
                    |(key, version)| what(key.to_owned(), version.to_owned()),
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
        let answer = self.ask(request.if_match("\"none\"").send());
        if let Ok(deleted) = &answer {
            self.undo(&name, deleted.version_id());
        }
        Permission::of(answer)
    }

    /// Takes away what should not have come about. Credentials that may not leave it, below a name
    /// that no archive has.
    fn undo(&self, name: &str, version: Option<&str>) {
        let Some(version) = version else { return };
        let request = self.client.delete_object().bucket(&self.at.bucket).key(name);
        self.ask(request.version_id(version).send()).ok();
    }
}
