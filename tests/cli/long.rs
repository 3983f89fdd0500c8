//! A file that somebody names is read up to a limit, and the answer says which.

use std::fs::File;

use strongroom_tests::program::strongroom;

use super::errors::assert_helpful;
use super::{Bench, INPUT};

/// Bytes of the file: more than any command reads.
const LONG: u64 = 64 << 20;

/// Commands, and how many bytes they read of the file `long`.
const COMMANDS: [(&str, usize); 14] = [
    ("clock record --stream app --event e --at 2026-01-01T00:00:00Z --evidence long TO", 1 << 20),
    ("disposition approve long TO", 16 << 20),
    ("disposition execute long TO", 16 << 20),
    ("officers add ada:legal:long TO", 4 << 10),
    ("officers sign --statement-file long TO", 4 << 10),
    ("policy apply long --policy policy.yaml TO", 8 << 20),
    ("policy approve long --policy policy.yaml TO", 8 << 20),
    ("policy check long", 8 << 20),
    ("policy check policy.yaml --catalogue long", 8 << 20),
    ("policy explain --facts long", 8 << 20),
    ("policy plan long TO", 8 << 20),
    ("policy plan policy.yaml --prices long TO", 64 << 10),
    ("report cost --prices long TO", 64 << 10),
    ("status --config long", 8 << 20),
];

#[test]
fn a_file_that_is_too_long_is_named_with_the_limit() {
    let bench = Bench::new();
    File::create(bench.path().join("long")).unwrap().set_len(LONG).unwrap();
    bench.write("policy.yaml", "schema: strongroom.policy/v1\n");
    let to = format!("--to={}", bench.url());
    for (command, limit) in COMMANDS {
        let words = command.split(' ').map(|word| if word == "TO" { to.as_str() } else { word });
        let said = strongroom(bench.path(), &words.collect::<Vec<_>>());
        assert_eq!(said.code, INPUT, "{command}: {}", said.stderr);
        assert_helpful(command, &said);
        let longer = format!("it has more than {limit} bytes");
        assert!(said.stderr.contains("`long`"), "{command}: {}", said.stderr);
        assert!(said.stderr.contains(&longer), "{command}: {}", said.stderr);
    }
}
