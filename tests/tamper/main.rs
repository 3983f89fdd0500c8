//! Whatever is done to an archive's objects, `verify` finds it.
//!
//! `STRONGROOM_FULL=1` alters every byte and tries every shorter length; otherwise the first and last
//! 64 bytes of each object and every 61st between are altered, and one byte is cut off.

mod archive;
mod beside;
mod cases;
mod forged;
mod reseal;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use archive::{Archive, Auditor, Copy, entropy};
use cases::{Case, Table, cases, must_fail};
use strongroom_archiver::verify::{Contents, Finding, Mark, Report, Verdict, VerifyError};
use strongroom_crypto::{ArchiveId, Digest, checkpoint::Checkpoint, keys::KeyFile};

/// An archive is small enough for every byte of it to be altered.
const MAX_ARCHIVE_BYTES: usize = 64 << 10;
/// What the two runs seal.
const SEGMENTS: u64 = 2;
const EVENTS: u64 = 76;

#[test]
fn every_alteration_is_found() {
    let whole = Archive::of_two_runs();
    let copies: Vec<Copy> = (0..threads()).map(|_| whole.copy()).collect();
    let objects = copies[0].objects();
    let bytes: usize = objects.values().map(Vec::len).sum();
    assert!(bytes <= MAX_ARCHIVE_BYTES, "{bytes} bytes in {} objects", objects.len());
    let cases = cases(&objects, std::env::var_os("STRONGROOM_FULL").is_some());
    let table = Mutex::new(Table::default());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for copy in &copies {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    case.apply(copy, &objects);
                    let plain = copy.verify(false);
                    let report = match judge(case, &objects, &plain) {
                        Some(_) => None,
                        None => Some(copy.verify(true)),
                    };
                    let deep = report.as_ref().and_then(|report| judge(case, &objects, report));
                    table.lock().unwrap().add(case, judge(case, &objects, &plain), deep);
                    case.undo(copy, &objects);
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    println!("{} objects, {bytes} bytes, {} alterations\n{table}", objects.len(), cases.len());
    assert!(table.missed.is_empty(), "not found: {:#?}", table.missed);
    for copy in &copies {
        assert_untouched(copy);
    }
}

/// How heavily an alteration was found; none if it was not, or not heavily enough.
fn judge(case: &Case, objects: &BTreeMap<String, Vec<u8>>, report: &Report) -> Option<Mark> {
    if report.verdict == Verdict::Fail {
        return Some(Mark::Fail);
    }
    let named = |finding: &&Finding| case.keys().contains(&finding.object.as_str());
    let found = report.findings.iter().filter(named).map(|finding| finding.result).min();
    found.filter(|_| !case.keys().iter().any(|key| must_fail(key, objects)))
}

fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(8)
}

fn assert_untouched(copy: &Copy) {
    for deep in [false, true] {
        let report = copy.verify(deep);
        // The log names the place where it was made.
        let about: Vec<_> = report.findings.iter().map(|finding| finding.check).collect();
        assert_eq!((report.verdict, about), (Verdict::Pass, vec!["store"]), "{report:#?}");
        assert_eq!((report.segments, report.events), (SEGMENTS, EVENTS));
    }
}

#[test]
fn an_untouched_archive_passes() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    assert_untouched(&copy);
    let report = copy.verify(true);
    let json = String::from_utf8(report.to_json().to_canonical()).unwrap();
    assert!(json.contains("\"environment\":\"test\""), "{json}");
    assert!(json.ends_with("\"verdict\":\"PASS\"}"), "{json}");
}

#[test]
fn another_verifier_key_proves_nothing() {
    let copy = Archive::of_two_runs().copy();
    let other = KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy(8));
    let vkey = other.log().verifier().clone();
    for keys in [None, Some(Arc::clone(&copy.keys))] {
        let report = copy.verify_as(&Auditor { vkey: vkey.clone(), keys, ..copy.auditor.clone() });
        assert_eq!((report.verdict, report.root), (Verdict::Fail, None));
        // One clear sentence, and nothing that follows from it.
        let [only] = report.findings.as_slice() else { panic!("{report:#?}") };
        assert_eq!(
            (only.check, only.object.as_str(), only.result),
            ("vkey", "entry 0", Mark::Fail)
        );
        assert!(only.detail.contains("not this log's"), "{only:?}");
    }
}

