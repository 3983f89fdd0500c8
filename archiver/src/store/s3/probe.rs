//! What `doctor` tries on purpose: requests that a store has to refuse, without this program's own
//! rules in front of them. Nothing else calls these.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
    ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
};
use jiff::Timestamp;
use strongroom_crypto::{Digest, b64};

use super::answer::{Act, Refusal};
use super::{S3Store, date};
use crate::store::{Lock, LockedStore as _, ObjectKey, StoreError, VersionId};

impl S3Store {
    /// Whether the bucket keeps every version of an object.
    ///
    /// # Errors
    ///
    /// `Denied`, `NotFound`, `Unavailable`.
    pub fn keeps_versions(&self) -> Result<bool, StoreError> {
        let request = self.client.get_bucket_versioning().bucket(&self.at.bucket);
        let answer = self
            .ask(request.send())
            .map_err(|error| Refusal::of(&error).error_of(Act::SETTINGS, &self.at.bucket))?;
        Ok(answer.status().is_some_and(|status| status.as_str() == "Enabled"))
    }

    /// Whether the bucket has Object Lock, and the default retention that it gives to objects which
    /// ask for none.
    ///
    /// # Errors
    ///
    /// `Denied`, `NotFound`, `Unavailable`.
    pub fn object_lock(&self) -> Result<(bool, Option<String>), StoreError> {
        let request = self.client.get_object_lock_configuration().bucket(&self.at.bucket);
        let answer = match self.ask(request.send()) {
            Ok(answer) => answer,
            Err(error) => {
                let refusal = Refusal::of(&error);
                if refusal.code == "ObjectLockConfigurationNotFoundError" {
                    return Ok((false, None));
                }
                return Err(refusal.error_of(Act::SETTINGS, &self.at.bucket));
            }
        };
        let configuration = answer.object_lock_configuration();
        let enabled = configuration.and_then(|found| found.object_lock_enabled()).is_some();
        let rule = configuration.and_then(|found| found.rule());
        let default = rule.and_then(|rule| rule.default_retention()).map(|default| {
            let mode = default.mode().map_or("?", ObjectLockRetentionMode::as_str);
            match (default.days(), default.years()) {
                (Some(days), _) => format!("{mode} {days} days"),
                (None, Some(years)) => format!("{mode} {years} years"),
                (None, None) => mode.to_owned(),
            }
        });
        Ok((enabled, default))
    }

    /// Asks for another lock, whatever the present one.
    ///
    /// # Errors
    ///
    /// What the store answers.
    pub fn try_lock(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        lock: Lock,
        bypass: bool,
    ) -> Result<(), StoreError> {
        let request = self
            .lock_request(key, version, lock)
            .set_bypass_governance_retention(bypass.then_some(true));
        let done = self.ask(request.send());
        done.map(|_| ()).map_err(|error| Refusal::of(&error).error(Act::LOCK, key))
    }

    /// Deletes, whatever the lock; without a version this asks for a mark that hides the name.
    ///
    /// # Errors
    ///
    /// What the store answers.
    pub fn try_delete(
        &self,
        key: &ObjectKey,
        version: Option<&VersionId>,
        bypass: bool,
    ) -> Result<(), StoreError> {
        let request = self
            .delete_request(key, version)
            .set_bypass_governance_retention(bypass.then_some(true));
        let done = self.ask(request.send());
        done.map(|_| ()).map_err(|error| Refusal::of(&error).error(Act::DELETE, key))
    }

    /// Takes a lock away, where that is to be had.
    ///
    /// # Errors
    ///
    /// What the store answers.
    pub fn try_unlock(&self, key: &ObjectKey, version: &VersionId) -> Result<(), StoreError> {
        let request = self
            .client
            .put_object_retention()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .version_id(version.as_str())
            .retention(ObjectLockRetention::builder().build())
            .bypass_governance_retention(true);
        let done = self.ask(request.send());
        done.map(|_| ()).map_err(|error| Refusal::of(&error).error(Act::LOCK, key))
    }

