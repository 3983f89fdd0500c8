//! SIGTERM in the middle of a run: what was read is sealed, the rest is left for the next run.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use strongroom_tests::program::{Output, binary, strongroom};

use crate::{Bench, DONE, FINDING};

/// Lines of the source: a run is busy with them for some seconds.
const LINES: usize = 200_000;
/// A segment is full, and stored, long before the end of the source.
const SEGMENT_ROWS: usize = 1_000;
/// How often to look whether the run has stored something, and how many times.
const LOOK: (Duration, u32) = (Duration::from_millis(5), 12_000);

#[test]
fn a_run_that_is_asked_to_stop_seals_what_it_read_and_the_next_reads_the_rest() {
    let bench = Bench::empty();
    let mut source = String::new();
    for line in 0..LINES {
        writeln!(source, "{{\"event\":\"stop-{line}\",\"n\":{line}}}").unwrap();
    }
    bench.write("app.log", &source);
    let config = format!(
        "version: 1\nstore: {}\nlimits: {{ segment_rows: {SEGMENT_ROWS} }}\nstreams:\n  - name: app\n    sources:\n      - {{ paths: [\"app.log\"] }}\n",
        bench.url()
    );
    bench.write("strongroom.yaml", &config);
    bench.run(&["init", "--environment", "test"]);

    let stopped = stop_when_stored(bench.path()).expect(FINDING);
    assert!(stopped.stderr.contains("interrupted: what was read is sealed"), "{}", stopped.stderr);
    let sealed = stopped.number("events_sealed");
    assert!(sealed > 0 && sealed < LINES as u64, "{sealed} events sealed");
    assert_eq!(stopped.number("events_read"), sealed);

    let rest = strongroom(bench.path(), &["archive", "--json"]).expect(DONE);
    assert_eq!(rest.number("events_sealed") + sealed, LINES as u64);
    let bytes = strongroom(bench.path(), &["cat", "--origin", "file:app.log"]).expect(DONE).stdout;
    assert!(bytes == source.as_bytes(), "the source does not come back as it was");
    strongroom(bench.path(), &["verify", "--deep"]).expect(DONE);
}

/// Sends SIGTERM once the first segment is stored.
fn stop_when_stored(folder: &Path) -> Output {
    let mut command = Command::new(binary());
    command.args(["archive", "--json"]).current_dir(folder).env_remove("STRONGROOM_KEY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let (pause, tries) = LOOK;
    let stored = || fs::read_dir(folder.join("store/segments")).is_ok();
    for _ in 0..tries {
        if stored() {
            break;
        }
        thread::sleep(pause);
    }
    assert!(stored(), "the run stores nothing");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().expect("the program was ended by the signal"),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
