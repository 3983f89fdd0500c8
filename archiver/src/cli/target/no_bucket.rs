//! Stores in buckets, in a program that was built without them.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::Failure;
use super::Place;
use crate::store::{LockedStore, S3Url};

/// Cannot open a bucket.
pub(super) fn open_to_read(at: &S3Url) -> Result<Arc<dyn LockedStore>, Failure> {
    let next = "build it with its default features, without `--no-default-features`";
    Err(Failure::input(format!("`{at}`: this program was built without S3"), next))
}

/// As [`open_to_read`].
pub(super) fn open(_: &Place, at: &S3Url, _: Timestamp) -> Result<Arc<dyn LockedStore>, Failure> {
    open_to_read(at)
}

/// As [`open_to_read`].
pub(super) fn create(at: &S3Url) -> Result<Arc<dyn LockedStore>, Failure> {
    open_to_read(at)
}
