//! Stores in buckets.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::{EXIT_AGAIN, Failure, output};
use super::Place;
use crate::doctor::MAX_SKEW;
use crate::log::{Log, LogError};
use crate::store::s3::S3Store;
use crate::store::{LockedStore, S3Url, StoreError};

/// Opens a bucket to write, if its clock and this machine's, `now`, agree. Nothing is written where
/// no archive is.
pub(super) fn open(
    place: &Place,
    at: &S3Url,
    now: Timestamp,
) -> Result<Arc<dyn LockedStore>, Failure> {
    let bucket = S3Store::connect(at)?;
    match Log::is_open(&bucket) {
        Ok(true) => {}
        Ok(false) => {
            Log::require_nothing(&bucket)?;
            return Err(place.missing(""));
        }
        Err(LogError::Store(StoreError::NotFound { .. })) => {
            return Err(place.missing(": the bucket is not there"));
        }
        Err(error) => return Err(error.into()),
    }
    match bucket.keeps_versions() {
        Ok(false) => return Err(no_versions(at)),
        // Who may not ask is told by the answer to the first put.
        Ok(true) | Err(StoreError::Denied { .. }) => {}
        Err(error) => return Err(error.into()),
    }
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
    if bucket.create_bucket()? {
        let message = format!("bucket `{}` was made, with Object Lock and versioning", at.bucket);
        output::complain(&message, None);
    }
    let (locks, default) = bucket.object_lock()?;
    if !locks {
        let message = format!("bucket `{}` has no Object Lock: nothing stays in it", at.bucket);
        let next =
            "name another bucket: one that is not there is made with Object Lock and versioning";
        return Err(Failure::input(message, next));
    }
    if !bucket.keeps_versions()? {
        return Err(no_versions(at));
    }
    bucket.require_fence().map_err(needs_fence)?;
    if let Some(rule) = default {
        let message =
            format!("bucket `{}` gives every object a default retention ({rule})", at.bucket);
        let next = "superseded objects are kept as long: consider removing the rule";
        output::complain(&message, Some(next));
    }
    Ok(Arc::new(bucket))
}

fn no_versions(at: &S3Url) -> Failure {
    let message = format!(
        "bucket `{}` keeps no versions: whoever replaces an object in it destroys it",
        at.bucket
    );
    Failure::input(message, "nothing was written: turn the bucket's versioning on")
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
