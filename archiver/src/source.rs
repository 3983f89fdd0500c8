//! The source side: files become records that are byte-exact slices of what they decode to.
//!
//! Nothing here re-writes an event. A file is named ([`discover`]), looked at ([`inspect`]), given
//! an origin, a generation and a starting offset ([`assign`]) and read ([`Reader`]). Every decoded
//! byte comes out once, in order, as a record's `lead`, its `raw` bytes or the tail of a range, so
//! that the archived pieces put together are the file again.

mod decode;
mod detect;
mod discover;
mod format;
mod frame;
mod generation;
mod inspect;
mod reader;

pub use decode::Compression;
pub use detect::detect;
pub use discover::{Discovery, Input, Reason, Scope, Skipped, discover};
pub use format::{Format, StartRule};
pub use frame::Framed;
pub use generation::{Assignment, InputFacts, StoredPrefix, assign};
pub use inspect::{Inspected, inspect};
pub use reader::{End, Follow, Options, Reader, Record};

use std::io;
use std::path::{Path, PathBuf};

/// The largest record kept in one piece, in bytes, unless configured otherwise.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// How many decoded bytes identify the content of a file.
pub const PREFIX_BYTES: usize = 4096;

/// How many decoded bytes the format is told from. Enough for the head of every envelope seen, and
/// small enough to look at in every file of every run.
pub const DETECT_BYTES: usize = 64 * 1024;

/// The longest decoded content of one file, in bytes. A file that decodes to more is a bomb or a
/// disk image, and would keep a run from ever ending.
pub const MAX_DECODED_BYTES: u64 = 1 << 40;

/// How many files one source may name. Their paths are held in memory for the whole run.
pub const MAX_INPUTS: usize = 1 << 20;

/// Why a source, or one file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path names nothing, or what it named is gone.
    #[error("no such file or directory: `{}`", path.display())]
    Missing {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// A path names a device, a pipe or a socket.
    #[error("`{}` is neither a file nor a directory", path.display())]
    NotRegular {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file or directory being read.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Compressed data stops before its end: the file is still being written, or was cut.
    #[error(
        "`{}` ends in the middle of its {compression} data, after {after_bytes} decoded bytes",
        path.display()
    )]
    Truncated {
        /// The compressed file.
        path: PathBuf,
        /// What it was taken for.
        compression: Compression,
        /// How many bytes could be decoded.
        after_bytes: u64,
    },
    /// Compressed data is damaged, or followed by something else.
    #[error(
        "`{}` is damaged {compression} data after {after_bytes} decoded bytes: {reason}",
        path.display()
    )]
    Corrupt {
        /// The compressed file.
        path: PathBuf,
        /// What it was taken for.
        compression: Compression,
        /// How many bytes could be decoded.
        after_bytes: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A file holds the secrets of an archive: they are never sealed under themselves.
    #[error("`{}` is a key file of Strongroom: its secrets are not archived", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file decodes to more than [`MAX_DECODED_BYTES`].
    #[error("`{}` decodes to more than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit it passed.
        limit_bytes: u64,
    },
    /// A source names more than [`MAX_INPUTS`] files.
    #[error("`{}` and the paths before it name more than {limit} files", path.display())]
    TooMany {
        /// The path that passed the limit.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A file is no longer the one that was inspected, so its place in its origin is unknown.
    #[error("`{}` changed while it was being read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file lost bytes while it was read, as copy-and-truncate rotation does.
    #[error(
        "`{}` shrank while it was being read: it ends after {found_bytes} of {expected_bytes} bytes",
        path.display()
    )]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// How long it was when it was opened.
        expected_bytes: u64,
        /// Where it ended.
        found_bytes: u64,
    },
    /// Two files would share one name in the archive.
    #[error(
        "`{}` and `{}` would both be origin `{origin}`: tell them apart with `--origin PREFIX`",
        first.display(),
        second.display()
    )]
    SameOrigin {
        /// The name both would have.
        origin: String,
        /// The file named first.
        first: PathBuf,
        /// The file that came after it.
        second: PathBuf,
    },
    /// A glob cannot be understood.
    #[error("`{}` is not a valid glob: {reason}", pattern.display())]
    Glob {
        /// The pattern as given.
        pattern: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A format name is not one of ours.
    #[error("unknown format `{name}`: use one of {}", Format::NAMES.join(", "))]
    UnknownFormat {
        /// The name as given.
        name: String,
    },
    /// A start rule cannot be understood.
    #[error("`{rule}` is not a valid start rule: {reason}")]
    StartRule {
        /// The rule as given.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SourceError {
    /// What to do about a file that was left out for this, while the run went on with others.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => {
                "it is tried again in every run; if it stays like this, give `--format binary` to keep the file as it is"
            }
            Self::Corrupt { .. } => "give `--format binary` to keep the file as it is",
            Self::TooLarge { .. } => {
                "if it is compressed, give `--format binary` to keep the file as it is; else split it"
            }
            Self::KeyFile { .. } => {
                "move it out of the paths to archive; if others could read it there, think about who did"
            }
            _ => "this file was left out or left half-read; run again when it is readable",
        }
    }

    /// Names the file in an error of the operating system; one that is gone has its own variant.
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::NotFound {
            Self::Missing { path }
        } else {
            Self::Io { path, source }
        }
    }
}
