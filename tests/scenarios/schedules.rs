//! Scenarios 10 and 11: a schedule that becomes shorter, and one that becomes longer.

use super::scene::{FAR, Plan, Scene, amended};

/// A rule under the law before and, from a day on, under the program's catalogue.
struct Change {
    catalogue: String,
    old: Plan,
    new: Plan,
    approved: &'static str,
}

impl Change {
    fn scene(&self, event: &str) -> Scene {
        let mut scene = Scene::new(event);
        scene.catalogue(&self.catalogue);
        // The order of the policies in the file of facts means nothing.
        scene.approve(&self.new, self.approved);
        scene.approve(&self.old, "2000-01-01T00:00:00Z");
        scene
    }

    /// Both could be approved, one after the other.
    fn passes(&self) {
        let scene = Scene::new("change");
        scene.write("law.yaml", &self.catalogue);
        scene.write("old.yaml", &self.old.0);
        let begins = self.new.0.lines().find(|line| line.contains("effective: ")).unwrap();
        scene.write("new.yaml", &self.new.with(begins, &format!("  effective: {FAR}")).0);
        let check = |more: &[&str]| {
            let output = scene.run(&[&["policy", "check", "new.yaml"][..], more].concat());
            (output.code, output.stderr)
        };
        let previous = ["--previous", "old.yaml"];
        assert_eq!(check(&[&previous[..], &["--catalogue", "law.yaml"]].concat()).0, 0);
        // The law of the policy before is not at hand.
        let (code, error) = check(&previous);
        assert!(code == 2 && error.contains("P005") && error.contains("`--catalogue`"), "{error}");
    }
}

/// Invoices under ten years, and from 2025 under eight.
fn invoices() -> Change {
    let reg = "de-ao-147-buchungsbelege";
    let catalogue = amended(reg, "P8Y", "P10Y");
    let plan = Plan::new("Europe/Berlin", &[reg]);
    let old = plan.under(&catalogue);
    let new = plan.after(&old, "2025-01-01");
    let new = new.with("transition: current", "transition: unexpired_on_effective_date");
    Change { catalogue, old, new, approved: "2024-11-01T00:00:00Z" }
}

#[test]
fn scenario_10_a_shorter_schedule_shortens_no_lock() {
    let change = invoices();
    change.passes();
    let (reg, locked) = ("de-ao-147-buchungsbelege", "2029-12-31T23:00:00Z");
    let mut scene = change.scene("2019-05-10T09:00:00Z");
    let old = scene.decide("2024-10-01T00:00:00Z");
    old.says(&[("keep_until", locked), ("lock_until", locked), ("deciding_rule", reg)]);
    old.says(&[("governed_by.version", "1"), ("governed_by.policy_digest", &change.old.digest())]);
    scene.locked(locked);
    let new = scene.decide("2026-01-01T00:00:00Z");
    new.says(&[("keep_until", "2027-12-31T23:00:00Z"), ("deciding_rule", reg)]);
    new.says(&[("governed_by.version", "2"), ("lock_until", locked)]).stands("RETAIN", &[]);
    new.says(&[("locked_beyond_schedule.days", "731"), ("locked_beyond_schedule.until", locked)]);
    // Not as if it could go in 2028.
    for at in ["2027-12-31T23:00:00Z", "2028-06-01T00:00:00Z", "2029-12-31T22:59:59Z"] {
        scene.decide(at).stands("RETAIN", &[]).says(&[("eligible_at", locked)]);
    }
    let over = scene.decide(locked);
    over.stands("ELIGIBLE", &[]).says(&[("destroyable_from", "2030-01-31T23:00:00Z")]);
    let fresh = change.scene("2027-05-10T09:00:00Z").decide("2027-05-11T00:00:00Z");
    fresh.ends("keep_until", "2035-12-31T23:00:00Z", &["2037-12-31"]);
    // What had expired by the old schedule stays expired by it.
    let expired = change.scene("2014-05-10T09:00:00Z").decide("2026-01-01T00:00:00Z");
    expired.says(&[("governed_by.version", "1"), ("keep_until", "2024-12-31T23:00:00Z")]);
}

/// Five years, and from 2025-03-12 ten.
fn sanctions(grace: &str) -> Change {
    let reg = "us-ofac-501-601";
    let catalogue = amended(reg, "P10Y", "P5Y");
    let plan = Plan::new("America/New_York", &[reg]);
    let plan = plan.with("max_lock: P12Y", &format!("max_lock: P12Y\n  grace: {grace}"));
    let old = plan.under(&catalogue);
    let new = plan.after(&old, "2025-03-12");
    Change { catalogue, old, new, approved: "2025-02-01T00:00:00Z" }
}

#[test]
fn scenario_11a_a_longer_rule_moves_locks_before_it_takes_effect() {
    let change = sanctions("P30D");
    change.passes();
    let (short, long) = ("2025-03-16T04:00:00Z", "2030-03-16T04:00:00Z");
    let mut scene = change.scene("2020-03-15T15:00:00Z");
    let before = scene.decide("2025-01-31T00:00:00Z");
    before.ends("lock_until", short, &[long]).says(&[("keep_until", short)]);
    scene.locked(short);
    // Approved and not yet in effect: the lock moves, the date does not.
    let approved = scene.decide("2025-03-11T00:00:00Z");
    approved.says(&[("lock_until", long), ("keep_until", short), ("governed_by.version", "1")]);
    scene.locked(long);
    let after = scene.decide("2025-03-16T04:00:01Z");
    after.says(&[("keep_until", long), ("governed_by.version", "2"), ("eligible_at", long)]);
    after.says(&[("locked_beyond_schedule", "-"), ("deciding_rule", "us-ofac-501-601")]);
    after.ends("lock_until", long, &[short]).stands("RETAIN", &[]);
}

#[test]
fn scenario_11b_a_longer_rule_takes_back_what_is_in_its_grace() {
    let change = sanctions("P30D");
    let mut scene = change.scene("2020-03-10T15:00:00Z");
    let short = "2025-03-11T04:00:00Z";
    let eligible = scene.decide(short);
    eligible.stands("ELIGIBLE", &[]).says(&[("eligible_at", short)]);
    eligible.says(&[("destroyable_from", "2025-04-11T04:00:00Z")]);
    scene.approved("2025-03-11T10:00:00Z", &change.old);
    scene.decide("2025-03-12T03:59:59Z").stands("APPROVED", &[]);
    for at in ["2025-03-12T04:00:00Z", "2025-04-11T04:00:00Z"] {
        let back = scene.decide(at);
        back.ends("keep_until", "2030-03-11T04:00:00Z", &[short]).stands("RETAIN", &[]);
        back.says(&[("governed_by.version", "2")]);
    }
    // Years later, too, the approval under the policy before counts no more.
    scene.decide("2030-03-11T04:00:00Z").stands("IN_REVIEW", &[]);
}

#[test]
fn scenario_11b_without_grace_it_went_under_the_old_schedule() {
    let change = sanctions("P0D");
    let mut scene = change.scene("2020-03-10T15:00:00Z");
    scene.approved("2025-03-11T10:00:00Z", &change.old);
    let approved = scene.decide("2025-03-11T10:00:00Z");
    approved.stands("APPROVED", &[]).says(&[("destroyable_from", "2025-03-11T04:00:00Z")]);
    approved.says(&[("governed_by.policy_digest", &change.old.digest())]);
    scene.stage("destroyed");
    scene.decide("2026-01-01T00:00:00Z").stands("DESTROYED", &[]);
}
