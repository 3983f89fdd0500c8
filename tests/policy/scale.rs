//! What a sweep asks of the store does not depend on how large the archive is.

use std::env;

use strongroom_tests::say;
use strongroom_tests::sealed::{Cost, RUN, Sealed};

/// What a sweep asks for whatever is due, as `archiver/DESIGN.md` lists it.
const FIXED: u64 = 39;
/// For a segment: its object moved and looked at again, its manifest looked at before too.
const EACH: u64 = 5;
/// One more tile is read where the log has 65,536 entries or more.
const DEEPER: u64 = 1;
/// A sweep may ask ten times, and six times for each segment that is due.
const _: () = assert!(FIXED + EACH * RUN <= 10 + 6 * RUN);

/// The cost of a sweep after one more run; none of these sizes makes a tile full.
fn cost(mut archive: Sealed) -> Cost {
    archive.seal_run();
    archive.sweep()
}

#[test]
fn a_sweep_asks_for_what_is_due_and_not_for_the_rest() {
    let (few, many) = (cost(Sealed::swept(950)), cost(Sealed::swept(20_000)));
    say(&format!("{RUN} due of 1,000: {:?}; of 20,000: {:?}", few.counts, many.counts));
    for cost in [few, many] {
        assert_eq!(cost.counts.requests(), FIXED + EACH * RUN, "{:?}", cost.counts);
    }
}

#[test]
fn a_sweep_asks_as_little_of_a_million_segments() {
    if env::var_os("STRONGROOM_FULL").is_none() {
        return say("skipped: a sweep among 1,000,000 segments (`STRONGROOM_FULL` is not set)");
    }
    let (few, many) = (cost(Sealed::entered(10_000)), cost(Sealed::entered(1_000_000)));
    say(&format!("{RUN} due of 10,000: {few:?}; of 1,000,000: {many:?}"));
    assert_eq!(few.counts.requests(), FIXED + EACH * RUN, "{:?}", few.counts);
    assert_eq!(many.counts.requests(), FIXED + DEEPER + EACH * RUN, "{:?}", many.counts);
}
