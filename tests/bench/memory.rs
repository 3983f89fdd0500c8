//! Peak memory of many streams.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::process::Command;

use jiff::civil::date;
use strongroom_archiver::sample::Day;
use strongroom_tests::temp::TempDir;

use crate::process::{archive, strongroom};

/// Days of each stream.
const DAYS: i8 = 3;
/// Bytes of one Kubernetes event of the sample, roughly.
const EVENT_BYTES: usize = 1_050;

pub fn run() {
    let full = std::env::var_os("STRONGROOM_FULL").is_some();
    let (streams, bytes) = if full { (300, 5_000_000_000_usize) } else { (30, 200_000_000) };
    let dir = TempDir::new("bench-memory");
    let url = archive(dir.path(), "archive");
    let events = bytes / streams / usize::from(DAYS.unsigned_abs()) / EVENT_BYTES;
    let mut config =
        format!("version: 1\nstore: {url}\nkeys: {{ kek: \"file:archive.key\" }}\nstreams:\n");
    let mut written = 0;
    for stream in 0..streams {
        let path = dir.path().join(format!("in/stream-{stream}"));
        std::fs::create_dir_all(&path).unwrap();
        let file = std::fs::File::create(path.join("audit.log")).unwrap();
        let mut out = BufWriter::new(file);
        for day in 0..DAYS {
            let day = Day { date: date(2026, 11, 17 + day), seed: stream as u64 };
            day.write_kubernetes(&mut out, events).unwrap();
        }
        out.flush().unwrap();
        written += out.get_ref().metadata().unwrap().len();
        writeln!(config, "  - {{ name: s{stream}, sources: [{{ paths: [in/stream-{stream}] }}] }}")
            .unwrap();
    }
    let path = dir.path().join("strongroom.yaml");
    std::fs::write(&path, config).unwrap();
    let cost =
        crate::process::run(Command::new(strongroom()).args(["archive", "--config"]).arg(&path));
    println!("{streams} streams x {DAYS} days, {written} bytes (own generator)");
    println!(
        "  peak resident {:.0} MiB (limit 256), CPU {:.1} s, wall {:.1} s",
        cost.peak_mib, cost.cpu, cost.wall
    );
    print!("{}", cost.stdout);
}
