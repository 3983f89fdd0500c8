//! What a sweep costs as an archive grows, at equal due: the locks of one run's segments.

use std::env;

use strongroom_tests::sealed::{Cost, RUN, Sealed};

/// Sweeps of each archive, of which the fastest counts: the others were disturbed.
const SWEEPS: usize = 5;

pub fn run() {
    let full = env::var_os("STRONGROOM_FULL").is_some();
    let (few, many, make): (u64, u64, fn(u64) -> Sealed) =
        if full { (10_000, 1_000_000, Sealed::entered) } else { (1_000, 20_000, Sealed::swept) };
    println!("a sweep that sets the dates of {RUN} segments, on a disk in memory");
    println!("  segments  requests       ms");
    let [of_few, of_many] = [few, many].map(|segments| {
        let cost = fastest(make(segments));
        let ms = cost.time.as_secs_f64() * 1_000.0;
        println!("  {segments:>8}  {:>8}  {ms:>7.1}", cost.counts.requests());
        cost
    });
    let requests = of_many.counts.requests() as f64 / of_few.counts.requests() as f64;
    let time = of_many.time.as_secs_f64() / of_few.time.as_secs_f64();
    println!("  ratio     {requests:>8.2}  {time:>7.2}  (limit 2.00)");
}

fn fastest(mut archive: Sealed) -> Cost {
    let sweeps = (0..SWEEPS).map(|_| {
        archive.seal_run();
        archive.sweep()
    });
    sweeps.min_by_key(|cost| cost.time).unwrap()
}
