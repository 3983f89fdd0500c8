//! The key file of an embedded archive: every secret of one archive in one text file.

use zeroize::Zeroizing;

use super::{Entropy, Kek, Role, RoleKey};
use crate::{b64, id::ArchiveId, note::SigningKey};

const HEADER: &str = "strongroom-key-v1";

/// Who holds the file is told what it is.
const COMMENT: &str =
    "# every role in one file: whoever reads it can seal, lock, hold, remove, export and decrypt";

/// The longest key file read, in bytes: ten lines and room for comments.
const MAX_FILE_BYTES: usize = 16_384;

/// All keys of one archive. There is no `Display` and no `Clone`: secrets leave it by
/// [`KeyFile::to_text`] alone.
///
/// The file is the line `strongroom-key-v1`, then `archive`, `kek`, `log` and one `role` line for each
/// role, in this order; lines that begin with `#` are comments.
#[derive(Debug)]
pub struct KeyFile {
    archive_id: ArchiveId,
    kek: Kek,
    /// Named `strongroom/<archive id>`, which is the origin of the log.
    log: SigningKey,
    archive: RoleKey,
    lock: RoleKey,
    hold: RoleKey,
    remove: RoleKey,
    export: RoleKey,
}

/// Why a key file was refused. Never repeats what stands in the line: it may be a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFileError {
    /// Over the limit.
    #[error("key file exceeds {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// A line is missing, out of order or malformed.
    #[error("key file, line {line}: expected `{expected}`")]
    Line {
        /// Counted from 1.
        line: usize,
        /// The form of the line that should stand there.
        expected: String,
    },
    /// Something follows the last key.
    #[error("key file, line {line}: expected the end of the file")]
    Trailing {
        /// Counted from 1.
        line: usize,
    },
}

impl KeyFile {
    /// How every key file begins, with the end of its line.
    pub const FIRST_LINE: &str = "strongroom-key-v1\n";

    /// Draws all keys of a new archive.
    pub fn generate(archive_id: ArchiveId, entropy: &mut dyn Entropy) -> Self {
        let kek = Kek::generate(entropy);
        let log = loop {
            let mut seed = Zeroizing::new([0; 32]);
            entropy.fill(seed.as_mut_slice());
            // INVARIANT: the name is well formed and no seed gives a weak key, so this is one turn.
            if let Ok(log) = SigningKey::from_seed(&log_name(archive_id), &seed) {
                break log;
            }
        };
        Self {
            archive_id,
            kek,
            log,
            archive: RoleKey::generate(entropy),
            lock: RoleKey::generate(entropy),
            hold: RoleKey::generate(entropy),
            remove: RoleKey::generate(entropy),
            export: RoleKey::generate(entropy),
        }
    }

    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// Refuses any line that is missing, repeated, out of order or malformed, and names it.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(KeyFileError::TooLarge);
        }
        let mut lines = Lines { rest: text.split_terminator('\n').enumerate(), last: 0 };
        lines.value(HEADER, |line| (line == HEADER).then_some(()))?;
        let archive_id = lines.value("archive <32 hex digits>", |line| {
            line.strip_prefix("archive ")?.parse::<ArchiveId>().ok()
        })?;
        let kek = Kek::from_bytes(&*lines.secret("kek")?);
        let log = lines.value("log <base64 of 32 bytes>", |line| {
            SigningKey::from_seed(&log_name(archive_id), &*secret(line, "log")?).ok()
        })?;
        let file = Self {
            archive_id,
            kek,
            log,
            archive: lines.role(Role::Archive)?,
            lock: lines.role(Role::Lock)?,
            hold: lines.role(Role::Hold)?,
            remove: lines.role(Role::Remove)?,
            export: lines.role(Role::Export)?,
        };
        match lines.next() {
            None => Ok(file),
            Some(_) => Err(KeyFileError::Trailing { line: lines.last }),
        }
    }

    /// The text of the file, secrets and all; wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        // Large enough that growing leaves no copy of a secret behind.
        let mut text = Zeroizing::new(String::with_capacity(1_024));
        let mut line = |words: &[&str]| {
            for (at, word) in words.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { " " });
                text.push_str(word);
            }
            text.push('\n');
        };
        line(&[HEADER]);
        line(&[COMMENT]);
        line(&["archive", &self.archive_id.to_string()]);
        line(&["kek", &encoded(self.kek.expose())]);
        line(&["log", &encoded(&self.log.seed())]);
        for role in Role::ALL {
            line(&["role", role.as_str(), &encoded(&self.role(role).seed())]);
        }
        text
    }

    /// The archive these keys belong to.
    pub fn archive_id(&self) -> ArchiveId {
        self.archive_id
    }

    /// The key-encryption key.
    pub fn kek(&self) -> &Kek {
        &self.kek
    }

    /// The key that signs the log's checkpoints; its name is the log's origin.
    pub fn log(&self) -> &SigningKey {
        &self.log
    }

    /// The key of a role.
    pub fn role(&self, role: Role) -> &RoleKey {
        match role {
            Role::Archive => &self.archive,
            Role::Lock => &self.lock,
            Role::Hold => &self.hold,
            Role::Remove => &self.remove,
            Role::Export => &self.export,
        }
    }
}

