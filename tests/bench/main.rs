//! What sealing costs and how much it saves, as ratios within one run: `cargo bench -p strongroom-tests`.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `STRONGROOM_BENCH_INPUT` | an NDJSON file; the first 150,000,000 bytes are used for CPU, all of it for size |
//! | `STRONGROOM_BENCH_PEER` | a command that takes `canonhash 1 1 3 OUT IN`: the peer doing the same job |
//! | `STRONGROOM_BENCH_ONLY` | run only the sections with this in their names |
//! | `STRONGROOM_TEST_MINISTACK` | an S3 server, whose requests are counted for what they cost |
//! | `STRONGROOM_FULL` | the large runs: memory with 300 streams of 3 days, 5 GB; a sweep among 1,000,000 segments, 4 GB of memory |
//!
//! Without an input the project's own events are used and the figures are not comparable with others.

#![expect(clippy::cast_precision_loss, reason = "ratios are printed with three digits")]

mod cost;
mod input;
mod memory;
mod process;
mod size;
mod speed;
mod start;
mod sweep;

fn main() {
    // `cargo test --benches` and `cargo bench` pass flags; only a name to look for is of interest here.
    let only = std::env::var("STRONGROOM_BENCH_ONLY").unwrap_or_default();
    let sections: [(&str, fn()); 7] = [
        ("speed", speed::run),
        ("size", size::run),
        ("segment-rows", size::rows),
        ("memory", memory::run),
        ("start", start::run),
        ("sweep", sweep::run),
        ("cost", cost::run),
    ];
    for (name, run) in sections {
        if name.contains(&only) {
            println!("\n== {name}");
            run();
        }
    }
}
