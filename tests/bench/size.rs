//! Stored bytes against gzip.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use strongroom_tests::temp::TempDir;

use crate::process::{archive, number, strongroom};

/// Length of `gzip -6` of a file.
fn gzip(path: &Path) -> u64 {
    let out = path.with_extension("gz");
    let status = Command::new("gzip")
        .args(["-6", "-c"])
        .arg(path)
        .stdout(File::create(&out).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let length = std::fs::metadata(&out).unwrap().len();
    std::fs::remove_file(out).unwrap();
    length
}

pub fn run() {
    let dir = TempDir::new("bench-size");
    let input = crate::input::file(dir.path());
    std::fs::create_dir_all(dir.path().join("in")).unwrap();
    let mixed = dir.path().join("in/events.ndjson");
    crate::input::head(&input, &mixed, u64::MAX);
    let gzipped = gzip(&mixed);
    let url = archive(dir.path(), "mixed");
    let out = seal(&url, "mixed", &dir.path().join("in"));
    let raw = number(&out, "bytes_raw");
    let stored = number(&out, "bytes_stored");
    let events = number(&out, "events_sealed");
    println!("{events} events, {raw} bytes raw, gzip -6 {gzipped}");
    let each = |bytes: u64| bytes as f64 / events as f64;
    println!(
        "  one mixed stream   {stored:>11}  {:6.1} B/event  {:.3} of gzip (limit 0.58)",
        each(stored),
        stored as f64 / gzipped as f64
    );
    let url = archive(dir.path(), "split");
    let (mut total, mut split_gzip) = (0, 0);
    for path in crate::input::split(&mixed, dir.path()) {
        split_gzip += gzip(&path);
        let source = path.parent().unwrap();
        total += number(
            &seal(&url, source.file_name().unwrap().to_str().unwrap(), source),
            "bytes_stored",
        );
    }
    println!(
        "  split by source    {total:>11}  {:6.1} B/event  {:.3} of gzip mixed (limit 0.48), {:.3} of gzip split ({split_gzip})",
        each(total),
        total as f64 / gzipped as f64,
        total as f64 / split_gzip as f64
    );
}

fn seal(url: &str, stream: &str, path: &Path) -> String {
    let arguments = ["archive", "--json", "--to", url, "--stream", stream];
    run_command(Command::new(strongroom()).args(arguments).arg(path))
}

fn run_command(command: &mut Command) -> String {
    crate::process::run(command).stdout
}

/// Segments of few events: what sealing early costs.
pub fn rows() {
    let dir = TempDir::new("bench-rows");
    let input = crate::input::file(dir.path());
    println!(
        "  events  segments      stored        gzip  B/event  of gzip  bound 1.05 x gzip + 8 KiB"
    );
    for rows in [100_u64, 500, 2_000, 10_000, 100_000] {
        let case = dir.path().join(format!("rows-{rows}"));
        std::fs::create_dir_all(case.join("in")).unwrap();
        // Each file is one segment: gzip gets the same chance.
        let events = lines(&input, &case.join("in"), rows, if rows > 10_000 { 1 } else { 4 });
        let url = archive(&case, "archive");
        let (mut stored, mut gzipped, mut segments, mut worst) = (0, 0, 0, f64::MIN);
        for (place, path) in events.iter().enumerate() {
            let out = seal(&url, &format!("s{place}"), path);
            let (bytes, zipped) = (number(&out, "bytes_stored"), gzip(path));
            stored += bytes;
            gzipped += zipped;
            segments += number(&out, "segments");
            worst = worst.max(
                bytes as f64 / (1.05 * zipped as f64 + 8192.0 * number(&out, "segments") as f64),
            );
        }
        let count = rows * events.len() as u64;
        println!(
            "{rows:>8}  {segments:>8}  {stored:>10}  {gzipped:>10}  {:7.1}  {:7.3}  {worst:.3} of the bound",
            stored as f64 / count as f64,
            stored as f64 / gzipped as f64
        );
    }
}

/// Writes `files` files of `rows` consecutive lines each.
fn lines(input: &Path, dir: &Path, rows: u64, files: u64) -> Vec<std::path::PathBuf> {
    use std::io::{BufRead as _, Write as _};
    let mut reader = std::io::BufReader::new(File::open(input).unwrap());
    let mut paths = Vec::new();
    for file in 0..files {
        let path = dir.join(format!("part-{file}.ndjson"));
        let mut out = std::io::BufWriter::new(File::create(&path).unwrap());
        let mut line = Vec::new();
        for _ in 0..rows {
            line.clear();
            reader.read_until(b'\n', &mut line).unwrap();
            out.write_all(&line).unwrap();
        }
        out.flush().unwrap();
        paths.push(path);
    }
    paths
}
