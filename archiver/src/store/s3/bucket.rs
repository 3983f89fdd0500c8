//! The bucket itself: made with what an archive needs, and asked for its fence.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use strongroom_crypto::Digest;

use super::S3Store;
use super::answer::{Act, Refusal};
use crate::store::{LockedStore as _, ObjectKey, PutOptions, StoreError};

/// The name that shows, at the beginning of each run, whether the store has a fence.
const FENCE: &str = "index/fence";

impl S3Store {
    /// Makes the bucket, with Object Lock and versioning, if it is not there; tells whether it made it.
    ///
    /// # Errors
    ///
    /// `Denied`, or `Conflict` if the bucket is somebody else's.
    pub fn create_bucket(&self) -> Result<bool, StoreError> {
        let here = self.client.head_bucket().bucket(&self.at.bucket);
        match self.ask(here.send()) {
            Ok(_) => return Ok(false),
            Err(error) => {
                let refusal = Refusal::of(&error);
                match refusal.status {
                    Some(404) => {}
                    // This answer has no body; the next one says why, or that it is no obstacle.
                    Some(403) => return self.keeps_versions().map(|_| false),
                    _ => return Err(refusal.error_of(Act::LIST, &self.at.bucket)),
                }
            }
        }
        let mut request = self
            .client
            .create_bucket()
            .bucket(&self.at.bucket)
            .object_lock_enabled_for_bucket(true);
        let region = self.client.config().region().map(|region| region.as_ref().to_owned());
        if let Some(region) = region.filter(|region| region != "us-east-1") {
            let place = CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region.as_str()));
            request = request.create_bucket_configuration(place.build());
        }
        match self.ask(request.send()) {
            Ok(_) => Ok(true),
            Err(error) => {
                let refusal = Refusal::of(&error);
                if refusal.code == "BucketAlreadyOwnedByYou" {
                    return Ok(false);
                }
                Err(refusal.error_of(Act::CREATE, &self.at.bucket))
            }
        }
    }

    /// Makes sure that of several writers of a name one wins, unless one writer is declared.
    ///
    /// # Errors
    ///
    /// `NotAsAsked` if the store lets a name be created twice.
    pub fn require_fence(&self) -> Result<(), StoreError> {
        if self.at.access.single_writer {
            return Ok(());
        }
        let key = ObjectKey::new(FENCE)?;
        let how =
            PutOptions { lock: None, create_only: true, sha256: Digest::of(FENCE.as_bytes()) };
        // The name is there after the first try, whoever made it: the second has to be refused.
        for _ in 0..2 {
            match self.put(&key, FENCE.as_bytes(), &how) {
                Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) => {
                    return Ok(());
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Err(StoreError::NotAsAsked {
            key,
            detail: format!("`{}` ignores If-None-Match: two writers would fork the log", self.url),
        })
    }
}
