//! CPU against the peer, and verification against sealing.

use std::process::Command;

use strongroom_tests::temp::TempDir;

use crate::process::{archive, median, strongroom};

/// Bytes of the input for CPU.
const BYTES: u64 = 150_000_000;
/// Pairs of runs.
const ROUNDS: usize = 5;

pub fn run() {
    let dir = TempDir::new("bench-speed");
    let input = crate::input::file(dir.path());
    std::fs::create_dir(dir.path().join("in")).unwrap();
    let path = dir.path().join("in/events.ndjson");
    let bytes = crate::input::head(&input, &path, BYTES);
    let peer = std::env::var("STRONGROOM_BENCH_PEER").ok();
    let (mut seal, mut deep, mut other, mut ratios, mut verify_ratios) =
        (vec![], vec![], vec![], vec![], vec![]);
    let mut peak = 0.0_f64;
    for _ in 0..ROUNDS {
        let url = archive(dir.path(), "archive");
        let sealed = crate::process::run(
            Command::new(strongroom())
                .args(["archive", "--to", &url, "--stream", "mixed", "--threads", "1"])
                .arg(dir.path().join("in")),
        );
        let verified = crate::process::run(Command::new(strongroom()).args([
            "verify",
            "--deep",
            "--threads",
            "1",
            "--to",
            &url,
        ]));
        if let Some(peer) = &peer {
            let mut words = peer.split(' ');
            let mut command = Command::new(words.next().unwrap());
            command
                .args(words)
                .args(["canonhash", "1", "1", "3"])
                .arg(dir.path().join("peer.parquet"))
                .arg(&path);
            let cost = crate::process::run(&mut command);
            ratios.push(sealed.cpu / cost.cpu);
            other.push(cost.cpu);
        }
        verify_ratios.push(verified.cpu / sealed.cpu);
        peak = peak.max(sealed.peak_mib);
        seal.push(sealed.cpu);
        deep.push(verified.cpu);
    }
    println!(
        "whole process, one thread, CPU seconds (user + system), median of {ROUNDS} runs, {bytes} bytes"
    );
    println!("  archive            {:6.2} s   peak {peak:.0} MiB", median(seal));
    println!(
        "  verify --deep      {:6.2} s   {:.2} of archive (limit 1.00)",
        median(deep),
        median(verify_ratios)
    );
    if ratios.is_empty() {
        println!("  peer               not run: set STRONGROOM_BENCH_PEER");
    } else {
        println!("  peer               {:6.2} s", median(other));
        println!(
            "  archive / peer     {:6.3}     (limit 0.30), runs {ratios:.3?}",
            median(ratios.clone())
        );
    }
}
