//! Signing with an OpenSSH private key file without a passphrase.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use strongroom_crypto::Digest;
use strongroom_crypto::keys::RoleKey;

use super::openssh::{self, ED25519, Fields};
use super::{OfficerError, Signature, signed_bytes};

/// How the key begins below its armor (PROTOCOL.key).
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// What the private part is padded to, in bytes, where nothing encrypts it.
const BLOCK_BYTES: usize = 8;

/// Signs a statement, given by its SHA-256, with the key in the file at `path`; `store` is the
/// directory of the archive, if it has one.
///
/// # Errors
///
/// Refuses a file that is a link, that others can read or that lies in the store, a key with a
/// passphrase and keys of other types.
pub fn sign(
    path: &Path,
    store: Option<&Path>,
    statement: Digest,
) -> Result<Signature, OfficerError> {
    let sign = |file| {
        let key = parse(&openssh::read(file)?)?;
        Signature::verified(key.public(), key.sign(&signed_bytes(statement)), statement)
    };
    open(path, store).and_then(sign).map_err(|error| error.in_file(path))
}

/// Opens a key file that only its owner can read.
fn open(path: &Path, store: Option<&Path>) -> Result<File, OfficerError> {
    let named = fs::symlink_metadata(path).map_err(OfficerError::Read)?;
    // Asked before it is opened: a pipe would wait for its writer.
    if !named.is_file() {
        return Err(OfficerError::NotRegular);
    }
    let file = File::open(path).map_err(OfficerError::Read)?;
    let opened = file.metadata().map_err(OfficerError::Read)?;
    // Otherwise a link was put in its place since.
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(OfficerError::NotRegular);
    }
    // Unlike an archive's key, no group shares it: a signature stands for one person.
    if opened.mode() & 0o077 != 0 {
        return Err(OfficerError::Exposed);
    }
    // A store that is not there holds nothing.
    if let Some(store) = store.and_then(|store| fs::canonicalize(store).ok())
        && fs::canonicalize(path).map_err(OfficerError::Read)?.starts_with(store)
    {
        return Err(OfficerError::InStore);
    }
    Ok(file)
}

fn parse(text: &[u8]) -> Result<RoleKey, OfficerError> {
    let expected =
        || OfficerError::Malformed("an OpenSSH private key, as `ssh-keygen -t ed25519` makes it");
    let bytes = openssh::armored(text, "OPENSSH PRIVATE KEY").ok_or_else(expected)?;
    let outer = Outer::read(&bytes).ok_or_else(expected)?;
    // The type first: a passphrase is no obstacle on a key that could not be used anyway.
    let public = openssh::public_from_blob(outer.public)?;
    if outer.protection != [&b"none"[..], b"none", b""] {
        return Err(OfficerError::Encrypted);
    }
    let seed = seed(outer.private, public.as_bytes()).ok_or_else(expected)?;
    let key = RoleKey::from_seed(seed);
    if key.public() == public { Ok(key) } else { Err(expected()) }
}

/// What can be read of a key without its passphrase, if it has one.
struct Outer<'a> {
    /// Cipher, key derivation and its options.
    protection: [&'a [u8]; 3],
    public: &'a [u8],
    private: &'a [u8],
}

impl<'a> Outer<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(bytes.strip_prefix(MAGIC)?);
        let protection = [fields.string()?, fields.string()?, fields.string()?];
        let (1, public, private) = (fields.number()?, fields.string()?, fields.string()?) else {
            return None;
        };
        fields.end()?;
        Some(Self { protection, public, private })
    }
}

