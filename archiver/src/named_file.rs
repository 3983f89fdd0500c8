//! Files that an operator names: a slip of the hand may name any.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Reads a file of at most `max_bytes`; of a longer one only that much, and it is refused.
pub(crate) fn read(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes {
        let detail = format!("it has more than {max_bytes} bytes, which is too long for this");
        return Err(io::Error::new(ErrorKind::FileTooLarge, detail));
    }
    Ok(bytes)
}

/// The same of a file that is text.
pub(crate) fn read_text(path: &Path, max_bytes: usize) -> io::Result<String> {
    let text = String::from_utf8(read(path, max_bytes)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text (UTF-8)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_refused_at_the_limit() {
        let error = read(Path::new("/dev/zero"), 1_000).unwrap_err();
        assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
        assert_eq!(read(Path::new("/dev/null"), 0).unwrap(), b"");
    }
}
