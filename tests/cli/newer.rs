//! Archives of later versions: read as far as they allow, never written to.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use strongroom_archiver::log::{Keyring, claim_key};
use strongroom_archiver::store::{Lock, LockMode, LockedStore as _, PutOptions, file::FileStore};
use strongroom_crypto::claim::{ClaimDraft, NO_CLAIM};
use strongroom_crypto::entry::{Entry, EntryKind, LogOpen, RegisteredKey};
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::name::Environment;
use strongroom_crypto::officer::Registry;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest};
use strongroom_tests::program::strongroom;

use super::errors::assert_helpful;
use super::transcript::{Transcript, assert_same};
use super::{AGAIN, Bench, DONE};

/// When the later version made the archive.
const BIRTH_MS: i64 = 1_700_000_000_000;

/// Makes an archive whose log asks for these versions, as the only claim that it has.
fn make(root: &Path, min_reader: u64, min_writer: u64) {
    let mut next = 0_u8;
    let mut entropy = |out: &mut [u8]| {
        for byte in out {
            next = next.wrapping_mul(5).wrapping_add(3);
            *byte = next;
        }
    };
    let archive_id = ArchiveId::from_bytes([7; 16]);
    let keys = KeyFile::generate(archive_id, &mut entropy);
    let path = root.with_extension("key");
    fs::write(&path, keys.to_text().as_bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let clock = || Timestamp::from_millisecond(BIRTH_MS).unwrap();
    let count = AtomicU64::new(0);
    let random = move || count.fetch_add(1, Ordering::Relaxed);
    let store = Arc::new(FileStore::create(root, Box::new(clock), Box::new(random)).unwrap());
    let keys = Arc::new(keys);
    let until = Timestamp::from_millisecond(BIRTH_MS + 600_000).unwrap();
    let lock = Lock { mode: LockMode::Governance, until };
    Keyring::new(store.clone(), Arc::clone(&keys)).create_origin(lock, &mut entropy).unwrap();
    let mut registered = Role::ALL.map(|role| RegisteredKey::new(keys.role(role).public(), role));
    registered.sort_by_key(|key| (key.role, key.id));
    let open = LogOpen {
        archive_id,
        environment: Environment::Test,
        keys: registered.to_vec(),
        log_vkey: keys.log().verifier().to_string(),
        min_reader,
        min_writer,
        officers: Registry::default(),
        settle_ms: 600_000,
        store: store.url().to_owned(),
    };
    let entry =
        Entry::new(Instant::from_unix_ms(BIRTH_MS).unwrap(), EntryKind::LogOpen(Box::new(open)));
    let items = vec![(entry, None)];
    let draft =
        ClaimDraft { archive_id, seq: 0, prev_claim_sha256: NO_CLAIM, nonce: [9; 16], items };
    let claim = draft.sign(keys.role(Role::Archive)).unwrap();
    let how = PutOptions { lock: None, create_only: true, sha256: Digest::of(claim.bytes()) };
    store.put(&claim_key(0).unwrap(), claim.bytes(), &how).unwrap();
}

#[test]
fn an_archive_of_a_later_version_is_never_written_to() {
    let mut differences = Vec::new();
    for (name, min_reader, min_writer, readable) in
        [("error_newer_writer", 1, 2, true), ("error_newer_reader", 2, 2, false)]
    {
        let bench = Bench::empty();
        make(&bench.path().join("store"), min_reader, min_writer);
        bench.write("app.log", "started\n");
        let (url, log) = (bench.url(), bench.log());
        let mut transcript = Transcript::new(bench.path());
        let archive = ["archive", "--to", &url, "--stream", "app", "app.log"];
        let output = strongroom(bench.path(), &archive);
        transcript.add(&archive, &output);
        assert_eq!(output.code, AGAIN, "{}", output.stderr);
        assert_helpful(name, &output);
        let status = ["status", "--to", &url];
        let output = strongroom(bench.path(), &status);
        transcript.add(&status, &output);
        assert_eq!(output.code, if readable { DONE } else { AGAIN }, "{}", output.stderr);
        assert!(bench.log() == log, "{name}: the log changed");
        differences.extend(transcript.differences(name));
    }
    assert_same(&differences);
}
