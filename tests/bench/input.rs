//! The events that are measured.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use jiff::civil::date;
use strongroom_archiver::sample::Day;
use strongroom_crypto::Hasher;

/// The NDJSON file to measure with, and whether figures compare with those of others.
pub fn file(dir: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("STRONGROOM_BENCH_INPUT") {
        let path = PathBuf::from(path);
        println!("input {} bytes, sha256 {}", fs::metadata(&path).unwrap().len(), sha256(&path));
        return path;
    }
    println!("own data, not comparable (set STRONGROOM_BENCH_INPUT)");
    let path = dir.join("own.ndjson");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    let mut parts = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let day = Day { date: date(2026, 11, 20), seed: 1 };
    day.write_cloudtrail_lines(&mut parts[0], 30_000).unwrap();
    day.write_kubernetes(&mut parts[1], 40_000).unwrap();
    day.write_postgresql(&mut parts[2], 15_000).unwrap();
    day.write_application(&mut parts[3], 15_000).unwrap();
    let mut lines: Vec<_> =
        parts.iter().map(|part| part.split_inclusive(|byte| *byte == b'\n')).collect();
    // One line of each in turn: a mixed stream.
    loop {
        let mut any = false;
        for part in &mut lines {
            if let Some(line) = part.next() {
                out.write_all(line).unwrap();
                any = true;
            }
        }
        if !any {
            break;
        }
    }
    out.flush().unwrap();
    path
}

fn sha256(path: &Path) -> String {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).unwrap());
    let mut hasher = Hasher::new();
    loop {
        let length = {
            let chunk = reader.fill_buf().unwrap();
            hasher.update(chunk);
            chunk.len()
        };
        if length == 0 {
            return hasher.finish().to_string();
        }
        reader.consume(length);
    }
}

/// Copies whole lines until `bytes` are reached.
pub fn head(from: &Path, to: &Path, bytes: u64) -> u64 {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(from).unwrap());
    let mut writer = BufWriter::new(File::create(to).unwrap());
    let (mut line, mut written) = (Vec::new(), 0);
    while written < bytes && reader.read_until(b'\n', &mut line).unwrap() > 0 {
        writer.write_all(&line).unwrap();
        written += line.len() as u64;
        line.clear();
    }
    writer.flush().unwrap();
    written
}

/// Splits a file by the first member name of its lines: one file for each kind of source.
pub fn split(from: &Path, dir: &Path) -> Vec<PathBuf> {
    let reader = BufReader::with_capacity(1 << 20, File::open(from).unwrap());
    let mut files: Vec<(Vec<u8>, PathBuf, BufWriter<File>)> = Vec::new();
    for line in reader.split(b'\n') {
        let mut line = line.unwrap();
        let name: Vec<u8> =
            line.iter().skip(2).take_while(|byte| **byte != b'"').copied().collect();
        line.push(b'\n');
        let place = files.iter().position(|(known, ..)| *known == name).unwrap_or_else(|| {
            let path = dir.join(format!("source-{}", files.len())).join("events.ndjson");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = BufWriter::new(File::create(&path).unwrap());
            files.push((name, path, file));
            files.len() - 1
        });
        files[place].2.write_all(&line).unwrap();
    }
    files.into_iter().map(|(_, path, mut file)| file.flush().map(|()| path).unwrap()).collect()
}
