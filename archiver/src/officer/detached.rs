//! Signatures made elsewhere, by `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY STATEMENT`.

use std::fs::File;
use std::path::Path;

use strongroom_crypto::Digest;

use super::openssh::{self, Fields, echo};
use super::{HASH, NAMESPACE, OfficerError, Signature};

/// How the signature begins below its armor (PROTOCOL.sshsig).
const MAGIC: &[u8] = b"SSHSIG";

/// Reads a signature over a statement, which is given by its SHA-256.
///
/// # Errors
///
/// Refuses a signature over something else, in another form, for another namespace, over another
/// hash or by a key of another type.
pub fn read(path: &Path, statement: Digest) -> Result<Signature, OfficerError> {
    let text = File::open(path).map_err(OfficerError::Read).and_then(openssh::read);
    text.and_then(|text| parse(&text, statement)).map_err(|error| error.in_file(path))
}

fn parse(text: &[u8], statement: Digest) -> Result<Signature, OfficerError> {
    let expected = || {
        OfficerError::Malformed(
            "a signature, as `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY FILE` makes it",
        )
    };
    let bytes = openssh::armored(text, "SSH SIGNATURE").ok_or_else(expected)?;
    let mut fields = Fields(bytes.strip_prefix(MAGIC).ok_or_else(expected)?);
    let version = fields.number().ok_or_else(expected)?;
    if version != 1 {
        return Err(OfficerError::Version(version));
    }
    let mut next = || fields.string().ok_or_else(expected);
    let (key, namespace, reserved, hash, signature) = (next()?, next()?, next()?, next()?, next()?);
    fields.end().ok_or_else(expected)?;
    let key = openssh::public_from_blob(key)?;
    if namespace != NAMESPACE.as_bytes() {
        return Err(OfficerError::Namespace(echo(namespace)));
    }
    if !reserved.is_empty() {
        return Err(OfficerError::Reserved);
    }
    if hash != HASH.as_bytes() {
        return Err(OfficerError::Hash(echo(hash)));
    }
    let signature = openssh::signature_from_blob(signature).ok_or_else(expected)?;
    Signature::verified(key, signature, statement)
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::b64;

    use super::super::tests::{SIGNATURE, STATEMENT, test_key};
    use super::*;

    /// By the test key, `-n strongroom -O hashalg=sha256`.
    const SIGNED: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgFsCNsQpe+N83sNNfiBItW0Gbef
BNVY54dXQNLp1k5esAAAAKc3Ryb25ncm9vbQAAAAAAAAAGc2hhMjU2AAAAUwAAAAtzc2gt
ZWQyNTUxOQAAAEBFaNPzKpycXUtIj8BlQJnwH3ytEBVR4+IoX1ZbNzabpKluHwVKEpgt08
c+1wvqhLogoj0cQ+ZjqSm8j2NnllsF
-----END SSH SIGNATURE-----
";

    /// The same with `-O hashalg=sha512`.
    const OVER_SHA512: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgFsCNsQpe+N83sNNfiBItW0Gbef
BNVY54dXQNLp1k5esAAAAKc3Ryb25ncm9vbQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gt
ZWQyNTUxOQAAAEDIekjJ2FX09wq+wqWlA4L9Jf6HFi1eNmMXuTUjD627lzhtSWUbnRkGJW
H5kCbWwd6lhxvQTBpo3eDDljaz+XwC
-----END SSH SIGNATURE-----
";

    /// The same with `-n file`.
    const FOR_A_FILE: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgFsCNsQpe+N83sNNfiBItW0Gbef
BNVY54dXQNLp1k5esAAAAEZmlsZQAAAAAAAAAGc2hhMjU2AAAAUwAAAAtzc2gtZWQyNTUx
OQAAAECoPleIjxrDtdqA+64hLud5M7w8qkJNeQFLwRwSjV9b7c8tVxAogQ3YB+KQUvGIxF
6+iINVMhwJPI4t0X1XfLQD
-----END SSH SIGNATURE-----
";

    /// By a test key of another type.
    const BY_ECDSA: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE
EEOp0h+DXYl9hqNB6L8h4vaWfotc0IbWOVZKXld6S4t9XahLZtvw/5yL5D6DbdAlv3haF3
lBV7PkRDoAc7KjZRRAAAAApzdHJvbmdyb29tAAAAAAAAAAZzaGEyNTYAAABlAAAAE2VjZH
NhLXNoYTItbmlzdHAyNTYAAABKAAAAIQDpDcn+5SFzxIpFMlEYZC+Ewng2FNWi9f1t0S6u
hj0oHQAAACEAgxgw6+q/Fm5Vz/fWvaVEvMxj6gCufUHpTNbVdHRJ1zo=
-----END SSH SIGNATURE-----
";

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), Digest::of(STATEMENT)).unwrap_err().to_string()
    }

    /// The signature with `new` in place of the bytes at `at`.
    fn edited(at: std::ops::Range<usize>, new: &[u8]) -> String {
        let mut bytes = openssh::armored(SIGNED.as_bytes(), "SSH SIGNATURE").unwrap();
        bytes.splice(at, new.iter().copied());
        let inside = b64::encode(&bytes);
        format!("-----BEGIN SSH SIGNATURE-----\n{inside}\n-----END SSH SIGNATURE-----\n")
    }

    #[test]
    fn what_ssh_keygen_signs_is_read() {
        for text in [SIGNED.to_owned(), SIGNED.replace('\n', "\r\n"), edited(0..0, b"")] {
            let signature = parse(text.as_bytes(), Digest::of(STATEMENT)).unwrap();
            assert_eq!(signature.as_bytes(), &SIGNATURE);
            assert_eq!(signature.key(), &test_key());
        }
    }

    #[test]
    fn a_signature_for_something_else_says_how_to_sign() {
        assert_eq!(
            refused(OVER_SHA512),
            "signature over a `sha512` hash: add `-O hashalg=sha256` to `ssh-keygen -Y sign`"
        );
        assert_eq!(
            refused(FOR_A_FILE),
            "signature for namespace `file`: sign with `ssh-keygen -Y sign -n strongroom`"
        );
        assert_eq!(
            refused(BY_ECDSA),
            "`ecdsa-sha2-nistp256` is no key that officers sign with: make one with `ssh-keygen -t ed25519`"
        );
        let other = parse(SIGNED.as_bytes(), Digest::of(b"another")).unwrap_err().to_string();
        assert_eq!(
            other,
            "the signature is not over this statement: sign the statement's file as it was written, byte for byte"
        );
    }

    #[test]
    fn a_signature_in_another_form_is_refused() {
        assert_eq!(
            refused(&edited(6..10, &[0, 0, 0, 2])),
            "signature of version 2, expected version 1: sign with `ssh-keygen -Y sign`"
        );
        assert_eq!(
            refused(&edited(0x4f..0x53, &[0, 0, 0, 1, b'x'])),
            "signature with a reserved field that is not empty: sign with `ssh-keygen -Y sign`"
        );
        let expected = "expected a signature, as `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY FILE` makes it";
        let no_armor = SIGNED.replace("SSH SIGNATURE", "PGP SIGNATURE");
        let cut = edited(0xb0..0xb4, b"");
        let trailing = edited(0xb4..0xb4, b"x");
        let no_magic = edited(0..1, b"s");
        for text in ["", &no_armor, &cut, &trailing, &no_magic] {
            assert_eq!(refused(text), expected, "{text}");
        }
        for at in 0..0xb4 {
            let bytes = openssh::armored(SIGNED.as_bytes(), "SSH SIGNATURE").unwrap();
            let text = edited(at..at + 1, &[bytes[at] ^ 1]);
            assert!(parse(text.as_bytes(), Digest::of(STATEMENT)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_error_names_the_file() {
        let error = read(Path::new("absent.sig"), Digest::of(STATEMENT)).unwrap_err().to_string();
        assert!(error.starts_with("`absent.sig`: cannot be read: "), "{error}");
    }
}