#[test]
fn another_key_file_is_named() {
    let copy = Archive::of_two_runs().copy();
    let mut entropy = entropy(9);
    let stranger = Arc::new(KeyFile::generate(ArchiveId::from_bytes([8; 16]), &mut entropy));
    let with = |keys: &Arc<KeyFile>| Auditor {
        keys: Some(Arc::clone(keys)),
        deep: true,
        ..copy.auditor.clone()
    };
    let refused = copy.try_verify(&with(&stranger));
    assert!(matches!(refused, Err(VerifyError::OtherKeys { .. })), "{refused:?}");
    let same_archive = Arc::new(KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy));
    let report = copy.verify_as(&with(&same_archive));
    let origin = finding(&report, Mark::Fail, "keys/origin/0").unwrap();
    assert!(origin.detail.contains(&same_archive.kek().id().to_string()), "{origin:?}");
    assert_eq!(report.marked(Mark::Fail).filter(|f| f.check == "period-key").count(), 2);
}

#[test]
fn what_was_planted_is_reported() {
    let whole = Archive::of_two_runs();
    for (key, mark) in [
        ("log/claim/00000000000000000003", Mark::Fail),
        ("log/claim/00000000000000009999", Mark::NotProven),
        ("log/checkpoints/00000000000000000099", Mark::Fail),
        ("log/tile/0/000.p/99", Mark::Fail),
        ("log/tile/entries/x001/000", Mark::Fail),
        ("log/note", Mark::Fail),
        ("segments/app/2026/11/21/note.txt", Mark::Fail),
        ("manifests/note.json", Mark::Fail),
        ("keys/period/note", Mark::Fail),
        ("segments/a/2026/11/21/019a0000-0000-7000-8000-000000000000.parquet", Mark::Info),
        ("manifests/019a0000-0000-7000-8000-000000000000.json", Mark::Info),
        ("index/note", Mark::Info),
        ("note", Mark::Info),
    ] {
        let copy = whole.copy();
        fs::create_dir_all(copy.path(key).parent().unwrap()).unwrap();
        copy.write(key, b"planted");
        let report = copy.verify(false);
        assert!(finding(&report, mark, key).is_some(), "{key}: {report:#?}");
        let fails = matches!(mark, Mark::Fail | Mark::NotProven);
        assert_eq!(report.verdict == Verdict::Fail, fails, "{key}: {report:#?}");
    }
}

#[test]
fn a_second_version_is_an_alarm_unless_it_is_the_same() {
    let whole = Archive::of_two_runs();
    for (version, verdict) in [("same", Verdict::Pass), ("other", Verdict::Fail)] {
        let copy = whole.copy();
        let key = "log/claim/00000000000000000001";
        let bytes = fs::read(copy.path(key)).unwrap();
        let versions = copy.path(".versions").join(key);
        let id = format!("{:016x}+{:016x}", 1, 1);
        let record = fs::read_dir(&versions).unwrap().map(|e| e.unwrap().path());
        let record = record.into_iter().find(|path| path.extension().is_some_and(|e| e == "json"));
        fs::copy(record.unwrap(), versions.join(format!("{id}.lock.json"))).unwrap();
        let content = if version == "same" { bytes } else { b"other".to_vec() };
        fs::write(versions.join(id), content).unwrap();
        let report = copy.verify(false);
        assert_eq!(report.verdict, verdict, "{report:#?}");
        assert!(report.findings.iter().any(|f| f.check == "versions" && f.object == key));
    }
}

#[test]
fn what_covers_an_object_is_all_that_fails() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    for (key, bytes) in &copy.objects() {
        for over in [None, Some(b"other")] {
            copy.remove_name(key);
            if let Some(over) = over {
                fs::write(copy.path(key), over).unwrap();
            }
            for deep in [false, true] {
                let report = copy.verify(deep);
                let heavy = |f: &&Finding| matches!(f.result, Mark::Fail | Mark::NotProven);
                let about = report.findings.iter().filter(heavy).map(|f| (f.check, &f.object));
                let derived = key.starts_with("index/") || key == "log/checkpoint";
                let expected = (!derived).then_some(("versions", key));
                assert_eq!(about.collect::<Vec<_>>(), Vec::from_iter(expected), "{over:?}");
            }
            if over.is_some() {
                copy.remove_name(key);
            }
            copy.restore(key, bytes);
        }
    }
    assert_untouched(&copy);
}

