//! A log that grows past its first tile, its first bundle and its first page of live segments.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, Write},
};

use strongroom_tests::{
    archive::{TestArchive, request, stream},
    auditor::{Source, compare},
    clock::TestClock,
    temp::TempDir,
};

use super::lines;

/// Segments of one run, each of one line.
const SEGMENTS: usize = 150;
const RUNS: u64 = 4;

#[test]
fn a_log_that_outgrows_tile_and_page_stays_one_log() {
    let temp = TempDir::in_memory("growth");
    let archive = TestArchive::create(temp.path(), 2, TestClock::default());
    let path = temp.path().join("app.log");
    let mut content = Vec::new();
    let mut table = format!("\n{:6}{:>9}{:>10}{:>8}", "run", "entries", "segments", "claims");
    for run in 1..=RUNS {
        let bytes = lines(&format!("run {run}"), SEGMENTS);
        let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        file.write_all(&bytes).unwrap();
        content.extend_from_slice(&bytes);
        archive.clock.pass(200_000);
        archive.clean_run(run, &request(vec![stream("app", &path, false)], 1));
        let audit = archive.audit();
        compare(&audit, &[Source::new("app", "file:app.log", &content)])
            .unwrap_or_else(|findings| panic!("run {run}: {findings}"));
        assert_eq!((audit.published, audit.stale_roots), (audit.entries, 0));
        let (entries, segments, claims) = (audit.entries, audit.segments, audit.claims);
        write!(table, "\n{run:<6}{entries:>9}{segments:>10}{claims:>8}").unwrap();
    }
    let audit = archive.audit();
    assert_eq!(audit.segments, SEGMENTS as u64 * RUNS);
    assert!(audit.entries > 512, "two full bundles, and more seals than one page has");
    assert!(audit.extended_until_ms.is_some(), "time passed, and locks with it");
    // Past the test harness, which keeps what a passing test prints.
    let mut uncaptured = io::stderr();
    writeln!(uncaptured, "{table}\n").unwrap();
}
