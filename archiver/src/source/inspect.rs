//! Looking at a file before it is read: what it is, how long it is once decoded, how it begins.

use super::decode::{Compression, decoder, failure, foreign};
use super::{DETECT_BYTES, Format, MAX_DECODED_BYTES, PREFIX_BYTES, SourceError, detect};
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use strongroom_crypto::keys::KeyFile;

/// How much compressed data is read at once, in bytes.
pub(super) const ENCODED_CHUNK_BYTES: usize = 64 * 1024;

/// How much decoded data is looked at at once while a file is checked, in bytes.
const CHECK_CHUNK_BYTES: usize = 64 * 1024;

/// What a file was found to be. It is read with [`super::Reader`], which refuses a file that is no
/// longer the one that was inspected.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// How it is compressed.
    pub compression: Compression,
    /// How many bytes it decodes to. A plain file may have grown by the time it is read.
    pub decoded_len: u64,
    /// Its first decoded bytes, [`PREFIX_BYTES`] at most. Only the caller needs them: where many
    /// files are inspected before one is read, they may be dropped.
    pub prefix: Vec<u8>,
    /// The format its first bytes tell; [`Format::Binary`] where that was asked for.
    pub format: Format,
    /// A compression that is not decoded here and that its first bytes are of.
    pub packed_as: Option<&'static str>,
    /// It is a single line without an end, and may be the beginning of anything.
    pub(super) unended_line: bool,
    identity: Identity,
}

/// What tells a file from another one that has taken its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// How many of its first bytes as stored, encoded or not, `first` covers.
    first_len: usize,
    first: u64,
}

/// Looks at a file. One that is compressed is decoded once from beginning to end, so that a
/// truncated or damaged one is known before the first of its records is taken; but where `asked` is
/// [`Format::Binary`], nothing is decoded.
///
/// # Errors
///
/// The file is missing, unreadable, truncated, damaged, a key file or over [`MAX_DECODED_BYTES`].
pub fn inspect(path: &Path, asked: Format) -> Result<Inspected, SourceError> {
    let (mut file, metadata) = open_regular(path)?;
    let first =
        read_first(&mut file, PREFIX_BYTES).map_err(|error| SourceError::io(path, error))?;
    let identity = Identity::new(&metadata, &first);
    let detected = Compression::detect(&first);
    if holds_keys(&first, detected) {
        return Err(SourceError::KeyFile { path: path.to_path_buf() });
    }
    let binary = asked == Format::Binary;
    let compression = if binary { Compression::Plain } else { detected };
    let (head, decoded_len) = if compression == Compression::Plain {
        let head = read_first(&mut file, DETECT_BYTES).map_err(|e| SourceError::io(path, e))?;
        // A file that is written to while it is looked at has at least the bytes just read.
        let length = metadata.len().max(head.len() as u64);
        within_limit(path, length)?;
        (head, length)
    } else {
        file.rewind().map_err(|error| SourceError::io(path, error))?;
        check(path, BufReader::with_capacity(ENCODED_CHUNK_BYTES, file), compression)?
    };
    let complete = head.len() as u64 == decoded_len;
    Ok(Inspected {
        compression,
        decoded_len,
        format: if binary { Format::Binary } else { detect(&head, complete) },
        packed_as: foreign(&first),
        unended_line: complete && memchr::memchr(b'\n', &head).is_none(),
        prefix: head.get(..PREFIX_BYTES).unwrap_or(&head).to_vec(),
        identity,
    })
}

impl Inspected {
    /// Whether the open file is still the one inspected. A plain one may have grown.
    pub(super) fn is_still(&self, file: &mut File, metadata: &Metadata) -> io::Result<bool> {
        let now = Identity::new(metadata, &read_first(file, self.identity.first_len)?);
        Ok(if self.compression == Compression::Plain {
            let Identity { length, modified, .. } = self.identity;
            now.length >= self.decoded_len && Identity { length, modified, ..now } == self.identity
        } else {
            now == self.identity
        })
    }
}

impl Identity {
    fn new(metadata: &Metadata, first: &[u8]) -> Self {
        // No secret and no adversary: this notices a rotation between two looks at a path.
        let mut hasher = DefaultHasher::new();
        hasher.write(first);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            first_len: first.len(),
            first: hasher.finish(),
        }
    }
}

/// Opens a file and nothing else; a pipe would make the run wait for ever.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), SourceError> {
    let regular = |metadata: Metadata| {
        let path = path.to_path_buf();
        if metadata.is_file() { Ok(metadata) } else { Err(SourceError::NotRegular { path }) }
    };
    let io = |error| SourceError::io(path, error);
    regular(fs::metadata(path).map_err(io)?)?;
    let file = File::open(path).map_err(io)?;
    let metadata = regular(file.metadata().map_err(io)?)?;
    Ok((file, metadata))
}

/// Reads the first bytes of a file, `count` or all there are.
fn read_first(file: &mut File, count: usize) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut first = Vec::new();
    file.take(count as u64).read_to_end(&mut first)?;
    Ok(first)
}

/// Key files are looked for in so many first bytes.
const KEY_SEARCH_BYTES: u64 = 1_024;

/// Whether a file that begins so is a key file, packed or not. Its content decides: it may have
/// been copied or linked to under any name.
fn holds_keys(first: &[u8], compression: Compression) -> bool {
    let mut begin = Vec::new();
    let encoded = Cursor::new(first.to_vec());
    let decoded = decoder(encoded, compression)
        .and_then(|input| input.take(KEY_SEARCH_BYTES).read_to_end(&mut begin));
    // What cannot be decoded so far is no key file that anybody could use; a line before it, or
    // other line ends, do not make the keys in it less secret.
    let header = KeyFile::FIRST_LINE.trim_end().as_bytes();
    let is_header = |line: &[u8]| line.trim_ascii() == header;
    (decoded.is_ok() || !begin.is_empty()) && begin.split(|byte| *byte == b'\n').any(is_header)
}

/// Decodes a file to its end. Returns how it begins and how long it is.
fn check(
    path: &Path,
    input: BufReader<File>,
    compression: Compression,
) -> Result<(Vec<u8>, u64), SourceError> {
    let mut head = Vec::new();
    let mut length = 0_u64;
    let mut decoded = decoder(input, compression).map_err(|e| failure(path, compression, 0, e))?;
    let mut chunk = vec![0; CHECK_CHUNK_BYTES];
    loop {
        let count = match decoded.read(&mut chunk) {
            Ok(0) => return Ok((head, length)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failure(path, compression, length, error)),
        };
        length = length.saturating_add(count as u64);
        within_limit(path, length)?;
        let wanted = count.min(DETECT_BYTES.saturating_sub(head.len()));
        head.extend_from_slice(chunk.get(..wanted).unwrap_or_default());
    }
}

fn within_limit(path: &Path, length: u64) -> Result<(), SourceError> {
    if length <= MAX_DECODED_BYTES {
        return Ok(());
    }
    Err(SourceError::TooLarge { path: path.to_path_buf(), limit_bytes: MAX_DECODED_BYTES })
}
