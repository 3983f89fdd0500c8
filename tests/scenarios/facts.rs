//! The file of facts: the same facts have the same answer, and a wrong file is refused in one line.

use strongroom_crypto::Digest;

use super::scene::{Plan, Scene, amended};

/// Holds, clock events, a lock and two policies: everything that the file can say.
fn scene() -> (Scene, Plan) {
    let plan = Plan::new("Europe/Berlin", &["us-finra-4511", "de-ao-147-buchungsbelege"]);
    let plan = plan.with("clock: event_time", "clock: {event: account_closed}");
    let mut scene = Scene::under("2026-11-20T12:00:00Z", &plan);
    scene.hold("matter-a", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    scene.clock("account_closed", "2027-02-28T23:30:00Z", "2027-03-02T00:00:00Z");
    scene.locked("2033-12-31T23:00:00Z");
    (scene, plan)
}

/// The same facts as JSON, every key in another place.
fn turned(scene: &Scene, plan: &Plan) -> String {
    assert!(scene.facts().contains("matter-a"));
    format!(
        r#"{{
  "clock_events": [{{"recorded_at": "2027-03-02T00:00:00Z", "at": "2027-02-28T23:30:00Z", "event": "account_closed"}}],
  "holds": [{{"released": "2027-01-01T00:00:00Z", "placed": "2026-12-01T00:00:00Z", "id": "matter-a"}}],
  "policies": [{{"approved": "2000-01-01T00:00:00Z", "policy": "{}"}}],
  "record": {{
    "lock_until": "2033-12-31T23:00:00Z", "stage": "live", "receive_time": "2026-11-20T12:00:00Z",
    "event_time": {{"max": "2026-11-20T12:00:00Z", "min": "2026-11-20T12:00:00Z"}}, "stream": "audit"
  }}
}}"#,
        plan.name()
    )
}

