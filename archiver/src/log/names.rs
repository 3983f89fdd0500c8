//! Object names: the one place that spells them (`crypto/FORMAT.md`).

use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::tile::TileCoordinate;
use strongroom_crypto::{Digest, SegmentId};

use crate::store::{ObjectKey, StoreError};

/// `log/claim/<seq>`.
///
/// # Errors
///
/// Never: the name is always valid. All functions of this module return what [`ObjectKey::new`] does.
pub fn claim_key(seq: u64) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("log/claim/{seq:020}"))
}

/// `log/checkpoints/<size>`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn checkpoint_key(size: u64) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("log/checkpoints/{size:020}"))
}

/// `log/tile/…`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn tile_key(tile: &TileCoordinate) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("log/{tile}"))
}

/// `index/<size>/root.json`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn root_key(size: u64) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("index/{size:020}/root.json"))
}

/// `index/page/<sha256>.json`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn page_key(digest: Digest) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("index/page/{digest}.json"))
}

/// `manifests/<segment id>.json`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn manifest_key(id: &SegmentId) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("manifests/{id}.json"))
}

/// `keys/period/<id>/<generation>`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn period_key_object(name: &PeriodKeyName) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("keys/period/{name}"))
}

/// `segments/<stream>/<yyyy>/<mm>/<dd>/<id>.parquet`.
///
/// # Errors
///
/// As [`claim_key`].
pub fn segment_key(
    stream: &str,
    (year, month, day): (i64, i64, i64),
    id: &SegmentId,
) -> Result<ObjectKey, StoreError> {
    ObjectKey::new(format!("segments/{stream}/{year:04}/{month:02}/{day:02}/{id}.parquet"))
}
