//! Logs that are well-formed and signed, by somebody who holds some of the keys.

use std::sync::Arc;

use strongroom_archiver::{
    log::{Item, claim_key},
    store::{Lock, LockMode, LockedStore as _, ObjectKey, PutOptions},
    verify::{Mark, Report, Verdict},
};
use strongroom_crypto::{
    ArchiveId, Digest, SegmentId,
    checkpoint::Checkpoint,
    claim::{Attachment, ClaimDraft},
    entry::{Abandon, Entry, EntryKind, Seal, WindowClose},
    keys::{KeyFile, Role},
    name::Shard,
    range::RangeList,
};

use crate::archive::{Archive, Auditor, entropy};

fn keys(seed: u64) -> KeyFile {
    KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy(seed))
}

/// The findings of a check that count as `mark`.
fn found(report: &Report, mark: Mark, check: &str) -> usize {
    report.marked(mark).filter(|finding| finding.check == check).count()
}

/// The seal in a claim of a run, with its ranges.
fn sealed(archive: &Archive, seq: u64) -> (Seal, RangeList) {
    let claim = archive.claim(seq);
    let item = &claim.items()[0];
    let Ok(EntryKind::SegmentSeal(seal)) = Entry::parse(item.leaf()).map(Entry::into_kind) else {
        panic!("claim {seq} begins with no seal")
    };
    (*seal, item.ranges().unwrap().clone())
}

#[test]
fn a_log_of_other_role_keys_is_not_this_one() {
    // The log key is stolen, the others are the thief's own.
    let own = keys(7);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut text, owned) = (lines(&keys(8).to_text()), lines(&own.to_text()));
    let log = |lines: &[String]| lines.iter().position(|line| line.starts_with("log ")).unwrap();
    let place = log(&text);
    text[place].clone_from(&owned[log(&owned)]);
    let forged = Archive::made_with(KeyFile::parse(&(text.join("\n") + "\n")).unwrap());
    let mine = Archive::made_with(own);

    let alone = Auditor { keys: None, ..mine.auditor() };
    let trusting = forged.copy().verify_as(&alone);
    assert_eq!(trusting.verdict, Verdict::Pass, "{trusting:#?}");
    assert_eq!(found(&trusting, Mark::Info, "log-open"), 1, "it says what it did not compare");

    let anchor = mine.verify(false).log_open_sha256;
    assert_ne!(anchor, trusting.log_open_sha256);
    let with_digest = Auditor { log_open: anchor, ..alone };
    for auditor in [with_digest.clone(), mine.auditor()] {
        let report = forged.copy().verify_as(&auditor);
        assert_eq!(report.verdict, Verdict::Fail, "{report:#?}");
        assert_eq!(found(&report, Mark::Fail, "log-open"), 1, "{report:#?}");
    }
    let report = mine.copy().verify_as(&with_digest);
    assert_eq!((report.verdict, found(&report, Mark::Info, "log-open")), (Verdict::Pass, 0));
}

#[test]
fn a_log_that_was_rolled_back_does_not_fit_a_kept_checkpoint() {
    let archive = Archive::of_two_runs();
    let kept = archive.checkpoint();
    let before = archive.copy();
    archive.run(2);
    let later = archive.checkpoint();
    let forked = Checkpoint::new(kept.origin(), kept.size(), Digest::of(b"other")).unwrap();
    let with = |checkpoint: &Checkpoint| Auditor {
        checkpoint: Some(checkpoint.clone()),
        ..archive.auditor()
    };
    for (copy, checkpoint, fails) in [
        (&archive.copy(), &kept, false),
        (&archive.copy(), &later, false),
        (&before, &kept, false),
        (&before, &later, true),
        (&archive.copy(), &forked, true),
    ] {
        let report = copy.verify_as(&with(checkpoint));
        assert_eq!(report.verdict == Verdict::Fail, fails, "{report:#?}");
        assert_eq!(found(&report, Mark::Fail, "rollback"), usize::from(fails), "{report:#?}");
    }
}

