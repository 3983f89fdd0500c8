//! What makes an archive checkable: digests, Merkle trees, notes, keys and the leaf of a record.
//!
//! Nothing here opens a file, waits, asks for the time or draws randomness: bytes, times and entropy
//! are arguments.
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

pub mod b64;
pub mod checkpoint;
pub mod claim;
mod decimal;
pub mod detail;
pub mod digest;
pub mod entry;
pub mod hex;
pub mod id;
pub mod json;
pub mod keys;
pub mod list;
pub mod manifest;
pub mod merkle;
pub mod name;
pub mod note;
pub mod officer;
pub mod origin;
pub mod range;
pub mod record;
pub mod state;
pub mod tile;
pub mod time;
pub mod tlog_proof;
pub mod wrapped_key;

pub use digest::{Digest, Hasher, Sha512Digest};
pub use id::{ArchiveId, SegmentId};
