//! Bytes that outlive versions: an archive made once, and for every refusal of the format one small file.
//!
//! `STRONGROOM_BLESS=1` makes archive, vectors, their lists and the examples in `crypto/FORMAT.md` anew. A format change
//! without a new vector is not done, and an old vector never changes its verdict. Each time the archive has other bytes,
//! because the Parquet library draws its own nonces: make it anew only when the format changes.

mod archive;
mod document;
mod faults;
mod judge;
mod make;
mod oracle;
mod reading;
mod vectors;

use std::{
    env,
    path::{Path, PathBuf},
};

/// Where the vectors are.
pub(crate) fn vectors_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/vectors")
}

/// Whether vectors are made instead of read.
pub(crate) fn blessing() -> bool {
    env::var_os("STRONGROOM_BLESS").is_some()
}
