//! What a policy approves by itself is destroyed on a bucket with the credentials of duty `remove` alone.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use strongroom_crypto::json::Value;
use strongroom_retention::catalogue::Catalogue;
use strongroom_tests::clock::now;
use strongroom_tests::officers::Officer;
use strongroom_tests::program::{Output, strongroom};

use super::duties::{policy, run_as};
use super::made::Owner;
use super::{Bench, RGW};

const OFFICERS: [Officer; 2] = [
    Officer { id: "ada", role: "records", seed: 1 },
    Officer { id: "ben", role: "legal", seed: 2 },
];
/// The settling period: a segment can go when it is over.
const SETTLE: &str = "PT24S";
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs a command of several words.
fn office(bench: &Bench, arguments: &[&str]) {
    let place = ["--to", &bench.url, "--key", "archive.key"];
    strongroom(bench.path(), &[arguments, &place].concat()).expect(0);
}

/// Puts a policy in force that keeps what it approves the disposal of for a year from 2020.
fn set_policy(bench: &Bench) {
    let today = now().to_string();
    let (today, _) = today.split_once('T').unwrap();
    let catalogue = Catalogue::shipped().unwrap().digest();
    let text = format!(
        "schema: strongroom.policy/v1
metadata: {{name: test, version: 1, effective: {today}, owner: records}}
catalogue: {{digest: \"sha256:{catalogue}\"}}
defaults:
  zone: UTC
  max_lock: P12Y
  grace: P0D
  disposal: {{approval: two_person, roles: [legal, records]}}
streams:
  - id: events
    title: Events
    record_class: events
    match: {{stream: [events]}}
    pre_approved: true
    segment: {{max_span: PT24H}}
    backfill: {{received_before: 2100-01-01, count_from: event_time, rationale: moved here}}
    citations:
      - reg: pci-dss-10-5-1
"
    );
    fs::write(bench.path().join("policy.yaml"), text).unwrap();
    office(bench, &["policy", "plan", "policy.yaml", "-o", "plan.json"]);
    for officer in ["ada", "ben"] {
        let approve = ["policy", "approve", "plan.json", "--policy", "policy.yaml"];
        let by = ["--officer", officer, "--officer-key", officer];
        office(bench, &[&approve[..], &by].concat());
    }
    office(bench, &["policy", "apply", "plan.json", "--policy", "policy.yaml"]);
}

fn disposals(swept: &Output) -> usize {
    let Value::Object(members) = swept.json() else { panic!("no object") };
    match members.get("disposals") {
        Some(Value::Array(items)) => items.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn duty_remove_disposes_with_its_own_credentials() {
    let Some(owner) = Owner::on(RGW) else { return };
    let bucket = "strongroom-duties-unattended";
    let bench = owner.bench(bucket, true);
    let officers = OFFICERS.map(|officer| format!("--officer={}", officer.write(bench.path())));
    let init = ["init", "--environment", "test", "--settle", SETTLE, &officers[0], &officers[1]];
    bench.run(&init).expect(0);
    set_policy(&bench);
    let event = "{\"eventVersion\":\"1.08\",\"eventTime\":\"2020-03-01T10:00:00Z\",\
                 \"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"CreateUser\"}\n";
    fs::write(bench.path().join("a.ndjson"), event.repeat(3)).unwrap();
    bench.run(&["archive", "--stream", "events", "a.ndjson"]).expect(0);
    owner.put_policy(bucket, &policy(&bench));
    let begun = Instant::now();
    loop {
        let swept = run_as(&bench, "remove", &["sweep", "--duty", "remove", "--json"]).expect(0);
        if disposals(&swept) == 1 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&swept.stdout));
        sleep(Duration::from_secs(1));
    }
    let verified = run_as(&bench, "verify", &["verify", "--deep", "--json"]).expect(0);
    assert_eq!(verified.text("verdict"), "PASS");
    let status = run_as(&bench, "verify", &["status", "--json"]).expect(0);
    assert_eq!(status.number("destroyed"), 1);
}