#[test]
fn a_lock_is_pending_then_lapsed() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    let locked = |key: &&String| {
        !key.starts_with("index/") && !key.contains(".p/") && *key != "log/checkpoint"
    };
    let objects = copy.objects();
    let locked: BTreeSet<&str> = objects.keys().filter(locked).map(String::as_str).collect();
    for (seconds, mark) in [(6 * 60, Mark::Pending), (5 * 60, Mark::Lapsed)] {
        copy.clock.advance(seconds);
        let report = copy.verify(false);
        assert_eq!(report.verdict, Verdict::Pass);
        let found = report.marked(mark).filter(|f| f.check == "lock" && f.lock_until.is_some());
        assert_eq!(found.map(|f| f.object.as_str()).collect::<BTreeSet<_>>(), locked);
    }
}

#[test]
fn whatever_proves_an_entry_is_locked() {
    let whole = long();
    let copy = whole.copy();
    let named = |start: &str, full: bool| {
        let is = |key: &&String| key.starts_with(start) && (!full || !key.contains(".p/"));
        copy.objects().keys().find(is).unwrap().clone()
    };
    for key in [
        claim(1),
        named("log/tile/0/", true),
        named("log/tile/entries/", true),
        named("log/checkpoints/", false),
    ] {
        let record = copy.record(&key);
        let before = fs::read_to_string(&record).unwrap();
        let mut without = before.replace("\"mode\":\"GOVERNANCE\"", "\"mode\":null");
        without.truncate(without.find("\"until\":").unwrap());
        fs::write(&record, without + "\"until\":null}").unwrap();
        let report = copy.verify(false);
        let found = finding(&report, Mark::Fail, &key);
        assert!(found.is_some_and(|f| f.check == "lock"), "{key}: {report:#?}");
        fs::write(&record, before).unwrap();
    }
    assert_untouched(&copy);
}

#[test]
fn a_replaced_segment_is_found_without_a_key() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    let objects = copy.objects();
    let auditor = Auditor { keys: None, ..copy.auditor.clone() };
    for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with("segments/")) {
        copy.write(key, &vec![7; bytes.len()]);
        let report = copy.verify_as(&auditor);
        let found = finding(&report, Mark::Fail, key).unwrap();
        assert_eq!(found.detail, "its SHA-256 is not what was sealed");
        assert_eq!(report.contents, Contents::Hashed);
        copy.restore(key, bytes);
    }
    assert_eq!(copy.verify_as(&auditor).verdict, Verdict::Pass);
    assert_eq!(copy.verify(true).contents, Contents::Opened);
}

#[test]
fn one_damaged_thing_does_not_hide_the_rest() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    let giant = copy.objects().into_keys().find(|key| key.starts_with("segments/")).unwrap();
    let file = fs::OpenOptions::new().write(true).open(copy.path(&giant)).unwrap();
    file.set_len(3 << 30).unwrap();
    fs::write(copy.record("keys/origin/0"), "{}").unwrap();
    fs::write(copy.record(&claim(1)), "{}").unwrap();
    for deep in [false, true] {
        let report = copy.verify(deep);
        for key in [giant.as_str(), "keys/origin/0", &claim(1)] {
            assert!(finding(&report, Mark::Fail, key).is_some(), "{key}: {report:#?}");
        }
    }
}

