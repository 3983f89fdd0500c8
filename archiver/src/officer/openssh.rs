//! What OpenSSH's files and its agent have in common: strings, Ed25519 keys, signatures, the armor.

use std::io::Read;

use strongroom_crypto::b64;
use strongroom_crypto::keys::RolePublic;
use zeroize::Zeroizing;

use super::OfficerError;

/// The name of the key type and of its signatures (RFC 8709).
pub(super) const ED25519: &[u8] = b"ssh-ed25519";

/// The longest key or signature read: twenty times what `ssh-keygen` writes for Ed25519.
const MAX_FILE_BYTES: u64 = 16_384;

/// How much of a foreign name an error repeats, in characters.
const MAX_ECHO_CHARS: usize = 40;

const PUBLIC_KEY: OfficerError =
    OfficerError::Malformed("one line `ssh-ed25519 AAAA…`, as in the `.pub` file beside a key");

/// Reads the one-line form of a public key, `ssh-ed25519 AAAA… comment`. The comment is dropped: it
/// may name a person.
///
/// # Errors
///
/// Refuses other key types, keys of small order and whatever is not such a line.
pub fn public_key(line: &str) -> Result<RolePublic, OfficerError> {
    let line = line.trim();
    if line.contains(['\n', '\r']) {
        return Err(PUBLIC_KEY);
    }
    let mut words = line.split_whitespace();
    let (kind, blob) = words.next().zip(words.next()).ok_or(PUBLIC_KEY)?;
    let key = public_from_blob(&b64::decode(blob).map_err(|_| PUBLIC_KEY)?)?;
    if kind.as_bytes() == ED25519 { Ok(key) } else { Err(PUBLIC_KEY) }
}

/// Writes a public key in the one-line form, without a comment.
pub fn public_line(key: &RolePublic) -> String {
    format!("ssh-ed25519 {}", b64::encode(&blob_of(key)))
}

/// Reads a public key as files and the agent hold it: its type and its 32 bytes.
pub(super) fn public_from_blob(blob: &[u8]) -> Result<RolePublic, OfficerError> {
    let expected = || OfficerError::Malformed("a usable Ed25519 public key of 32 bytes");
    let mut fields = Fields(blob);
    let kind = fields.string().ok_or_else(expected)?;
    if kind != ED25519 {
        return Err(OfficerError::KeyType(echo(kind)));
    }
    let bytes = fields.array().ok_or_else(expected)?;
    fields.end().ok_or_else(expected)?;
    RolePublic::from_bytes(bytes).map_err(|_| expected())
}

/// The opposite of [`public_from_blob`].
pub(super) fn blob_of(key: &RolePublic) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, ED25519);
    put_string(&mut blob, key.as_bytes());
    blob
}

/// Reads an Ed25519 signature: its type and its 64 bytes.
pub(super) fn signature_from_blob(blob: &[u8]) -> Option<[u8; 64]> {
    let mut fields = Fields(blob);
    let of_type = fields.string()? == ED25519;
    let bytes = fields.array()?;
    fields.end()?;
    of_type.then_some(*bytes)
}

/// Reads a file that may hold a secret.
pub(super) fn read(file: impl Read) -> Result<Zeroizing<Vec<u8>>, OfficerError> {
    // Large enough that growing leaves no copy of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(20_480));
    let most = MAX_FILE_BYTES.saturating_add(1);
    let found = file.take(most).read_to_end(&mut bytes).map_err(OfficerError::Read)?;
    if u64::try_from(found).is_ok_and(|found| found <= MAX_FILE_BYTES) {
        Ok(bytes)
    } else {
        Err(OfficerError::TooLong(MAX_FILE_BYTES))
    }
}

/// The bytes between `-----BEGIN label-----` and its end.
pub(super) fn armored(text: &[u8], label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let text = text.strip_prefix("-----BEGIN ")?.strip_prefix(label)?.strip_prefix("-----")?;
    let text = text.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    text.lines().for_each(|line| joined.push_str(line));
    b64::decode(&joined).ok().map(Zeroizing::new)
}

/// A foreign name as an error may repeat it.
pub(super) fn echo(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.chars().take(MAX_ECHO_CHARS).flat_map(char::escape_debug).collect()
}

