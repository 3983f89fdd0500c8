//! One suite of named cases for every store, and what only a store in a directory can show.
//!
//! Prints how many cases each store passed, so that a store that did not run is seen.

mod bed;
mod bucket;
mod cases;
mod crashes;
mod directory;
mod listing;
mod wrappers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use strongroom_archiver::store::LockedStore;
use strongroom_tests::say;

/// A store under test, and time passing for it.
pub(crate) trait Bench {
    /// An empty store.
    fn store(&self) -> &dyn LockedStore;

    /// Lets this many seconds pass by the store's clock.
    fn pass(&self, seconds: i64);
}

/// A case, named by the fact that it proves.
pub(crate) type Case<B> = (&'static str, fn(&B));

/// Runs each case on a bench of its own; the names of those that failed.
fn run<B: ?Sized, O>(
    cases: &[Case<B>],
    fresh: impl Fn() -> O,
    on: impl Fn(&O) -> &B,
) -> Vec<&'static str> {
    let passes = |case: fn(&B)| {
        let bench = fresh();
        catch_unwind(AssertUnwindSafe(|| case(on(&bench)))).is_ok()
    };
    cases.iter().filter(|(_, case)| !passes(*case)).map(|(name, _)| *name).collect()
}

/// Runs what holds for every store, and reports it together with what else was run.
fn conforms<O: Bench + 'static>(
    store: &str,
    fresh: impl Fn() -> O,
    others: (usize, Vec<&'static str>),
) {
    let (mut count, mut failed) = others;
    for cases in [cases::CASES, listing::CASES] {
        count += cases.len();
        failed.extend(run::<dyn Bench, _>(cases, &fresh, |bed| bed));
    }
    say(&format!("{store}: {} cases passed", count - failed.len()));
    assert!(failed.is_empty(), "{store}: failed: {failed:#?}");
}

#[test]
fn a_store_in_a_directory_passes_every_case() {
    let own = [directory::CASES, crashes::CASES, wrappers::CASES].concat();
    let failed = run(&own, bed::Bed::new, |bed| bed);
    conforms("file", bed::Bed::new, (own.len(), failed));
}

#[test]
fn a_counted_store_passes_every_case() {
    conforms("file, counted", bed::Counting::new, (0, Vec::new()));
}

#[test]
fn a_faulty_store_without_faults_passes_every_case() {
    conforms("file, faultless", bed::Faultless::new, (0, Vec::new()));
}
