//! The help of the program and of every command.

use strongroom_tests::program::strongroom;

use super::transcript::{Transcript, assert_same};
use super::{Bench, DONE};

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn help_is_as_committed() {
    let bench = Bench::empty();
    let (mut differences, mut seen) = (Vec::new(), Vec::new());
    let mut left: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = left.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let output = strongroom(bench.path(), &arguments).expect(DONE);
        let mut transcript = Transcript::new(bench.path());
        transcript.add(&arguments, &output);
        let name = [&["help".to_owned()], command.as_slice()].concat().join("_");
        differences.extend(transcript.differences(&name));
        let help = String::from_utf8(output.stdout).unwrap();
        left.extend(commands(&help).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        seen.push(name);
    }
    for command in ["help_archive", "help_policy_check"] {
        assert!(seen.iter().any(|seen| seen == command), "{seen:?}");
    }
    assert_same(&differences);
}