#[test]
fn the_same_facts_have_the_same_bytes() {
    let (scene, plan) = scene();
    scene.write("facts.yaml", &scene.facts());
    scene.write("turned.json", &turned(&scene, &plan));
    for at in ["2026-12-15T00:00:00Z", "2027-02-01T00:00:00Z", "2030-01-01T00:00:00Z"] {
        let first = scene.explain("facts.yaml", at).expect(0).stdout;
        assert_eq!(scene.explain("facts.yaml", at).expect(0).stdout, first);
        assert_eq!(scene.explain("turned.json", at).expect(0).stdout, first);
        // A decision that says nothing would pass all that.
        assert!(String::from_utf8(first).unwrap().contains(&format!(r#""at":"{at}""#)));
    }
    let decision = scene.decide("2030-01-01T00:00:00Z");
    decision.says(&[("keep_until", "2035-12-31T23:00:00Z"), ("state", "RETAIN")]);
}

/// Exit 2, nothing on standard output, one line that says what is wrong and one that says what to do.
fn assert_refused(scene: &Scene, facts: &str, says: &[&str]) {
    scene.write("facts.yaml", facts);
    let refused = scene.explain("facts.yaml", "2030-01-01T00:00:00Z").expect(2);
    assert!(refused.stdout.is_empty(), "{refused:?}");
    let lines: Vec<&str> = refused.stderr.lines().collect();
    let [error, next] = lines[..] else { panic!("{}", refused.stderr) };
    assert!(error.starts_with("strongroom: ") && next.starts_with("  next: "), "{lines:?}");
    for said in says {
        assert!(error.contains(said), "{said} in {error}");
    }
}

#[test]
fn a_wrong_file_of_facts_is_refused_in_one_line() {
    let (scene, plan) = scene();
    let facts = scene.facts();
    let edited = |from: &str, to: &str| {
        assert!(facts.contains(from), "{from} in {facts}");
        facts.replacen(from, to, 1)
    };
    let unknown = edited("  receive_time:", "  recieve_time:");
    assert_refused(&scene, &unknown, &["line 4 column 3", "`recieve_time`", "receive_time"]);
    let above = format!("{facts}note: all of it\n");
    assert_refused(&scene, &above, &["`note`", "clock_events"]);
    for time in ["yesterday", "2026-11-20", "2026-11-20T12:00:00", "2026-02-30T12:00:00Z"] {
        let wrong = edited("receive_time: 2026-11-20T12:00:00Z", &format!("receive_time: {time}"));
        assert_refused(
            &scene,
            &wrong,
            &["`receive_time`", &format!("`{time}`"), "2027-01-31T12:00:00Z"],
        );
    }
    let hold = edited("placed: 2026-12-01T00:00:00Z", "placed: soon");
    assert_refused(&scene, &hold, &["`placed`", "`soon`"]);
    let other = format!("sha256:{}", Digest::of(b"another policy"));
    let missing = edited(&plan.name(), &other);
    assert_refused(&scene, &missing, &["policy 1", &other, "`--policy FILE`"]);
    assert_refused(&scene, &edited(&plan.name(), "sha256:12"), &["`policy`", "`12`"]);
    assert_refused(&scene, "", &["malformed"]);
    assert_refused(&scene, "[", &["malformed"]);
}

#[test]
fn a_policy_that_pins_a_catalogue_which_is_not_given_is_refused() {
    let law = amended("us-finra-4511", "P6Y", "P7Y");
    let plan = Plan::new("UTC", &["us-finra-4511"]).under(&law);
    let mut scene = Scene::new("2026-11-20T12:00:00Z");
    scene.approve(&plan, "2000-01-01T00:00:00Z");
    assert_refused(&scene, &scene.facts(), &["policy 1", "P005", "`--catalogue`"]);
    // One more that nobody pins stands in nobody's way.
    scene.catalogue(&amended("us-finra-4511", "P6Y", "P9Y"));
    assert_refused(&scene, &scene.facts(), &["policy 1", "P005", "`--catalogue`"]);
    scene.catalogue(&law);
    let decision = scene.decide("2030-01-01T00:00:00Z");
    decision.says(&[("keep_until", "2033-11-21T00:00:00Z")]);
    decision.says(&[("governed_by.catalogue_digest", &Digest::of(law.as_bytes()).to_string())]);
    // The complaint about a rule is not hidden behind those about the catalogues that it does not pin.
    let plan = Plan(plan.0.replace("us-finra-4511", "us-finra-4512"));
    scene.approve(&plan, "2000-01-01T00:00:00Z");
    assert_refused(&scene, &scene.facts(), &["policy 2", "P015", "`us-finra-4512`"]);
}

#[test]
fn the_catalogue_that_is_printed_is_the_one_that_policies_pin() {
    let scene = Scene::new("catalogue");
    let printed = scene.run(&["policy", "regulations", "--yaml"]).expect(0).stdout;
    let digest = scene.run(&["policy", "regulations", "--json"]).expect(0).text("digest");
    assert_eq!(Digest::of(&printed).to_string(), digest);
    scene.write("own.yaml", &String::from_utf8(printed).unwrap());
    let given =
        scene.run(&["policy", "regulations", "--catalogue", "own.yaml", "--json"]).expect(0);
    assert_eq!(given.text("digest"), digest);
}

#[test]
fn people_read_what_the_json_says() {
    let (scene, _) = scene();
    scene.write("facts.yaml", &scene.facts());
    scene.explain("facts.yaml", "2027-02-01T00:00:00Z").expect(0);
    let arguments = ["policy", "explain", "--facts", "facts.yaml", "--policy", "policy-0.yaml"];
    let said = |at: &str| {
        let output = scene.run(&[&arguments[..], &["--at", at]].concat()).expect(0);
        String::from_utf8(output.stdout).unwrap()
    };
    let open = said("2027-02-01T00:00:00Z");
    for line in [
        "audit at 2027-02-01T00:00:00Z: OPEN",
        "keep until: open",
        "last hold released: 2027-01-01 Europe/Berlin (2027-01-01T00:00:00Z)",
        "  note clock_not_started: the event that starts it is not recorded",
    ] {
        assert!(open.lines().any(|said| said == line), "{line} in\n{open}");
    }
    let closed = said("2030-01-01T00:00:00Z");
    assert!(
        closed.contains("keep until: 2036-01-01 Europe/Berlin (2035-12-31T23:00:00Z)"),
        "{closed}"
    );
    // Before the record was made its period ends further ahead than `max_lock` lets a lock.
    let early = "2019-01-01T00:00:00Z";
    let mut scene = Scene::under("2026-11-20T12:00:00Z", &Plan::new("UTC", &["us-finra-4511"]));
    scene.locked("2020-01-01T00:00:00Z");
    scene.write("facts.yaml", &scene.facts());
    scene.decide(early).says(&[("lock_capped", "true"), ("lock_until", "2031-01-02T00:00:00Z")]);
    let capped = scene.run(&[&arguments[..], &["--at", early]].concat()).expect(0);
    let capped = String::from_utf8(capped.stdout).unwrap();
    assert!(capped.contains("the lock ends early, at the policy's `max_lock`"), "{capped}");
    let nothing = scene.run(&["policy", "explain"]).expect(2);
    assert!(nothing.stderr.contains("`--facts FILE`, or `--period`"), "{}", nothing.stderr);
}
