//! A run that is killed, as a process of its own: no destructor runs and no buffer is written.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use strongroom_tests::{
    archive::TestArchive,
    clock::TestClock,
    faulty_store::{Fault, FaultyStore, Mode, Point},
};

use super::scene::{FAULTY_RUN, Scene, request_of};

/// Set for the process that is killed: what it has to do, one word each.
const CHILD_ENV: &str = "STRONGROOM_CRASH_CHILD";
/// Its archive's directory.
const ROOT_ENV: &str = "STRONGROOM_CRASH_ROOT";

/// Lets a process run into the fault; true if it died of it.
pub(crate) fn run_into(scene: &Scene, fault: Fault) -> bool {
    let (archive, clock) = (&scene.archive, &scene.archive.clock);
    let after = fault.mode == Mode::KillAfter;
    let task = format!(
        "{} {} {} {} {after} {} {}",
        scene.seed,
        scene.segment_rows(),
        fault.point,
        fault.nth,
        clock.ms(),
        clock.tick_ms(),
    );
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::archive_until_killed", "--nocapture"])
        .env(CHILD_ENV, task)
        .env(ROOT_ENV, archive.root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(
        killed || output.status.success(),
        "the child failed by itself: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    killed
}

/// The process that is killed. Does nothing in an ordinary test run.
#[test]
fn archive_until_killed() {
    let (Ok(task), Some(root)) = (env::var(CHILD_ENV), env::var_os(ROOT_ENV)) else { return };
    let words: Vec<&str> = task.split(' ').collect();
    let [seed, rows, point, nth, after, now_ms, tick_ms] = words[..] else {
        panic!("malformed task `{task}`");
    };
    let mode = if after == "true" { Mode::KillAfter } else { Mode::KillBefore };
    let fault = Fault { point: Point::named(point).unwrap(), nth: nth.parse().unwrap(), mode };
    let clock = TestClock::at(now_ms.parse().unwrap(), tick_ms.parse().unwrap());
    let root = Path::new(&root);
    let archive = TestArchive::open(root, seed.parse().unwrap(), clock);
    let store = FaultyStore::new(archive.store(FAULTY_RUN), vec![fault]);
    archive.run(Arc::new(store), FAULTY_RUN, &request_of(root, rows.parse().unwrap())).unwrap();
}
