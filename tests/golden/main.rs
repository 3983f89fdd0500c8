//! Bytes that outlive versions: an archive made once, and for every refusal of the format one small file.
//!
//! `STRONGROOM_BLESS=vectors` makes vectors, their lists and the examples in `crypto/FORMAT.md` anew: a format change
//! without a new vector is not done, and an old vector never changes its verdict. `STRONGROOM_BLESS=archive` makes the
//! archive anew before that, with other bytes each time, because the Parquet library draws its own nonces: only for a
//! format that no longer reads what it did.

mod archive;
mod document;
mod faults;
mod judge;
mod make;
mod officers;
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

/// What is made instead of read: `vectors`, or `archive` and them.
pub(crate) fn blessing() -> Option<String> {
    env::var("STRONGROOM_BLESS").ok().filter(|what| matches!(what.as_str(), "vectors" | "archive"))
}
