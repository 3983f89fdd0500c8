//! What makes an archive checkable: digests, Merkle trees, notes, keys and the leaf of a record.
//!
//! Nothing here opens a file, waits, asks for the time or draws randomness: bytes, times and entropy
//! are arguments.
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

pub mod b64;
pub mod checkpoint;
mod decimal;
pub mod digest;
pub mod hex;
pub mod id;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod origin;
pub mod record;
pub mod tile;
pub mod tlog_proof;

pub use digest::{Digest, Hasher, Sha512Digest};
pub use id::{ArchiveId, SegmentId};
