//! Scenario 12: one law keeps what another wants gone.

use super::scene::{Plan, Scene, codes};

const NYDFS: &str = "us-nydfs-500-06-cyber";
const GDPR: &str = "eu-gdpr-5-1-e";
const EVENT: &str = "2026-05-04T06:00:00Z";
const KEEP: &str = "2029-05-04T22:00:00Z";
const GO: &str = "2027-05-04T22:00:00Z";

fn limited(period: &str, decision: &str) -> String {
    format!("{GDPR}, set_max: {period}, rationale: the controller's own{decision}")
}

#[test]
fn scenario_12_check_refuses_what_cannot_be_kept() {
    let plan = Plan::new("Europe/Paris", &[NYDFS, &limited("P1Y", "")]);
    let checked = plan.check().expect(2).json();
    assert_eq!(codes(&checked, "complaints"), ["C3", "C1"]);
    // Nor does a decision rest on it.
    let mut scene = Scene::new(EVENT);
    scene.approve(&plan, "2000-01-01T00:00:00Z");
    scene.write("facts.yaml", &scene.facts());
    let refused = scene.explain("facts.yaml", GO).expect(2);
    assert!(
        refused.stderr.contains("policy 1 of the file of facts") && refused.stderr.contains("C3")
    );
}

/// What passes the check, because both periods might start on one day, and crosses for this record: its account was
/// closed three years after its purpose ended.
#[test]
fn scenario_12_history_may_force_it() {
    const ACCOUNTS: &str = "us-sec-17a-4-c";
    const KEEP: &str = "2035-05-04T22:00:00Z";
    const GO: &str = "2033-05-04T22:00:00Z";
    let decision =
        ", decision: {code: C3, resolve: keep, approved_by: [dpo, legal], review_by: 2999-12-31}";
    let plan = Plan::new("Europe/Paris", &[ACCOUNTS, &limited("P7Y", decision)]);
    let plan = plan.with("clock: event_time", "clock: {event: purpose_ended}");
    let mut scene = Scene::under(EVENT, &plan);
    scene.clock("purpose_ended", EVENT, "2026-05-04T08:00:00Z");
    scene.clock("account_closed", "2029-05-04T06:00:00Z", "2029-05-04T08:00:00Z");
    let before = scene.decide("2033-05-04T21:59:59Z");
    before.stands("RETAIN", &["BLOCKED"]).says(&[("keep_until", KEEP), ("must_go_by", GO)]);
    let after = scene.decide(GO);
    after.stands("RETAIN", &["BLOCKED", "OVERDUE"]);
    after.says(&[("keep_until", KEEP), ("must_go_by", GO), ("deciding_rule", ACCOUNTS)]);
    after.says(&[("eligible_at", KEEP), ("lock_until", KEEP)]);
    assert_eq!(after.rule(GDPR).notes(), [format!("C1 {ACCOUNTS}"), format!("C3 {ACCOUNTS}")]);
    // Never by itself: an approval of that day is void.
    scene.approved(GO, &plan);
    scene.decide("2034-01-01T00:00:00Z").stands("RETAIN", &["BLOCKED", "OVERDUE"]);
    // Once the minimum is over nothing is in conflict, and it is late.
    scene.decide(KEEP).stands("IN_REVIEW", &["OVERDUE"]);
}

#[test]
fn scenario_12_a_recommendation_is_advice_only() {
    let cnil = "fr-cnil-logging";
    let plan = Plan::new("Europe/Paris", &[NYDFS, cnil]);
    assert_eq!(plan.passes(), ["A2"]);
    let advised = Scene::under(EVENT, &plan).decide(GO);
    advised.stands("RETAIN", &[]).says(&[("keep_until", KEEP), ("must_go_by", "-")]);
    assert_eq!(advised.rule(cnil).notes(), ["advice_only"]);
    advised.rule(cnil).says(&[("max.until", GO)]);
}

#[test]
fn scenario_12_a_decision_resolves_it() {
    let decision =
        ", decision: {code: C1, resolve: keep, approved_by: [dpo, legal], review_by: 2999-12-31}";
    let plan = Plan::new("Europe/Paris", &[NYDFS, &limited("P1Y", decision)]);
    let resolved = Scene::under(EVENT, &plan).decide(GO);
    resolved.stands("RETAIN", &[]).says(&[("keep_until", KEEP), ("must_go_by", "-")]);
    assert_eq!(resolved.rule(GDPR).notes(), [format!("C3 {NYDFS}"), format!("decided {NYDFS}")]);
}
