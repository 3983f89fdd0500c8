//! README's commands run as they stand, in order, with its absolute paths moved below a temporary directory.

use std::process::Command;

use jiff::civil::date;
use strongroom_archiver::sample::Day;
use strongroom_tests::program::binary;
use strongroom_tests::temp::TempDir;

/// The commands of the shell blocks.
fn commands() -> Vec<String> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_readme_succeeds_and_the_quickstart_verifies() {
    let dir = TempDir::new("readme");
    let root = dir.path().display().to_string();
    std::fs::create_dir_all(dir.path().join("var/log/kubernetes")).unwrap();
    std::fs::create_dir_all(dir.path().join("var/lib/strongroom")).unwrap();
    let mut log = std::fs::File::create(dir.path().join("var/log/kubernetes/audit.log")).unwrap();
    Day { date: date(2026, 11, 20), seed: 3 }.write_kubernetes(&mut log, 500).unwrap();
    let commands = commands();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        // This test is part of what that command runs.
        if command == "tests/run" {
            continue;
        }
        let program = binary();
        let moved = command
            .replace(
                "cargo run --release -p strongroom-archiver --no-default-features --",
                "strongroom",
            )
            .replace("/var/", &format!("{root}/var/"));
        let words: Vec<&str> = moved.split(' ').collect();
        assert_eq!(words[0], "strongroom", "{command}");
        let out = Command::new(program).args(&words[1..]).current_dir(dir.path()).output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{moved}\n{stdout}\n{stderr}");
        println!("$ {command}\n{}", if words[1] == "cat" { "(bytes)" } else { &stdout });
        match words[1] {
            "quickstart" => assert!(
                stdout.contains("verify      PASS") && stdout.contains("StopLogging"),
                "{stdout}"
            ),
            "verify" => assert!(stdout.contains("verdict     PASS"), "{stdout}"),
            "cat" => {
                let original =
                    std::fs::read(dir.path().join("var/log/kubernetes/audit.log")).unwrap();
                assert!(out.stdout == original, "cat --origin differs from the file");
            }
            _ => {}
        }
    }
}