/// Appends a string: its length in four big-endian bytes, then itself.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // INVARIANT: what is written here is some hundred bytes long; a longer string would be refused.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads fields one after the other (RFC 4251, section 5); none where too few bytes are left.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*field))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length)
    }

    /// A string of exactly `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.string()?.try_into().ok()
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::tests::{TEST_KEY_PUBLIC, test_key};
    use super::*;

    #[test]
    fn a_public_key_is_read_without_its_comment() {
        let bare = TEST_KEY_PUBLIC.split(" test").next().unwrap();
        assert_eq!(public_key(bare).unwrap(), test_key());
        let hex = "16c08db10a5ef8df37b0d35f88122d5b419b79f04d558e7875740d2e9d64e5eb";
        assert_eq!(strongroom_crypto::hex::encode(test_key().as_bytes()), hex);
        let blob = b64::decode(bare.split(' ').nth(1).unwrap()).unwrap();
        assert_eq!(blob_of(&test_key()), blob);
        assert_eq!(format!("{:?}", test_key()).find("test key"), None);
    }

    #[test]
    fn whatever_is_no_ed25519_line_is_refused() {
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDqdIfg12JfYajQei/IeL2ln6LXNCG1jlWSl5XekuLfV2oS2bb8P+ci+Q+g23QJb94Whd5QVez5EQ6AHOyo2UUQ=";
        let named = "`ecdsa-sha2-nistp256` is no key that officers sign with: make one with `ssh-keygen -t ed25519`";
        assert_eq!(public_key(ecdsa).unwrap_err().to_string(), named);
        // The type is the key's own, whatever the line says.
        let disguised = ecdsa.replacen("ecdsa-sha2-nistp256", "ssh-ed25519", 1);
        assert_eq!(public_key(&disguised).unwrap_err().to_string(), named);
        let expected = "expected one line `ssh-ed25519 AAAA…`, as in the `.pub` file beside a key";
        for line in [
            String::new(),
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 not/base64 comment".to_owned(),
            TEST_KEY_PUBLIC.replacen("ssh-ed25519", "ssh-rsa", 1),
            format!("restrict {TEST_KEY_PUBLIC}"),
            format!("{TEST_KEY_PUBLIC}{TEST_KEY_PUBLIC}"),
        ] {
            assert_eq!(public_key(&line).unwrap_err().to_string(), expected, "{line}");
        }
    }

    #[test]
    fn a_public_key_that_signs_for_anybody_is_refused() {
        // The neutral element: every signature with R = s·B verifies under it.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut blob = Vec::new();
        put_string(&mut blob, ED25519);
        put_string(&mut blob, &identity);
        let expected = "expected a usable Ed25519 public key of 32 bytes";
        assert_eq!(public_from_blob(&blob).unwrap_err().to_string(), expected);
        let mut longer = blob_of(&test_key());
        longer.push(0);
        assert_eq!(public_from_blob(&longer).unwrap_err().to_string(), expected);
    }

    #[test]
    fn fields_end_where_the_bytes_end() {
        assert_eq!(Fields(b"\0\0\0\x02ab").string(), Some(&b"ab"[..]));
        assert_eq!(Fields(b"\0\0\0\x03ab").string(), None);
        assert_eq!(Fields(b"\xff\xff\xff\xffab").string(), None);
        assert_eq!(Fields(b"\0\0\0").number(), None);
        assert_eq!(Fields(b"\0\0\0\x02ab").array::<3>(), None);
    }

    #[test]
    fn the_armor_is_taken_off_whole() {
        let text = "-----BEGIN X-----\r\nYW\nJj\n-----END X-----\n";
        assert_eq!(armored(text.as_bytes(), "X").unwrap().as_slice(), b"abc");
        for text in ["", "-----BEGIN X-----", "-----BEGIN Y-----\nYWJj\n-----END Y-----\n"] {
            assert!(armored(text.as_bytes(), "X").is_none(), "{text}");
        }
        assert!(read(io::repeat(b'a').take(16_384)).is_ok());
        let refused = read(io::repeat(b'a')).unwrap_err().to_string();
        assert_eq!(refused, "is longer than 16384 bytes: name an OpenSSH key or signature");
        assert_eq!(echo(b"a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(echo(&[b'a'; 100]).len(), 40);
    }
}
