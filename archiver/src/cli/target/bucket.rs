//! Stores in buckets.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::{EXIT_AGAIN, Failure, output};
use crate::doctor::MAX_SKEW;
use crate::store::s3::S3Store;
use crate::store::{LockedStore, S3Url, StoreError};

/// Opens a bucket to write, if its clock and this machine's, `now`, agree.
pub(super) fn open(at: &S3Url, now: Timestamp) -> Result<Arc<dyn LockedStore>, Failure> {
    let bucket = S3Store::connect(at)?;
    bucket.require_fence().map_err(needs_fence)?;
    let skew = bucket.now()?.duration_since(now).abs();
    if skew > MAX_SKEW {
        return Err(Failure {
            code: EXIT_AGAIN,
            message: format!("this machine's clock and the store's are {skew:#} apart"),
            next: Some("nothing was acknowledged: correct the clock and run again".to_owned()),
        });
    }
    Ok(Arc::new(bucket))
}

/// Opens a bucket to read.
pub(super) fn open_to_read(at: &S3Url) -> Result<Arc<dyn LockedStore>, Failure> {
    Ok(Arc::new(S3Store::connect(at)?))
}

/// Makes the bucket if it is not there; one that is there is looked at and never changed.
pub(super) fn create(at: &S3Url) -> Result<Arc<dyn LockedStore>, Failure> {
    let bucket = S3Store::connect(at)?;
    let made = bucket.create_bucket()?;
    let (locks, default) = bucket.object_lock()?;
    if !locks || !bucket.keeps_versions()? {
        let message = format!("bucket `{}` has no Object Lock, or no versioning", at.bucket);
        let next = "name another bucket: one that is not there is made with both";
        return Err(Failure::input(message, next));
    }
    bucket.require_fence().map_err(needs_fence)?;
    if made {
        let message = format!("bucket `{}` was made, with Object Lock and versioning", at.bucket);
        output::complain(&message, None);
    }
    if let Some(rule) = default {
        let message =
            format!("bucket `{}` gives every object a default retention ({rule})", at.bucket);
        let next = "superseded objects are kept as long: consider removing the rule";
        output::complain(&message, Some(next));
    }
    Ok(Arc::new(bucket))
}

/// Two writers of a store without a fence would fork the log.
fn needs_fence(error: StoreError) -> Failure {
    match error {
        StoreError::NotAsAsked { detail, .. } => Failure::input(
            detail,
            "see to it that only one writer ever runs, and say so with `single_writer=true` in the store's address",
        ),
        error => error.into(),
    }
}
