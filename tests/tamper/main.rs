//! Whatever is done to an archive's objects, `verify` finds it.
//!
//! `STRONGROOM_FULL=1` alters every byte and tries every shorter length; otherwise the first and last
//! 64 bytes of each object and every 61st between are altered, and one byte is cut off.

mod archive;
mod cases;
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

use archive::{Archive, Copy, entropy};
use cases::{Case, Table, cases, must_fail};
use strongroom_archiver::verify::{Finding, Mark, Report, Verdict, VerifyError};
use strongroom_crypto::{
    ArchiveId, Digest,
    checkpoint::Checkpoint,
    claim::MAX_CLAIM_BYTES,
    json::{self, Value},
    keys::KeyFile,
};

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
    let report = copy.try_verify(other.log().verifier(), &copy.keys, false).unwrap();
    assert_eq!((report.verdict, report.root), (Verdict::Fail, None));
    assert!(finding(&report, Mark::Fail, "entry 0").is_some_and(|f| f.check == "vkey"));
}

#[test]
fn another_key_file_is_named() {
    let copy = Archive::of_two_runs().copy();
    let mut entropy = entropy(9);
    let stranger = Arc::new(KeyFile::generate(ArchiveId::from_bytes([8; 16]), &mut entropy));
    let refused = copy.try_verify(&copy.vkey, &stranger, true);
    assert!(matches!(refused, Err(VerifyError::OtherKeys { .. })), "{refused:?}");
    let same_archive = Arc::new(KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy));
    let report = copy.try_verify(&copy.vkey, &same_archive, true).unwrap();
    let origin = finding(&report, Mark::Fail, "keys/origin/0").unwrap();
    assert!(origin.detail.contains(&same_archive.kek().id().to_string()), "{origin:?}");
    assert_eq!(report.marked(Mark::Fail).filter(|f| f.check == "period-key").count(), 2);
}

#[test]
fn what_was_planted_is_reported() {
    let whole = Archive::of_two_runs();
    for (key, mark) in [
        ("log/claim/00000000000000000003", Mark::Fail),
        ("log/claim/00000000000000009999", Mark::Fail),
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
        assert_eq!(report.verdict == Verdict::Fail, mark == Mark::Fail, "{key}: {report:#?}");
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
fn a_lock_is_pending_then_lapsed() {
    let whole = Archive::of_two_runs();
    let copy = whole.copy();
    copy.clock.advance(6 * 60);
    let report = copy.verify(false);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.marked(Mark::Pending).filter(|f| f.check == "lock").count(), 6);
    copy.clock.advance(5 * 60);
    let report = copy.verify(false);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.marked(Mark::Lapsed).filter(|f| f.check == "lock").count(), 6);
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

/// The first claim that is not wholly under the full bundle.
fn first_beyond(copy: &Copy) -> u64 {
    let mut entries = 0;
    for seq in 0.. {
        let bytes = fs::read(copy.path(&claim(seq))).unwrap();
        let Ok(Value::Object(members)) = json::parse(&bytes, MAX_CLAIM_BYTES) else {
            panic!("claim {seq} is no object")
        };
        let Some(Value::Array(list)) = members.get("entries") else { panic!("no entries") };
        entries += list.len();
        if entries > 256 {
            return seq;
        }
    }
    unreachable!("claims end with an error")
}

#[test]
fn claims_under_a_full_bundle_may_lapse() {
    let whole = long();
    let copy = whole.copy();
    assert_untouched(&copy);
    let objects = copy.objects();
    let beyond = first_beyond(&copy);
    for lost in [vec![1], vec![2], vec![1, 2], (1..beyond).collect(), vec![1, 3, 4, beyond - 1]] {
        for alter in [false, true] {
            for seq in &lost {
                if alter {
                    copy.write(&claim(*seq), b"{}");
                } else {
                    copy.remove(&claim(*seq));
                }
            }
            let report = copy.verify(true);
            assert_eq!(report.verdict, Verdict::Pass, "{lost:?} {report:#?}");
            assert_eq!((report.segments, report.events), (SEGMENTS, EVENTS));
            let found = report.marked(Mark::Rebuildable).map(|finding| finding.object.clone());
            let expected: BTreeSet<_> = lost.iter().map(|seq| claim(*seq)).collect();
            assert_eq!(found.collect::<BTreeSet<_>>(), expected);
            for seq in &lost {
                copy.restore(&claim(*seq), &objects[&claim(*seq)]);
            }
        }
    }
    assert_untouched(&copy);
}

#[test]
fn without_the_first_claim_nobody_knows_who_may_append() {
    let copy = long().copy();
    copy.remove(&claim(0));
    let report = copy.verify(true);
    assert_eq!(report.verdict, Verdict::NotProven, "{report:#?}");
    assert_eq!((report.segments, report.events), (SEGMENTS, EVENTS));
    assert!(finding(&report, Mark::Rebuildable, &claim(0)).is_some());
}

#[test]
fn a_lost_claim_needs_its_bundle_and_its_manifest() {
    let whole = long();
    let (bundle, tile) = ("log/tile/entries/000", "log/tile/0/000");
    for second in [bundle, tile] {
        let copy = whole.copy();
        copy.remove(&claim(1));
        copy.remove(second);
        let report = copy.verify(false);
        assert_eq!(report.verdict, Verdict::Fail, "{second}: {report:#?}");
        assert!(finding(&report, Mark::NotProven, "entry 1").is_some(), "{second}: {report:#?}");
    }
    let copy = whole.copy();
    let manifests: Vec<_> =
        copy.objects().into_keys().filter(|key| key.starts_with("manifests/")).collect();
    copy.remove(&claim(1));
    for key in &manifests {
        copy.remove(key);
    }
    let report = copy.verify(false);
    assert_eq!(report.verdict, Verdict::Fail);
    assert!(finding(&report, Mark::NotProven, "entry 1").is_some(), "{report:#?}");
    assert_eq!(
        (report.segments, report.events),
        (SEGMENTS, EVENTS),
        "bytes are verified all the same"
    );
}

#[test]
fn claims_beyond_the_full_bundles_must_be_there() {
    let whole = long();
    let copy = whole.copy();
    let last = copy.objects().keys().filter(|key| key.starts_with("log/claim/")).count();
    let last = u64::try_from(last).unwrap() - 1;
    for lost in first_beyond(&copy)..=last {
        let copy = whole.copy();
        copy.remove(&claim(lost));
        let report = copy.verify(false);
        assert_eq!(report.verdict, Verdict::Fail, "{lost} {report:#?}");
        assert!(finding(&report, Mark::Fail, &claim(lost)).is_some(), "{lost} {report:#?}");
    }
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