#[test]
fn a_name_too_long_to_list_is_a_finding() {
    let whole = Archive::of_two_runs();
    for top in ["log", "segments"] {
        let copy = whole.copy();
        let mut dir = fs::File::open(copy.path(top)).unwrap();
        let name = "a".repeat(255);
        for _ in 0..20 {
            rustix::fs::mkdirat(&dir, &name, rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
            dir = rustix::fs::openat(&dir, &name, flags, rustix::fs::Mode::empty()).unwrap().into();
        }
        let report = copy.verify(true);
        let found = finding(&report, Mark::Fail, &format!("{top}/"));
        assert!(found.is_some_and(|f| f.check == "listing"), "{top}: {report:#?}");
        assert_eq!((report.segments, report.events), (SEGMENTS, EVENTS), "{top}: {report:#?}");
    }
}

#[test]
fn a_verification_that_is_stopped_proves_nothing() {
    let copy = Archive::of_two_runs().copy();
    let report = copy.verify_as(&Auditor { stop: true, deep: true, ..copy.auditor.clone() });
    assert!(report.interrupted);
    assert_eq!((report.verdict, report.contents), (Verdict::NotProven, Contents::Unread));
}

#[test]
fn a_checkpoint_of_another_history_is_a_fork() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    let key = copy.keys.log();
    let forked = Checkpoint::new(key.verifier().name(), 2, Digest::of(b"other")).unwrap();
    let name = "log/checkpoints/00000000000000000002";
    copy.write(name, forked.sign(key).unwrap().as_bytes());
    let report = copy.verify(false);
    assert_eq!(report.verdict, Verdict::Fail);
    assert!(finding(&report, Mark::Fail, name).is_some_and(|f| f.detail.contains("forked")));
}

#[test]
fn an_interrupted_run_is_pending() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    let objects = copy.objects();
    let newest = objects.keys().rfind(|key| key.starts_with("log/checkpoints/")).unwrap();
    let earlier = objects.keys().filter(|key| key.starts_with("log/checkpoints/")).rev().nth(1);
    copy.write("log/checkpoint", &objects[earlier.unwrap()]);
    copy.remove(newest);
    let report = copy.verify(true);
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    assert!(finding(&report, Mark::Pending, newest).is_some(), "{report:#?}");
}

/// The archive of two runs under a full bundle, and some entries beyond it.
fn long() -> &'static Archive {
    static LONG: OnceLock<Archive> = OnceLock::new();
    LONG.get_or_init(|| {
        let whole = Archive::of_two_runs();
        whole.grow();
        whole
    })
}

fn claim(seq: u64) -> String {
    format!("log/claim/{seq:020}")
}

#[test]
fn every_claim_must_be_there() {
    let copy = long().copy();
    assert_untouched(&copy);
    let objects = copy.objects();
    let claims = objects.keys().filter(|key| key.starts_with("log/claim/")).count();
    let last = u64::try_from(claims).unwrap() - 1;
    for seq in 0..=last {
        for alter in [false, true] {
            if alter {
                copy.write(&claim(seq), b"{}");
            } else {
                copy.remove(&claim(seq));
            }
            let report = copy.verify(false);
            assert_eq!(report.verdict, Verdict::Fail, "{seq} {report:#?}");
            let failed: Vec<_> = report.marked(Mark::Fail).map(|f| (f.check, &f.object)).collect();
            assert!(failed.contains(&("claim", &claim(seq))), "{seq} {report:#?}");
            // What lies behind it is one finding, and the head, which is signed over more.
            let about = |(check, _): &(&str, _)| ["claim", "checkpoint"].contains(check);
            assert!(failed.iter().all(about), "{seq} {failed:?}");
            let open = report.marked(Mark::NotProven).filter(|f| f.check == "fold" && seq > 0);
            assert_eq!(open.count(), usize::from(seq > 0), "{seq} {report:#?}");
            assert!(report.marked(Mark::Info).all(|f| f.check == "store"), "{seq} {report:#?}");
            copy.restore(&claim(seq), &objects[&claim(seq)]);
        }
    }
    assert_untouched(&copy);
}

#[test]
fn a_full_tile_must_be_there_and_a_partial_one_before_it_need_not() {
    let whole = long();
    let copy = whole.copy();
    let objects = copy.objects();
    for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with("log/tile/")) {
        copy.remove(key);
        let report = copy.verify(false);
        let superseded = key.contains("000.p/") && !key.starts_with("log/tile/1/");
        assert_eq!(report.verdict == Verdict::Pass, superseded || is_old(key), "{key} {report:#?}");
        copy.restore(key, bytes);
    }
}

/// Whether a partial tile is of an earlier size than the head's.
fn is_old(key: &str) -> bool {
    key.contains("001.p/") && !key.ends_with("001.p/5")
}

fn finding<'a>(report: &'a Report, mark: Mark, object: &str) -> Option<&'a Finding> {
    report.marked(mark).find(|finding| finding.object == object)
}