#[test]
fn a_size_beyond_all_claims_ends_at_once() {
    let copy = Archive::of_two_runs().copy();
    let key = copy.keys.log();
    for size in [1 << 20, 1 << 40, u64::MAX >> 1] {
        let forged = Checkpoint::new(key.verifier().name(), size, Digest::of(b"x")).unwrap();
        let note = forged.sign(key).unwrap();
        copy.write(&format!("log/checkpoints/{size:020}"), note.as_bytes());
        copy.write("log/checkpoint", note.as_bytes());
        let report = copy.verify(true);
        assert_eq!(report.verdict, Verdict::Fail);
        assert!(found(&report, Mark::Fail, "claim") > 0, "{report:#?}");
        assert!(report.findings.len() < 20, "{report:#?}");
    }
}

/// Closes a window that names a snapshot that nobody made.
fn forged_window(archive: &Archive) -> Item {
    let state = archive.log().state().clone();
    let close = WindowClose {
        extended_until: None,
        index_sha256: Some(Digest::of(b"another state")),
        locked: None,
        number: state.next_window(Shard::WHOLE),
        proof_until: None,
        segments: state.live_segments(),
        shard: Shard::WHOLE,
    };
    Item { kind: EntryKind::WindowClose(close), beside: None }
}

fn abandon(archive: &Archive, n: u64) -> Item {
    let until = archive.log().now().unwrap().saturating_add_ms(600_000);
    let segment_id = SegmentId::new(n, &mut entropy(n)).unwrap();
    Item { kind: EntryKind::SegmentAbandon(Abandon { segment_id, until }), beside: None }
}

#[test]
fn a_forged_snapshot_is_found_however_many_claims_follow_it() {
    let archive = Archive::of_two_runs();
    let mut random = entropy(3);
    let index = archive.log().state().size();
    archive.log().append(&[forged_window(&archive)], None, &mut random).unwrap();
    for n in 1..=6 {
        let report = archive.verify(false);
        let named = format!("index/{index:020}/root.json");
        let failed = report.marked(Mark::Fail).find(|finding| finding.object == named);
        assert!(failed.is_some(), "{n} {report:#?}");
        archive.log().append(&[abandon(&archive, n)], None, &mut random).unwrap();
    }
}

#[test]
fn an_old_snapshot_is_made_again_where_every_object_is_read() {
    let archive = Archive::of_two_runs();
    let mut random = entropy(3);
    let index = archive.log().state().size();
    archive.log().append(&[forged_window(&archive)], None, &mut random).unwrap();
    for n in 1..=3 {
        archive.log().append(&[abandon(&archive, n)], Some(Shard::WHOLE), &mut random).unwrap();
    }
    let key = ObjectKey::new(format!("index/{index:020}/root.json")).unwrap();
    let bytes = b"another state";
    let how = PutOptions { lock: None, create_only: true, sha256: Digest::of(bytes) };
    archive.store().put(&key, bytes, &how).unwrap();
    let report = archive.verify(true);
    let contradicted = |f: &&strongroom_archiver::verify::Finding| f.detail.contains("add up to");
    let failed: Vec<_> = report.marked(Mark::Fail).filter(contradicted).collect();
    assert!(failed.iter().any(|f| f.object == key.as_str()), "{report:#?}");
}

#[test]
fn entries_of_tomorrow_prove_nothing() {
    let archive = Archive::of_two_runs();
    archive.clock.advance(3 * 24 * 3_600);
    archive.log().append(&[], Some(Shard::WHOLE), &mut entropy(3)).unwrap();
    archive.clock.advance(-2 * 24 * 3_600);
    let report = archive.verify(false);
    assert_eq!((report.verdict, found(&report, Mark::NotProven, "clock")), (Verdict::NotProven, 1));
    archive.clock.advance(2 * 24 * 3_600);
    assert_eq!(archive.verify(false).verdict, Verdict::Pass);
}

