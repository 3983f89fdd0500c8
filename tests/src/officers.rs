//! Officers with OpenSSH keys that follow from a byte: they guard nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use strongroom_archiver::officer::public_line;
use strongroom_crypto::officer::signed_bytes;
use strongroom_crypto::{Digest, b64, keys::RoleKey};

/// Someone with the test key made from `seed`.
#[derive(Clone, Copy)]
pub struct Officer {
    /// Opaque id.
    pub id: &'static str,
    /// What the officer decides about.
    pub role: &'static str,
    /// What the key follows from.
    pub seed: u8,
}

impl Officer {
    fn key(self) -> RoleKey {
        RoleKey::from_seed(&[self.seed; 32])
    }

    /// Writes `ID` and `ID.pub`, as `ssh-keygen -t ed25519` does; says how `init` takes the officer.
    pub fn write(self, folder: &Path) -> String {
        let key = self.key();
        let public = key.public();
        let blob = [string(b"ssh-ed25519"), string(public.as_bytes())].concat();
        let secret = [[self.seed; 32], *public.as_bytes()].concat();
        let check = [7_u8; 4];
        let mut private =
            [&check[..], &check, &blob, &string(&secret), &string(b"test key, no secret")].concat();
        private.extend((1..).take(private.len().next_multiple_of(8) - private.len()));
        let none = [string(b"none"), string(b"none"), string(b"")].concat();
        let one = 1_u32.to_be_bytes();
        let inside =
            [b"openssh-key-v1\0", none.as_slice(), &one, &string(&blob), &string(&private)];
        let path = folder.join(self.id);
        fs::write(&path, armor("OPENSSH PRIVATE KEY", &inside.concat())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let public_path = folder.join(format!("{}.pub", self.id));
        fs::write(&public_path, public_line(&public)).unwrap();
        format!("{}:{}:{}", self.id, self.role, public_path.display())
    }

    /// Signs a statement's file as `ssh-keygen -Y sign -n strongroom -O hashalg=sha256` does.
    pub fn sign(self, statement: &Path) {
        let key = self.key();
        let digest = Digest::of(&fs::read(statement).unwrap());
        let blob = |of: &[u8]| [string(b"ssh-ed25519"), string(of)].concat();
        let inside = [
            b"SSHSIG\0\0\0\x01".as_slice(),
            &string(&blob(key.public().as_bytes())),
            &string(b"strongroom"),
            &string(b""),
            &string(b"sha256"),
            &string(&blob(&key.sign(&signed_bytes(digest)))),
        ];
        let path = statement.with_extension("sig");
        fs::write(path, armor("SSH SIGNATURE", &inside.concat())).unwrap();
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn armor(what: &str, inside: &[u8]) -> String {
    let text = b64::encode(inside);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
