//! What `verify` says of locks that are not as the policy in force wants them.

use std::fs;
use std::path::{Path, PathBuf};

use strongroom_crypto::json::Value;
use strongroom_tests::program::Output;

use crate::DONE;
use crate::office::{Office, Stream, first_day_after_years, in_minutes};

/// What `verify` counts of how segments are kept.
fn keeping(office: &Office, name: &str) -> u64 {
    let verified = office.run(&["verify", "--json"]).output.expect(DONE);
    let Value::Object(report) = verified.json() else { panic!("no object") };
    let Some(Value::Object(keeping)) = report.get("keeping") else { panic!("{report:?}") };
    let Some(Value::Int(count)) = keeping.get(name) else { panic!("{keeping:?}") };
    u64::try_from(count.get()).unwrap()
}

/// Findings of a check: result and detail of each.
fn findings(verified: &Output, check: &str) -> Vec<(String, String)> {
    let Value::Object(report) = verified.json() else { panic!("no object") };
    let Some(Value::Array(findings)) = report.get("findings") else { panic!("{report:?}") };
    let member = |value: &Value, name: &str| {
        let Value::Object(members) = value else { panic!("{value:?}") };
        let Some(Value::Text(text)) = members.get(name) else { panic!("{members:?}") };
        text.clone()
    };
    let of_check = findings.iter().filter(|one| member(one, "check") == check);
    of_check.map(|one| (member(one, "result"), member(one, "detail"))).collect()
}

/// The records of locks below a folder.
fn records(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(records(&path));
        } else if path.to_str().unwrap().ends_with(".lock.json") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_lock_that_a_run_has_set_and_that_is_shorter_is_a_failure() {
    let office = Office::new();
    office.archive("a", 2);
    office.in_force(1, &[Stream::governance("P1Y")]);
    // Nobody has said yet that it is locked until its date.
    let pending = office.run(&["verify", "--json"]).output.expect(DONE);
    let locks = findings(&pending, "lock");
    assert!(locks.iter().any(|(result, said)| result == "PENDING" && said.contains("kept until")));
    office.sweep();
    assert_eq!(office.verify(), "PASS");
    let date = first_day_after_years(1).to_string();
    let shorter = in_minutes(60 * 24 * 30).to_string();
    for place in ["segments", "manifests"] {
        let mut changed = Vec::new();
        for record in records(&office.path().join("store/.versions").join(place)) {
            let text = fs::read_to_string(&record).unwrap();
            let (head, _) = text.split_once("\"until\":\"").unwrap();
            fs::write(&record, format!("{head}\"until\":\"{shorter}\"}}")).unwrap();
            changed.push((record, text));
        }
        assert!(!changed.is_empty(), "{place}");
        let found = office.run(&["verify", "--json"]).output.expect(1);
        let locks = findings(&found, "lock");
        let failed: Vec<_> = locks.iter().filter(|(result, _)| result == "FAIL").collect();
        assert_eq!(failed.len(), 1, "{locks:?}");
        assert!(failed[0].1.contains("a run has said in the log"), "{locks:?}");
        assert!(place == "manifests" || failed[0].1.contains(&date), "{locks:?}");
        for (record, text) in changed {
            fs::write(record, text).unwrap();
        }
    }
    assert_eq!(office.verify(), "PASS");
}

#[test]
fn modes_that_never_change_are_counted_and_named() {
    let office = Office::new();
    office.archive("a", 2);
    assert_eq!(keeping(&office, "unclassified"), 1);
    office.in_force(1, &[Stream::compliance("P1Y")]);
    office.sweep();
    office.archive("b", 2);
    assert_eq!(keeping(&office, "mode_below_policy"), 1);
    assert_eq!(keeping(&office, "unclassified"), 0);
    let verified = office.run(&["verify", "--json"]).output.expect(DONE);
    let modes = findings(&verified, "mode");
    assert!(matches!(&modes[..], [(result, _)] if result == "info"), "{modes:?}");
    let shown = String::from_utf8(office.run(&["verify"]).output.expect(DONE).stdout).unwrap();
    assert!(shown.contains("retention   1 with locks of a mode below the policy's\n"), "{shown}");
}

#[test]
fn what_a_shorter_policy_and_no_rule_leave_is_counted() {
    let office = Office::new();
    office.archive("a", 2);
    office.in_force(1, &[Stream::governance("P3Y")]);
    office.sweep();
    assert_eq!(keeping(&office, "locked_beyond_schedule"), 0);
    office.in_force(2, &[Stream::governance("P1Y")]);
    assert_eq!(keeping(&office, "locked_beyond_schedule"), 1);
    office.in_force(3, &[Stream::governance("P1Y").about("stream: [other]")]);
    assert_eq!(keeping(&office, "unclassified"), 1);
    let status = office.run(&["status", "--json"]).output.expect(DONE);
    assert_eq!(status.number("unclassified"), 1);
    let shown = String::from_utf8(office.run(&["status"]).output.expect(DONE).stdout).unwrap();
    assert!(shown.contains("unclassified 1 segment,"), "{shown}");
    // Labels do not stand in the log: nobody can tell here.
    office.in_force(4, &[Stream::governance("P1Y").about("labels: {tier: gold}")]);
    assert_eq!(keeping(&office, "labels_unknown"), 1);
    assert_eq!(keeping(&office, "unclassified"), 0);
}
