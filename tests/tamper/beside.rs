//! A verification beside a run that goes on writing: whatever it sees half-way is no failure.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use strongroom_archiver::verify::{Mark, Report, Verdict};
use strongroom_crypto::{ArchiveId, keys::KeyFile};
use strongroom_tests::temp::TempDir;

use crate::archive::{Archive, entropy};

/// Runs of the archive; long enough for locks to be extended on the way.
const RUNS: usize = 36;
/// After this run the first bundle is filled in one claim.
const GROW: usize = 20;

#[test]
fn a_run_beside_a_verification_is_no_failure() {
    let keys = KeyFile::generate(ArchiveId::from_bytes([7; 16]), &mut entropy(7));
    let archive = Archive::empty(TempDir::in_memory("tamper-beside"), keys);
    let (done, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let reports: Vec<Report> = thread::scope(|scope| {
        let auditors = [false, true].map(|deep| {
            let (archive, done, rounds) = (&archive, &done, &rounds);
            scope.spawn(move || {
                let mut bad = Vec::new();
                while !done.load(Ordering::SeqCst) {
                    let report = archive.verify(deep);
                    rounds.fetch_add(1, Ordering::SeqCst);
                    if report.verdict != Verdict::Pass {
                        bad.push(report);
                    }
                }
                bad
            })
        });
        for run in 0..RUNS {
            // On a busy machine the verifications might not get a turn before the end.
            while rounds.load(Ordering::SeqCst) < run {
                thread::yield_now();
            }
            archive.run(run);
            if run == GROW {
                archive.grow();
            }
        }
        done.store(true, Ordering::SeqCst);
        auditors.into_iter().flat_map(|auditor| auditor.join().unwrap()).collect()
    });
    let bad: Vec<_> = reports.iter().flat_map(|report| report.marked(Mark::Fail)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    // Before the first checkpoint nothing is proven; later everything is.
    let open: Vec<_> = reports.iter().filter(|report| report.log_size > 0).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(archive.verify(true).findings, [], "at rest");
}
