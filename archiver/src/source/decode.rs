//! Decompression. The bytes of a file say how it is compressed, never its name.

use super::SourceError;
use flate2::bufread::GzDecoder;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// The largest window a zstd frame may ask for, as a power of two in bytes: 128 MiB, what `zstd -19`
/// may produce and `zstd -d` accepts without being told otherwise. A decoder allocates the window.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard, of one frame or several.
    Zstd,
}

impl Compression {
    /// Tells the compression from the first four bytes of a file.
    pub fn detect(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b] | [0x1f, 0x8b, 8, ..] => Self::Gzip,
            // A frame, or a frame to be skipped, which parallel compressors put first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Names the compression of a file that is not one of ours, from its first bytes.
pub(super) fn foreign(first: &[u8]) -> Option<&'static str> {
    // bzip2: the block size, then the mark of a block or of the end.
    let bzip2 = first.strip_prefix(b"BZh").and_then(|rest| rest.get(1..)).is_some_and(|rest| {
        rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90")
    });
    if bzip2 {
        Some("bzip2")
    } else if first.starts_with(b"\xfd7zXZ\0") {
        Some("xz")
    } else {
        None
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Reads the decoded bytes of `input`.
pub(super) fn decoder<R: BufRead + Send + 'static>(
    input: R,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::Plain => Box::new(input),
        Compression::Gzip => Box::new(Members { member: Some(GzDecoder::new(input)) }),
        Compression::Zstd => {
            let mut frames = zstd::Decoder::with_buffer(input)?;
            frames.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(frames)
        }
    })
}

/// What a failed read means: the operating system's refusal is told from what a decoder makes of
/// the bytes it was given.
pub(super) fn failure(
    path: &Path,
    compression: Compression,
    after_bytes: u64,
    error: io::Error,
) -> SourceError {
    let path_buf = path.to_path_buf();
    if compression == Compression::Plain || error.raw_os_error().is_some() {
        SourceError::io(path, error)
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        SourceError::Truncated { path: path_buf, compression, after_bytes }
    } else {
        let reason = error.to_string();
        SourceError::Corrupt { path: path_buf, compression, after_bytes, reason }
    }
}

/// The members of a gzip file, one after another, and nothing after them but padding.
struct Members<R: BufRead> {
    /// Nothing once the last member has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) {
                self.member = member_follows(&mut rest)?.then(|| GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

/// Whether another member follows. Zeros up to the end of the file are padding, as `gzip` has it;
/// anything else is not gzip data and must not be dropped in silence.
fn member_follows(rest: &mut impl BufRead) -> io::Result<bool> {
    if rest.fill_buf()?.first() == Some(&0x1f) {
        return Ok(true);
    }
    loop {
        let padding = rest.fill_buf()?;
        if padding.is_empty() {
            return Ok(false);
        }
        if padding.iter().any(|byte| *byte != 0) {
            let reason = "the last gzip member is followed by other data";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let count = padding.len();
        rest.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::{BufReader, Cursor, Write};

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 3).unwrap()
    }

    fn decode(encoded: Vec<u8>) -> io::Result<Vec<u8>> {
        let compression = Compression::detect(&encoded);
        let mut decoded = Vec::new();
        let input = BufReader::with_capacity(7, Cursor::new(encoded));
        decoder(input, compression)?.read_to_end(&mut decoded)?;
        Ok(decoded)
    }

    #[test]
    fn members_and_frames_follow_one_another() {
        assert_eq!(decode([gzip(b"ab"), gzip(b""), gzip(b"cd")].concat()).unwrap(), b"abcd");
        assert_eq!(decode([zstd(b"ab"), zstd(b"cd")].concat()).unwrap(), b"abcd");
        let skipped = [vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9], zstd(b"ab")].concat();
        assert_eq!(decode(skipped).unwrap(), b"ab");
        assert_eq!(decode(b"plain".to_vec()).unwrap(), b"plain");
        assert_eq!(decode(Vec::new()).unwrap(), b"");
    }

    #[test]
    fn zeros_after_the_last_gzip_member_are_padding_and_nothing_else_is() {
        assert_eq!(decode([gzip(b"ab"), vec![0; 100]].concat()).unwrap(), b"ab");
        for after in [b"x".to_vec(), b"\0\0x".to_vec(), [vec![0; 9], gzip(b"c")].concat()] {
            let error = decode([gzip(b"ab"), after].concat()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        assert!(decode([zstd(b"ab"), b"xyz garbage".to_vec()].concat()).is_err());
    }

    #[test]
    fn every_cut_is_noticed() {
        for whole in [gzip(b"some data"), zstd(b"some data"), [gzip(b"a"), gzip(b"b")].concat()] {
            for length in 4..whole.len() {
                let cut = whole.get(..length).unwrap();
                if cut == gzip(b"a") {
                    continue;
                }
                let error = decode(cut.to_vec()).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}: {error}");
            }
        }
    }

    #[test]
    fn no_flipped_byte_changes_what_is_decoded() {
        let data = b"some data that is long enough";
        let whole = gzip(data);
        for at in 10..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            // The last bits of the last block are padding.
            assert!(decode(flipped).map_or(true, |decoded| decoded == data), "{at}");
        }
    }
}