/// The origin of an archive's log and the name of its key.
fn log_name(archive_id: ArchiveId) -> String {
    format!("strongroom/{archive_id}")
}

fn encoded(secret: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(b64::encode(secret))
}

fn secret(line: &str, name: &str) -> Option<Zeroizing<[u8; 32]>> {
    let value = line.strip_prefix(name)?.strip_prefix(' ')?;
    b64::decode_array(value).ok().map(Zeroizing::new)
}

/// The lines that are no comments, with their numbers.
struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::SplitTerminator<'a, char>>,
    /// The number of the line read last.
    last: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        for (index, line) in self.rest.by_ref() {
            self.last = index.saturating_add(1);
            // The header is no comment, so a comment can't come first.
            if index == 0 || !line.starts_with('#') {
                return Some(line);
            }
        }
        self.last = self.last.saturating_add(1);
        None
    }

    fn value<T>(
        &mut self,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, KeyFileError> {
        let value = self.next().and_then(read);
        value.ok_or_else(|| KeyFileError::Line { line: self.last, expected: expected.to_owned() })
    }

    fn secret(&mut self, name: &str) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
        let expected = format!("{name} <base64 of 32 bytes>");
        self.value(&expected, |line| secret(line, name))
    }

    fn role(&mut self, role: Role) -> Result<RoleKey, KeyFileError> {
        Ok(RoleKey::from_seed(&*self.secret(&format!("role {role}"))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> KeyFile {
        let mut next = 0_u8;
        let archive_id = ArchiveId::from_bytes([0xab; 16]);
        KeyFile::generate(archive_id, &mut |out: &mut [u8]| {
            next = next.wrapping_add(1);
            out.fill(next);
        })
    }

    #[test]
    fn a_key_file_reads_back_as_it_was_written() {
        let text = file().to_text();
        let read = KeyFile::parse(&text).unwrap();
        assert_eq!(read.to_text(), text);
        assert_eq!(read.archive_id(), ArchiveId::from_bytes([0xab; 16]));
        assert_eq!(read.kek().id(), file().kek().id());
        assert_eq!(read.log().verifier().name(), format!("strongroom/{}", "ab".repeat(16)));
        assert_eq!(read.log().verifier(), file().log().verifier());
        for role in Role::ALL {
            assert_eq!(read.role(role).id(), file().role(role).id());
        }
        assert!(text.starts_with(KeyFile::FIRST_LINE));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[2], format!("archive {}", "ab".repeat(16)));
        assert_eq!(lines[3], "kek AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
        assert!(lines[9].starts_with("role export "));
        assert!(KeyFile::parse(text.trim_end()).is_ok(), "the last line feed may be missing");
    }

    #[test]
    fn the_error_names_the_line_and_no_secret() {
        let text = file().to_text();
        let lines: Vec<&str> = text.lines().collect();
        let expectations = [
            "strongroom-key-v1",
            "archive <32 hex digits>",
            "kek <base64 of 32 bytes>",
            "log <base64 of 32 bytes>",
            "role archive <base64 of 32 bytes>",
            "role lock <base64 of 32 bytes>",
            "role hold <base64 of 32 bytes>",
            "role remove <base64 of 32 bytes>",
            "role export <base64 of 32 bytes>",
        ];
        let keys = [0, 2, 3, 4, 5, 6, 7, 8, 9];
        for (at, expected) in keys.into_iter().zip(expectations) {
            let mut altered = lines.clone();
            altered[at] = "kek AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg";
            let error = KeyFile::parse(&altered.join("\n")).unwrap_err();
            let wanted = format!("key file, line {}: expected `{expected}`", at + 1);
            assert_eq!(error.to_string(), wanted);
            let mut shorter = lines.clone();
            shorter.remove(at);
            assert!(KeyFile::parse(&shorter.join("\n")).is_err());
        }
        assert_eq!(
            KeyFile::parse(&lines[..4].join("\n")).unwrap_err().to_string(),
            "key file, line 5: expected `log <base64 of 32 bytes>`"
        );
        let trailing = format!("{}kek\n", *text);
        assert_eq!(KeyFile::parse(&trailing).unwrap_err(), KeyFileError::Trailing { line: 11 });
        assert!(KeyFile::parse(&text.replace('\n', "\r\n")).is_err());
        assert!(KeyFile::parse("").is_err());
        assert!(KeyFile::parse(&"#\n".repeat(MAX_FILE_BYTES)).is_err());
    }

    #[test]
    fn comments_may_stand_anywhere_after_the_first_line() {
        let text = file().to_text();
        let commented = text.replace("\nlog ", "\n# note\nlog ");
        assert_eq!(KeyFile::parse(&format!("{commented}# end\n")).unwrap().to_text(), text);
        assert!(KeyFile::parse(&format!("# first\n{}", *text)).is_err());
    }

    #[test]
    fn a_key_file_does_not_print_its_secrets() {
        let printed = format!("{:?}", file());
        for secret in file().to_text().lines().filter_map(|line| line.rsplit_once(' ')) {
            assert!(secret.1.len() != 44 || !printed.contains(secret.1));
        }
        assert!(printed.contains("Kek(..)"), "{printed}");
    }
}
