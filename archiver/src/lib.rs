//! Takes audit events in, seals them in segments, stores them under lock and commits them to the log.
//!
//! | module | job |
//! | --- | --- |
//! | [`source`] | files become records, byte for byte |
//! | [`segment`] | records become an encrypted Parquet file, and come back |
//! | [`batch`] | which segment a record goes to |
//! | [`quarantine`] | which events say that they happened after they were received |
//! | [`store`] | where objects live: versions, locks, holds |
//! | [`log`] | claims, tiles, checkpoints, the state |
//! | [`archive`] | one run over all sources |
//! | [`duties`] | who may do what with the bucket |
//! | [`doctor`] | what a store can do, and what it only seems to do |
//! | [`hold`] | what must not be destroyed, and the flags that follow |
//! | [`disposition`] | what goes, by whose order, and the proof that it went |
//! | [`terms`] | what the entry of a policy says of it |
//! | [`facts`] | what an archive knows of a segment, to decide about it far away |
//! | [`prices`] | what keeping costs |
//! | `named_file` | files that an operator names |
//! | [`sweep`] | locks that are about to lapse move on |
//! | [`officer`] | how an officer signs |
//! | [`verify`] | the same archive seen from outside |
//! | [`read`] | records out of the archive |
//! | [`report`] | what auditors ask, as of an instant |
//! | [`cli`] | the commands |

pub mod act;
pub mod archive;
pub mod batch;
pub mod cli;
pub mod config;
pub mod detail;
pub mod disposition;
#[cfg(feature = "s3")]
pub mod doctor;
pub mod document;
pub mod duties;
pub mod facts;
pub mod hold;
pub mod limits;
pub mod log;
mod named_file;
pub mod officer;
pub mod plan;
pub mod policies;
pub mod pool;
pub mod prices;
pub mod quarantine;
pub mod read;
pub mod report;
pub mod sample;
pub mod segment;
pub mod settings;
pub mod source;
pub mod store;
pub mod sweep;
pub mod terms;
pub mod verify;
