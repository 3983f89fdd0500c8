//! The same suite on real buckets: each case under a prefix of its own.
//!
//! `STRONGROOM_TEST_MINISTACK` and `STRONGROOM_TEST_RGW` are endpoints that `tests/run` starts; both
//! take the credentials of the environment. What a store cannot do is asserted as well, so that a
//! store that learns it is noticed.

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use strongroom_archiver::store::{LockedStore, StoreUrl, s3::S3Store};

use super::{Bench, Case, cases, listing, run, say};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A fresh prefix of a bucket.
pub(crate) struct Bucket {
    store: S3Store,
}

impl Bucket {
    fn fresh(endpoint: &str, options: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let url = format!(
            "s3://strongroom-conformance/{}-{number}?endpoint={endpoint}{options}",
            std::process::id()
        );
        let StoreUrl::S3(at) = url.parse().unwrap() else { panic!("{url}") };
        let store = S3Store::connect(&at).unwrap();
        store.create_bucket().unwrap();
        Self { store }
    }
}

impl Bench for Bucket {
    fn store(&self) -> &dyn LockedStore {
        &self.store
    }

    fn pass(&self, seconds: i64) {
        thread::sleep(Duration::from_secs(seconds.unsigned_abs()));
    }
}

/// Runs the suite; the cases that fail have to be those named as gaps of the store.
fn conforms(store: &str, variable: &str, options: &str, gaps: &[&str]) {
    let Ok(endpoint) = env::var(variable) else {
        say(&format!("skipped: {store} (`{variable}` names no endpoint)"));
        return;
    };
    let all: Vec<Case<dyn Bench>> = [cases::CASES, listing::CASES].concat();
    let failed = run::<dyn Bench, _>(&all, || Bucket::fresh(&endpoint, options), |bucket| bucket);
    say(&format!(
        "{store}: {} of {} cases passed; gaps: {failed:?}",
        all.len() - failed.len(),
        all.len()
    ));
    assert_eq!(failed, gaps, "{store}");
}

#[test]
fn ministack_passes_every_case() {
    conforms("MiniStack", "STRONGROOM_TEST_MINISTACK", "", &[]);
}

#[test]
fn rgw_passes_every_case_but_those_of_the_fence() {
    let fence = ["of_twenty_creators_of_a_name_one_wins", "a_created_name_is_not_created_again"];
    conforms("Ceph RGW", "STRONGROOM_TEST_RGW", "", &fence);
}

#[test]
fn rgw_passes_every_case_of_a_single_writer() {
    let race = ["of_twenty_creators_of_a_name_one_wins"];
    conforms("Ceph RGW, single writer", "STRONGROOM_TEST_RGW", "&single_writer=true", &race);
}
