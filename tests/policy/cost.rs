//! What a plan says that a policy costs, against what the sweep then locks.

use std::collections::BTreeMap;
use std::fs;

use strongroom_crypto::json::Value;

use crate::office::{Lock, Office, Stream};
use crate::{DONE, INPUT};

/// The price of a GB for a month, and of 1,000 puts and gets: such that bytes cost something.
const PRICES: &str = "version: 1\ncurrency: EUR\nstorage: {STANDARD: 1000000}\n\
                      requests: {put: 10, get: 1}\n";
/// In millionths.
const STORAGE: u128 = 1_000_000_000_000;
/// Byte-seconds of a GB for a twelfth of 365.25 days.
const GB_MONTH: u128 = 1_000_000_000 * 2_629_800;

fn priced() -> Office {
    let office = Office::new();
    fs::write(office.path().join("prices.yaml"), PRICES).unwrap();
    office
}

fn plan(office: &Office, version: u64, prices: &str, more: &[&str]) -> crate::office::Said {
    let (policy, plan) = (format!("policy-{version}.yaml"), format!("plan-{version}"));
    let command = ["policy", "plan", &policy, "-o", &plan, "--prices", prices];
    office.run(&[&command[..], more].concat())
}

fn micros(cost: &Value, name: &str) -> u128 {
    let Value::Object(cost) = cost else { panic!("{cost:?}") };
    let Some(Value::Text(amount)) = cost.get(name) else { panic!("{cost:?}") };
    amount.replace('.', "").parse().unwrap()
}

/// What a sweep moved: the objects, their bytes, and their bytes times the seconds that were added. The
/// claims of the sweep before wait for their date under the old policy: it is that of the others.
fn moved(office: &Office, before: &BTreeMap<String, Lock>) -> (u64, u64, u128) {
    let proofs = before.iter().filter(|(name, _)| name.starts_with("log/"));
    let proofs = proofs.map(|(_, lock)| lock.1).max().unwrap();
    let (mut objects, mut bytes, mut byte_seconds) = (0, 0, 0);
    for (name, (_, until)) in office.locks("") {
        let is_document = ["policies/", "catalogues/"].iter().any(|place| name.starts_with(place));
        let Some((_, earlier)) = before.get(&name).filter(|_| !is_document) else { continue };
        let earlier = if name.starts_with("log/") { &proofs } else { earlier };
        let seconds = u128::try_from(until.duration_since(*earlier).as_secs()).unwrap();
        if seconds > 0 {
            let length = fs::metadata(office.path().join("store").join(&name)).unwrap().len();
            objects += 1;
            bytes += length;
            byte_seconds += u128::from(length) * seconds;
        }
    }
    (objects, bytes, byte_seconds)
}

#[test]
fn a_plan_says_what_the_locks_cost_that_the_sweep_then_moves() {
    let office = priced();
    for name in ["a", "b"] {
        office.archive(name, 20);
    }
    office.in_force(1, &[Stream::governance("P1Y")]);
    office.sweep();
    let before = office.locks("");
    office.plan(2, &[Stream::governance("P3Y")]).expect(DONE);
    let said = plan(&office, 2, "prices.yaml", &["--json"]).expect(DONE);
    let (cost, longer) = (said.member("cost"), said.member("kept_longer"));
    // What came meanwhile changes nothing of it.
    office.archive("c", 2);
    office.approve_both(2);
    office.apply(2, &[]).expect(DONE);
    office.sweep();
    let (objects, bytes, byte_seconds) = moved(&office, &before);
    let Value::Object(longer) = longer else { panic!("{longer:?}") };
    assert_eq!(longer.get("objects"), Some(&Value::from(objects)));
    assert_eq!(longer.get("bytes"), Some(&Value::from(bytes)));
    let storage = (byte_seconds * STORAGE).div_ceil(GB_MONTH);
    assert_eq!(micros(&cost, "storage"), storage);
    // One put and two gets for each: 12 for 1,000.
    let requests = u128::from(objects) * 12_000;
    assert_eq!(micros(&cost, "requests"), requests);
    assert_eq!(micros(&cost, "total"), storage + requests);
}

#[test]
fn a_plan_says_in_words_what_it_means() {
    let office = priced();
    office.archive("a", 3);
    let gdpr = "{reg: eu-gdpr-5-1-e, set_max: P6M, rationale: as the test says, decision: \
                {code: C1, resolve: keep, approved_by: [dpo, legal], review_by: 2099-01-01}}";
    office.plan(1, &[Stream::governance("P1Y").citing(gdpr)]).expect(DONE);
    let said = plan(&office, 1, "prices.yaml", &[]).expect(DONE);
    let shown = String::from_utf8(said.output.stdout).unwrap();
    for words in [
        "conflict    C1 in stream rule app: `eu-gdpr-5-1-e` gives way, as dpo and legal decided; \
         to be looked at again by 2099-01-01",
        "irreversible  no lock",
        " kept longer: ",
        " EUR, of that ",
        "follows the policy too, and is not counted here",
    ] {
        assert!(shown.contains(words), "{words} in\n{shown}");
    }
    // Who approves reads the same.
    let approved = String::from_utf8(office.approve(1, "ann", "ann").expect(DONE).output.stdout);
    let approved = approved.unwrap();
    let (plan_shown, _) = shown.split_once("next ").unwrap();
    assert!(approved.starts_with(plan_shown), "{approved}\n{shown}");
}

#[test]
fn prices_that_cannot_be_used_are_refused() {
    let office = priced();
    office.write_policy(1, crate::office::today(), &[Stream::governance("P1Y")]);
    let cold = PRICES.replace("STANDARD", "COLD");
    fs::write(office.path().join("cold.yaml"), cold).unwrap();
    plan(&office, 1, "cold.yaml", &[]).refused("no storage class `STANDARD`, only COLD");
    let missing = plan(&office, 1, "nowhere.yaml", &[]).output.expect(INPUT);
    assert!(missing.stderr.contains("cannot read `nowhere.yaml`"), "{}", missing.stderr);
}

#[test]
fn a_plan_that_leaves_segments_out_is_not_signed() {
    let office = Office::with_settling("PT4S");
    office.archive("a", 3);
    std::thread::sleep(std::time::Duration::from_secs(2));
    office.plan(1, &[Stream::compliance("P1Y")]).expect(DONE);
    let path = office.path().join("plan-1");
    let text = fs::read_to_string(&path).unwrap();
    let (head, tail) = text.split_once("\"size\":").unwrap();
    let (_, tail) = tail.split_once(',').unwrap();
    fs::write(&path, format!("{head}\"size\":1,{tail}")).unwrap();
    office.approve(1, "ann", "ann").refused("the plan leaves out what was sealed before it");
    fs::write(&path, format!("{head}\"size\":9007199254740991,{tail}")).unwrap();
    office.approve(1, "ann", "ann").refused("entries that this log does not have");
}