/// Puts a claim of these items at the next place, as another writer would.
fn put_claim(archive: &Archive, items: Vec<(Entry, Option<Attachment>)>) {
    let log = archive.log();
    let next = log.state().next_claim();
    let draft = ClaimDraft {
        archive_id: archive.keys.archive_id(),
        seq: next.seq,
        prev_claim_sha256: next.prev_sha256,
        nonce: [9; 16],
        items,
    };
    let claim = draft.sign(archive.keys.role(Role::Archive)).unwrap();
    let how = PutOptions {
        lock: Some(log.birth_lock().unwrap()),
        create_only: true,
        sha256: Digest::of(claim.bytes()),
    };
    archive.store().put(&claim_key(next.seq).unwrap(), claim.bytes(), &how).unwrap();
    drop(archive.log());
}

#[test]
fn a_void_seal_with_its_object_is_work_left_undone() {
    let archive = Archive::of_two_runs();
    let (mut seal, ranges) = sealed(&archive, 1);
    let id = SegmentId::new(1, &mut entropy(1)).unwrap();
    let object = seal.object.as_str().replace(&seal.segment_id.to_string(), &id.to_string());
    let store: Arc<_> = archive.store();
    let put = |key: &ObjectKey, bytes: &[u8]| {
        let until =
            store.now().unwrap().saturating_add(jiff::SignedDuration::from_mins(9)).unwrap();
        let lock = Some(Lock { mode: LockMode::Governance, until });
        let how = PutOptions { lock, create_only: true, sha256: Digest::of(bytes) };
        store.put(key, bytes, &how).unwrap();
    };
    (seal.segment_id, seal.object) = (id, object.parse().unwrap());
    let until = seal.settle_until;
    let now = archive.log().now().unwrap();
    let entry = Entry::new(now, EntryKind::SegmentSeal(Box::new(seal)));
    put_claim(&archive, vec![(entry, Some(ranges.into()))]);
    let marks = || {
        let report = archive.verify(false);
        assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
        [Mark::Info, Mark::Pending].map(|mark| found(&report, mark, "fold"))
    };
    assert_eq!(marks(), [1, 0], "its object is not there");
    put(&ObjectKey::new(object).unwrap(), b"an upload");
    assert_eq!(marks(), [0, 1]);
    let abandon = Abandon { segment_id: id, until };
    let item = Item { kind: EntryKind::SegmentAbandon(abandon), beside: None };
    archive.log().append(&[item], None, &mut entropy(3)).unwrap();
    assert_eq!(marks(), [1, 0], "it was abandoned");
}

#[test]
fn counts_beyond_all_numbers_do_not_overflow() {
    let archive = Archive::of_two_runs();
    let mut random = entropy(3);
    for n in 1..=2 {
        let (mut seal, ranges) = sealed(&archive, 2);
        let moved = ranges.as_slice().iter().map(|range| {
            let start = range.end + n - 1;
            strongroom_crypto::range::OriginRange { start, end: start + 1, ..*range }
        });
        let ranges = RangeList::new(moved.collect()).unwrap();
        seal.segment_id = SegmentId::new(n, &mut entropy(n)).unwrap();
        seal.object = format!("segments/app/{}.parquet", seal.segment_id).parse().unwrap();
        (seal.events.count, seal.bytes) = (u64::MAX, u64::MAX);
        seal.ranges_sha256 = ranges.digest();
        let item =
            Item { kind: EntryKind::SegmentSeal(Box::new(seal)), beside: Some(ranges.into()) };
        archive.log().append(&[item], None, &mut random).unwrap();
    }
    for deep in [false, true] {
        let report = archive.verify(deep);
        assert_eq!((report.verdict, report.segments), (Verdict::Fail, 4), "{report:#?}");
        assert_eq!(report.events, u64::MAX);
    }
}
