//! The help of the program and of every command.

use strongroom_tests::program::strongroom;

use super::transcript::{Transcript, assert_same};
use super::{Bench, DONE};

/// The commands that the program's own help lists.
fn commands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn help_is_as_committed() {
    let bench = Bench::empty();
    let output = strongroom(bench.path(), &["--help"]).expect(DONE);
    let help = String::from_utf8(output.stdout.clone()).unwrap();
    let names = commands(&help);
    assert!(names.contains(&"archive"), "{help}");
    let mut differences = Vec::new();
    let mut transcript = Transcript::new(bench.path());
    transcript.add(&["--help"], &output);
    differences.extend(transcript.differences("help"));
    for name in names {
        let mut transcript = Transcript::new(bench.path());
        transcript
            .add(&[name, "--help"], &strongroom(bench.path(), &[name, "--help"]).expect(DONE));
        differences.extend(transcript.differences(&format!("help_{name}")));
    }
    assert_same(&differences);
}
