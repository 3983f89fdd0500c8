//! Whole processes and what they cost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The kernel's clock ticks a second, the same on every Linux that Rust runs on.
const TICKS: u64 = 100;

/// What one process took.
#[derive(Clone, Debug)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
    pub peak_mib: f64,
    pub stdout: String,
}

/// The binary under test.
pub fn strongroom() -> PathBuf {
    if let Some(path) = std::env::var_os("STRONGROOM_BIN") {
        return PathBuf::from(path);
    }
    // A bench stands in target/<profile>/deps.
    let exe = std::env::current_exe().unwrap();
    let path = exe.parent().and_then(Path::parent).unwrap().join("strongroom");
    assert!(path.exists(), "build it first: cargo build --release -p strongroom-archiver");
    path
}

/// CPU time of finished children, user and system.
fn children() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}

fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Cost {
    let (before, start) = (children(), Instant::now());
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(peak(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = start.elapsed().as_secs_f64();
    let mut stdout = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut stdout).unwrap();
    assert!(status.success(), "{command:?} failed: {stdout}");
    let cpu = (children() - before) as f64 / TICKS as f64;
    Cost { cpu, wall, peak_mib: most as f64 / 1024.0, stdout }
}

/// An empty test archive below `dir`; returns its URL.
pub fn archive(dir: &Path, name: &str) -> String {
    let root = dir.join(name);
    drop(std::fs::remove_dir_all(&root));
    drop(std::fs::remove_file(dir.join(format!("{name}.key"))));
    let url = format!("file://{}", root.display());
    run(Command::new(strongroom()).args(["init", "--environment", "test", "--to", &url]));
    url
}

/// A number out of the JSON that a command printed.
pub fn number(json: &str, name: &str) -> u64 {
    let rest = json.split(&format!("\"{name}\":")).nth(1).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
