//! What happens to log files between runs: they grow, are cut, renamed and compressed, and vanish.
//! After each step the auditor finds every line once, and a run without news adds nothing.

mod growth;
mod journal;

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use strongroom_crypto::state::MAX_GENERATIONS;

use self::journal::{Journal, MAX_AGE_MS};

/// `count` lines that no other call makes.
fn lines(topic: &str, count: usize) -> Vec<u8> {
    let line = |n| format!("{{\"event\":\"{topic}-{n}\",\"n\":{n}}}\n");
    (0..count).flat_map(|n| line(n).into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file that is written to, and the line that is not all there yet.
fn grow(journal: &mut Journal) {
    journal.append("audit.log", 0, &lines("first", 3));
    journal.step("a new file", 3, 0);
    journal.append("audit.log", 0, &lines("more", 4));
    journal.step("it grows", 4, 0);

    journal.write_unseen("audit.log", b"{\"event\":\"half");
    journal.step("half a line waits", 0, 0);
    journal.append("audit.log", 0, &lines("a line", 1));
    journal.expect_before("audit.log", 0, b"{\"event\":\"half", &lines("a line", 1));
    journal.step("the other half", 1, 0);

    journal.append("audit.log", 0, b"{\"event\":\"no end\"}");
    journal.archive().clock.pass(MAX_AGE_MS + 1_000);
    journal.step("half a line too old", 1, 0);
    journal.append("audit.log", 0, b"\n{\"event\":\"after\"}\n");
    journal.step("it goes on", 1, 0);
}

/// `logrotate` as it is by default: rename, begin anew, compress a day later.
fn rename(journal: &mut Journal) {
    journal.append("audit.log", 0, &lines("before rotation", 2));
    journal.rename("audit.log", "audit.log.1");
    journal.append("audit.log", 1, &lines("second", 5));
    journal.step("renamed, a fresh one", 7, 0);

    journal.replace("audit.log.1", "audit.log.1.gz", gzip);
    journal.step("the old one compressed", 0, 0);

    journal.append("audit.log", 1, &lines("before the next", 1));
    journal.rename("audit.log.1.gz", "audit.log.2.gz");
    journal.rename("audit.log", "audit.log.1");
    journal.write_unseen("audit.log", b"{\"event\":\"only half");
    journal.step("all move on, half a line", 1, 0);
    journal.append("audit.log", 2, &lines(" a line", 2));
    journal.expect_before("audit.log", 2, b"{\"event\":\"only half", &lines(" a line", 2));
    journal.step("the other half", 2, 0);
}

/// `logrotate` with `copytruncate`, for programs that keep their file open.
fn truncate(journal: &mut Journal) {
    journal.append("audit.log", 2, &lines("before the copy", 3));
    journal.rename("audit.log.2.gz", "audit.log.3.gz");
    journal.rename("audit.log.1", "audit.log.2");
    journal.copy("audit.log", "audit.log.1");
    journal.truncate("audit.log");
    journal.step("copied and cut", 3, 0);
    journal.append("audit.log", 3, &lines("after the cut", 2));
    journal.step("it begins again", 2, 0);
    journal.truncate("audit.log");
    journal.append("audit.log", 4, &lines("cut without a copy", 30));
    journal.step("cut, then longer than before", 30, 0);

    journal.remove("audit.log.2");
    journal.remove("audit.log.3.gz");
    journal.step("two files vanish", 0, 0);
    journal.remove("audit.log");
    journal.step("the file itself vanishes", 0, 0);
    journal.append("audit.log", 5, &lines("back again", 2));
    journal.step("a new one of its name", 2, 0);

    journal.append("audit.log", 5, &lines("before the date", 1));
    journal.rename("audit.log", "audit.log-20261121");
    journal.append("audit.log", 6, &lines("after the date", 2));
    journal.step("renamed with a date", 3, 0);
    journal.remove("audit.log.1");
    journal.remove("audit.log-20261121");
    forget(journal, 7);
}

/// The file is cut until the log has forgotten its first generation; a copy of that is new content then, and one of the
/// oldest generation that is kept is not.
fn forget(journal: &mut Journal, next: u64) {
    let again = |generation: u64| lines(&format!("again {generation}"), 2);
    for generation in next..=kept() {
        journal.truncate("audit.log");
        journal.append("audit.log", generation, &again(generation));
        journal.quick_step(2);
    }
    journal.step("more generations than are kept", 0, 0);
    journal.write("audit.log", &again(next));
    journal.step("the content of one that is kept", 0, 0);
    // Now so many come that the one just seen is forgotten.
    for generation in kept() + 1..=kept() + next {
        journal.truncate("audit.log");
        journal.append("audit.log", generation, &again(generation));
        journal.quick_step(2);
    }
    journal.write("audit.log", &again(next));
    journal.expect("audit.log", kept() + next + 1, &again(next));
    journal.step("the content of one that is forgotten", 2, 0);
    journal.write("audit.log", &again(next + 2));
    journal.step("the oldest that is kept", 0, 0);
    journal.truncate("audit.log");
    journal.append("audit.log", LAST, &again(LAST));
    journal.step("and a new one", 2, 0);
}

/// How many generations of an origin the log keeps (`FORMAT.md`, section 8).
fn kept() -> u64 {
    MAX_GENERATIONS as u64
}

/// The generation of `audit.log` after all that was done to it.
const LAST: u64 = MAX_GENERATIONS as u64 + 9;

/// Files that were compressed before they were seen.
fn compressed(journal: &mut Journal) {
    let whole = gzip(&lines("cut", 400));
    journal.write("old.json.gz", &whole[..whole.len() / 2]);
    journal.append("audit.log", LAST, &lines("beside a damaged file", 1));
    journal.step("half a gzip file", 1, 1);
    journal.write("old.json.gz", &whole);
    journal.expect("old.json.gz", 0, &lines("cut", 400));
    journal.step("the whole of it", 400, 0);

    let members = [lines("one", 2), lines("two", 3)];
    journal.write("multi.log.gz", &members.each_ref().map(|member| gzip(member)).concat());
    journal.expect("multi.log.gz", 0, &members.concat());
    journal.step("gzip of two members", 5, 0);
    let third = lines("three", 2);
    let longer = [members.concat(), third.clone()].concat();
    let stored = [gzip(&members.concat()), gzip(&third)].concat();
    journal.write("multi.log.gz", &stored);
    journal.expect("multi.log.gz", 0, &longer[members.concat().len()..]);
    journal.step("another member", 2, 0);

    let frames = lines("zstd", 6);
    journal.write("trace.log.zst", &zstd::encode_all(&frames[..], 3).unwrap());
    journal.expect("trace.log.zst", 0, &frames);
    journal.step("zstd", 6, 0);
    let unended = [lines("unended", 2), b"{\"event\":\"the last\"}".to_vec()].concat();
    journal.write("unended.log.gz", &gzip(&unended));
    journal.expect("unended.log.gz", 0, &unended);
    journal.step("compressed without a last line feed", 3, 0);
}

#[test]
fn rotation_loses_no_line_and_archives_none_twice() {
    let mut journal = Journal::new(true);
    grow(&mut journal);
    rename(&mut journal);
    truncate(&mut journal);
    compressed(&mut journal);
    journal.print("followed files");
}

/// Rotates once and writes the lines of a day: of the days before, `keep` files stay.
fn next_day(journal: &mut Journal, day: u64, keep: u64) {
    let rotated = day.min(keep);
    if day > keep {
        journal.remove(&format!("audit.log.{keep}"));
    }
    for n in (1..=rotated).rev() {
        let from = if n == 1 { "audit.log".to_owned() } else { format!("audit.log.{}", n - 1) };
        journal.rename(&from, &format!("audit.log.{n}"));
    }
    journal.append("audit.log", day, &of_day(day));
}

fn of_day(day: u64) -> Vec<u8> {
    lines(&format!("day {day}"), 3)
}

/// `rotate 63` of `logrotate`: with the file itself as many as the generations that the log keeps of an origin.
#[test]
fn as_many_rotated_files_as_generations_are_kept_are_archived_once() {
    let mut journal = Journal::new(true);
    for day in 0..kept() + 3 {
        next_day(&mut journal, day, kept() - 1);
        journal.quick_step(3);
    }
    journal.step("rotated every day, as many kept as the log keeps", 0, 0);
    journal.print("rotated every day");
}

/// One more rotated file than that: the oldest is forgotten when the newest is sealed, and the run after that takes it for new
/// content. It is archived a second time under the name that it has by then, and no line is lost.
#[test]
fn one_rotated_file_more_than_generations_are_kept_is_archived_twice() {
    let mut journal = Journal::new(true);
    for day in 0..=kept() {
        next_day(&mut journal, day, kept());
        journal.quick_step(3);
    }
    let oldest = format!("audit.log.{}", kept());
    journal.expect(&oldest, 0, &of_day(0));
    journal.step("the oldest file, a second time", 3, 0);
    next_day(&mut journal, kept() + 1, kept());
    journal.quick_step(3);
    journal.expect(&oldest, 1, &of_day(1));
    journal.step("the next one, a second time", 3, 0);
    journal.print("rotated every day, one file too many kept");
}

#[test]
fn files_that_are_not_followed_end_with_their_last_byte() {
    let mut journal = Journal::new(false);
    journal.append(
        "batch.log",
        0,
        &[lines("batch", 2), b"{\"event\":\"the last\"}".to_vec()].concat(),
    );
    journal.step("no line feed at the end", 3, 0);
    journal.append("batch.log", 0, b"\n{\"event\":\"one more\"}\n");
    journal.step("it goes on", 1, 0);
    fs::create_dir_all(journal.folder().join("deep/er")).unwrap();
    journal.append("deep/er/b\u{e4}tch 1.log", 0, &lines("deep", 2));
    journal.step("a name to be encoded", 2, 0);
    journal.print("files as they are");
}
