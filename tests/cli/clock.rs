//! A clock that stepped back: the run stops before it writes anything.
//!
//! The clock is an argument of the library's command line, so the test starts itself once more with another one.

use std::{
    env,
    ffi::OsString,
    process::{Command, ExitCode},
    sync::Arc,
};

use jiff::Timestamp;
use strongroom_archiver::cli::{self, Machine};
use strongroom_tests::program::Output;

use super::errors::assert_helpful;
use super::transcript::{Transcript, assert_same};
use super::{AGAIN, Bench};

/// Carries the arguments, apart by line feeds, to the process with the old clock.
const ARGUMENTS: &str = "STRONGROOM_TEST_OLD_CLOCK";

/// Long before any log that a test writes.
fn long_ago() -> Timestamp {
    Timestamp::from_second(1_600_000_000).unwrap()
}

#[test]
fn as_the_process_with_the_old_clock() {
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    let arguments = arguments.split('\n').map(OsString::from);
    let machine = Machine { now: long_ago, fill: |out| out.fill(7), stop: Arc::default() };
    let code = cli::run(arguments, &machine);
    // An exit code tells its number to nobody but the system.
    let code = (0..=u8::MAX)
        .find(|number| format!("{:?}", ExitCode::from(*number)) == format!("{code:?}"));
    std::process::exit(code.unwrap().into());
}

#[test]
fn a_clock_far_behind_the_log_stops_the_run() {
    let bench = Bench::new();
    bench.write("app.log", "started\nstopped\nstarted\n");
    let (url, log) = (bench.url(), bench.log());
    let arguments = ["archive", "--to", &url, "--stream", "app", "app.log"];
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "clock::as_the_process_with_the_old_clock", "--nocapture", "--quiet"]);
    command.env(ARGUMENTS, [&["strongroom"], arguments.as_slice()].concat().join("\n"));
    let output = command.env_remove("STRONGROOM_KEY").current_dir(bench.path()).output().unwrap();
    // What the test harness prints goes to standard output.
    let output = Output {
        code: output.status.code().unwrap(),
        stdout: Vec::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let mut transcript = Transcript::new(bench.path());
    transcript.add(&arguments, &output);
    assert_same(&transcript.differences("error_clock_behind").into_iter().collect::<Vec<_>>());
    assert_eq!(output.code, AGAIN);
    assert_helpful("error_clock_behind", &output);
    assert!(bench.log() == log, "the log changed");
}