    /// Deletes by a request for many objects, whatever the lock.
    ///
    /// # Errors
    ///
    /// What the store answers, for the request or for the object.
    pub fn try_delete_in_bulk(
        &self,
        key: &ObjectKey,
        version: &VersionId,
        bypass: bool,
    ) -> Result<(), StoreError> {
        let one = ObjectIdentifier::builder().key(self.full(key.as_str()));
        let built = one.version_id(version.as_str()).build();
        let built = built.and_then(|one| Delete::builder().objects(one).build());
        let delete = built.map_err(|error| StoreError::invalid(error.to_string()))?;
        let request = self
            .client
            .delete_objects()
            .bucket(&self.at.bucket)
            .delete(delete)
            .set_bypass_governance_retention(bypass.then_some(true));
        let answer = self.ask(request.send());
        let done = answer.map_err(|error| Refusal::of(&error).error(Act::DELETE, key))?;
        match done.errors().first() {
            None => Ok(()),
            Some(error) => {
                let detail = error.message().or(error.code()).unwrap_or("refused").to_owned();
                Err(StoreError::Denied { detail })
            }
        }
    }

    /// Puts bytes under the checksum of others; tells whether they were refused for that.
    ///
    /// # Errors
    ///
    /// What else the store answers.
    pub fn try_wrong_checksum(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        let request = self
            .client
            .put_object()
            .bucket(&self.at.bucket)
            .key(self.full(key.as_str()))
            .checksum_sha256(b64::encode(Digest::of(b"other bytes").as_bytes()))
            .body(ByteStream::from_static(b"these bytes"));
        let Err(error) = self.ask(request.send()) else { return Ok(false) };
        let refusal = Refusal::of(&error);
        match refusal.code.as_str() {
            "BadDigest" | "InvalidRequest" | "XAmzContentChecksumMismatch" => Ok(true),
            _ => Err(refusal.error(Act::STORE, key)),
        }
    }

    /// Puts an object in parts, with the headers of a lock.
    ///
    /// # Errors
    ///
    /// What the store answers.
    pub fn try_multipart(
        &self,
        key: &ObjectKey,
        until: Timestamp,
    ) -> Result<VersionId, StoreError> {
        let (bucket, name) = (&self.at.bucket, self.full(key.as_str()));
        let refused = |refusal: Refusal| refusal.error(Act::STORE_LOCKED, key);
        // A store may demand a checksum for parts of what will be locked.
        let request = self
            .client
            .create_multipart_upload()
            .bucket(bucket)
            .key(&name)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .object_lock_mode(ObjectLockMode::Governance)
            .object_lock_retain_until_date(date(until));
        let begun = self.ask(request.send()).map_err(|error| refused(Refusal::of(&error)))?;
        let upload = begun.upload_id().unwrap_or_default();
        let done = self.complete(&name, upload).map_err(|refusal| {
            // What is not completed is paid for, and seen in no listing of objects.
            let abort = self.client.abort_multipart_upload().bucket(bucket).key(&name);
            self.ask(abort.upload_id(upload).send()).ok();
            refused(refusal)
        })?;
        match done {
            Some(id) => VersionId::new(&id),
            None => match self.head(key, None)? {
                Some(head) => Ok(head.version),
                None => Err(StoreError::corrupt(key, "it was put in parts, and is not there")),
            },
        }
    }

    /// Puts the one part of an upload and completes it; returns the version, where it is told.
    fn complete(&self, name: &str, upload: &str) -> Result<Option<String>, Refusal> {
        const PART: &[u8] = b"one part";
        let (bucket, sum) = (&self.at.bucket, b64::encode(Digest::of(PART).as_bytes()));
        let request = self
            .client
            .upload_part()
            .bucket(bucket)
            .key(name)
            .upload_id(upload)
            .part_number(1)
            .checksum_sha256(&sum)
            .body(ByteStream::from_static(PART));
        let part = self.ask(request.send()).map_err(|error| Refusal::of(&error))?;
        let part = CompletedPart::builder()
            .part_number(1)
            .checksum_sha256(sum)
            .set_e_tag(part.e_tag().map(str::to_owned));
        let parts = CompletedMultipartUpload::builder().parts(part.build()).build();
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(bucket)
            .key(name)
            .upload_id(upload)
            .multipart_upload(parts);
        let done = self.ask(request.send()).map_err(|error| Refusal::of(&error))?;
        Ok(done.version_id().map(str::to_owned))
    }
}