/// The secret of the private part; everything beside it stands twice and has to agree.
fn seed<'a>(private: &'a [u8], public: &[u8; 32]) -> Option<&'a [u8; 32]> {
    let mut fields = Fields(private);
    let unscrambled = fields.number()? == fields.number()?;
    let of_type = fields.string()? == ED25519;
    let own = fields.array::<32>()? == public;
    let (seed, again) = fields.array::<64>()?.split_first_chunk()?;
    let _comment = fields.string()?;
    let padding = fields.0;
    let padded = padding.len() < BLOCK_BYTES
        && private.len().is_multiple_of(BLOCK_BYTES)
        && padding.iter().zip(1..).all(|(byte, at): (&u8, u8)| *byte == at);
    (unscrambled && of_type && own && again == public && padded).then_some(seed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use strongroom_crypto::b64;

    use super::super::tests::{SIGNATURE, STATEMENT, test_key};
    use super::*;

    /// A test key, made for these tests by `ssh-keygen -t ed25519`: it protects nothing.
    const TEST_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAWwI2xCl743zew01+IEi1bQZt58E1Vjnh1dA0unWTl6wAAAJgakNu+GpDb
vgAAAAtzc2gtZWQyNTUxOQAAACAWwI2xCl743zew01+IEi1bQZt58E1Vjnh1dA0unWTl6w
AAAEB0UTpMgfbRwZ1sF5pPe37AO+DNz/0QaSO063rE8JxuaxbAjbEKXvjfN7DTX4gSLVtB
m3nwTVWOeHV0DS6dZOXrAAAAE3Rlc3Qga2V5LCBubyBzZWNyZXQBAg==
-----END OPENSSH PRIVATE KEY-----
";

    /// Another test key, with a passphrase.
    const TEST_KEY_WITH_PASSPHRASE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCj+Ne3Rs
8pIN96/CZxjba+AAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIDOa45Bia5XaCfP6
vNsmdP47c+5aficOu6JqKFTPz3aLAAAAoKjvFkr/CYe33kNoP3LpeZrRoq3wUk1TykLyhE
8r8s+L/z26VkIVrnwMV3Rxs1EXbU+jVRUCtJ37ddKfb16mQHAELk8mMMen1dH2yltz3dT4
Q2eYUF39TV3pJPEU7lMp1L9tLRktGk6YDnevs20fFjIajgOpwnRxeFRC+uFgT4xx7655f6
PzohOr9xjd8w7pa7qM3DRzPJLDMUWzTRScZoQ=
-----END OPENSSH PRIVATE KEY-----
";

    /// A test key of another type.
    const TEST_KEY_ECDSA: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQ6nSH4NdiX2Go0HovyHi9pZ+i1zQht
Y5VkpeV3pLi31dqEtm2/D/nIvkPoNt0CW/eFoXeUFXs+REOgBzsqNlFEAAAAsERI79JESO
/SAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDqdIfg12JfYajQe
i/IeL2ln6LXNCG1jlWSl5XekuLfV2oS2bb8P+ci+Q+g23QJb94Whd5QVez5EQ6AHOyo2UU
QAAAAgNINseqEmD3G+/qYOo5Jx/EOgX0X/kb/wB8VJ6vcbsCgAAAATdGVzdCBrZXksIG5v
IHNlY3JldAECAwQF
-----END OPENSSH PRIVATE KEY-----
";

    const NO_KEY: &str = "expected an OpenSSH private key, as `ssh-keygen -t ed25519` makes it";

    fn refused(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    /// The test key with one byte of its inside changed.
    fn altered(at: usize) -> String {
        let mut bytes = openssh::armored(TEST_KEY.as_bytes(), "OPENSSH PRIVATE KEY").unwrap();
        bytes[at] ^= 1;
        let inside = b64::encode(&bytes);
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{inside}\n-----END OPENSSH PRIVATE KEY-----")
    }

    /// A directory of its own, removed at the end.
    struct Scene(PathBuf);

    impl Scene {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir()
                .join(format!("strongroom-officer-{name}-{}", std::process::id()));
            fs::create_dir_all(&root).unwrap();
            Self(root)
        }

        fn key(&self, name: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_key_signs_as_ssh_keygen_does() {
        let scene = Scene::new("signs");
        let statement = Digest::of(STATEMENT);
        for mode in [0o600, 0o400] {
            let path = scene.key("key", TEST_KEY, mode);
            let signature = sign(&path, Some(&scene.0.join("store")), statement).unwrap();
            assert_eq!(signature.as_bytes(), &SIGNATURE);
            assert_eq!(signature.key(), &test_key());
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_used() {
        let scene = Scene::new("place");
        let refused = |path: &Path| {
            let error = sign(path, Some(&scene.0.join("store")), Digest::of(STATEMENT));
            let error = error.unwrap_err().to_string();
            error.strip_prefix(&format!("`{}`: ", path.display())).unwrap().to_owned()
        };
        let expected =
            "can be read by others: run `chmod 600` on it, and think about who may have read it";
        for mode in [0o640, 0o604, 0o660] {
            assert_eq!(refused(&scene.key("shared", TEST_KEY, mode)), expected);
        }
        let path = scene.key("key", TEST_KEY, 0o600);
        let link = scene.0.join("link");
        symlink(&path, &link).unwrap();
        let expected = "is no regular file: name the key file itself, not a link to it";
        assert_eq!(refused(&link), expected);
        assert_eq!(refused(&scene.0), expected);
        fs::create_dir(scene.0.join("store")).unwrap();
        // By way of a link the store is the same.
        symlink(scene.0.join("store"), scene.0.join("elsewhere")).unwrap();
        let expected = "an officer's key must not lie inside the store: keep it elsewhere";
        assert_eq!(refused(&scene.key("store/key", TEST_KEY, 0o600)), expected);
        assert_eq!(refused(&scene.0.join("elsewhere/key")), expected);
        assert!(refused(&scene.0.join("absent")).starts_with("cannot be read: "));
    }

    #[test]
    fn a_key_that_cannot_be_used_says_which_one_can() {
        assert_eq!(
            refused(TEST_KEY_WITH_PASSPHRASE),
            "the key has a passphrase: run `ssh-add` and sign with `--agent`, or sign the statement with `ssh-keygen -Y sign -n strongroom -O hashalg=sha256`"
        );
        assert_eq!(
            refused(TEST_KEY_ECDSA),
            "`ecdsa-sha2-nistp256` is no key that officers sign with: make one with `ssh-keygen -t ed25519`"
        );
        let foreign = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for text in
            ["", "strongroom-key-v1\n", foreign, TEST_KEY_WITH_PASSPHRASE.trim_end_matches("-\n")]
        {
            assert_eq!(refused(text), NO_KEY);
        }
    }

    #[test]
    fn a_damaged_key_is_refused() {
        // The comment may say anything; everything else is checked.
        let comment = 0xe5..0xf8;
        let length = openssh::armored(TEST_KEY.as_bytes(), "OPENSSH PRIVATE KEY").unwrap().len();
        for at in 0..length {
            assert_eq!(parse(altered(at).as_bytes()).is_ok(), comment.contains(&at), "byte {at}");
        }
    }

    #[test]
    fn no_error_repeats_a_secret() {
        let debug = format!("{:?}", parse(altered(0xa5).as_bytes()).unwrap_err());
        assert_eq!(debug, format!("Malformed({:?})", NO_KEY.strip_prefix("expected ").unwrap()));
    }
}
