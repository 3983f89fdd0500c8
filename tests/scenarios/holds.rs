//! Scenarios 8 and 9: holds against the end of a period and against an approval.

use super::scene::{Plan, Scene};

#[test]
fn scenario_8_overlapping_holds() {
    let mut scene = Scene::under("2023-06-30T08:00:00Z", &Plan::new("UTC", &["us-sec-17a-4-b"]));
    scene.hold("matter-a", "2026-05-01T09:00:00Z", "2026-08-15T10:00:00Z");
    // Placed after the period was over.
    scene.hold("matter-b", "2026-07-20T12:00:00Z", "2027-02-10T16:30:00Z");
    let (keep, released) = ("2026-07-01T00:00:00Z", "2027-02-10T16:30:00Z");
    for (at, standing) in [
        ("2026-06-01T00:00:00Z", &["matter-a"][..]),
        ("2026-08-01T00:00:00Z", &["matter-a", "matter-b"]),
        ("2026-08-15T10:00:01Z", &["matter-b"]),
        ("2027-02-10T16:29:59Z", &["matter-b"]),
    ] {
        let held = scene.decide(at);
        assert_eq!(held.holds(), standing, "{at}");
        held.stands("RETAIN", &["HELD"]).says(&[("eligible_at", "-"), ("destroyable_from", "-")]);
        held.ends("keep_until", keep, &["2027-02-10T16:30:00Z", "2026-07-31"]);
        held.says(&[("deciding_rule", "us-sec-17a-4-b")]);
    }
    let free = scene.decide(released);
    assert_eq!(free.holds(), [""; 0]);
    free.stands("ELIGIBLE", &[]).says(&[("eligible_at", released), ("keep_until", keep)]);
    free.ends("destroyable_from", "2027-03-13T00:00:00Z", &["2026-07-31", "2026-08-01"]);
}

/// Forty segments of one day.
fn segments() -> impl Iterator<Item = String> {
    (0..40).map(|nth| format!("2025-12-31T{:02}:{:02}:00Z", 4 + nth / 2, nth % 2 * 30))
}

#[test]
fn scenario_9_a_hold_races_an_approved_disposal() {
    let plan = Plan::new("UTC", &["us-cjis-au-11"]);
    // It is not for its age that an approval counts no more.
    let plan = plan.with("lock: compliance", "lock: compliance\n    grace: P14D");
    let plan = plan.with("legal]", "legal]\n    approval_ttl: P1Y");
    plan.passes();
    let (eligible, graced) = ("2027-01-01T00:00:00Z", "2027-01-16T00:00:00Z");
    for (nth, event) in segments().enumerate() {
        let is_held = nth == 7;
        let mut scene = Scene::new(&event);
        scene.approve(&plan, "2000-01-01T00:00:00Z");
        scene.stage("in_review");
        scene.decide(eligible).stands("IN_REVIEW", &[]).says(&[("keep_until", eligible)]);
        scene.approved("2027-01-10T09:00:00Z", &plan);
        if is_held {
            scene.hold("matter-c", "2027-01-15T23:59:59Z", "2027-03-31T12:00:00Z");
        }
        let before = scene.decide("2027-01-15T23:59:58Z");
        before.stands("APPROVED", &[]).says(&[("eligible_at", eligible)]);
        before.says(&[("destroyable_from", graced)]);
        let racing = scene.decide("2027-01-16T00:00:05Z");
        racing.says(&[("keep_until", eligible), ("deciding_rule", "us-cjis-au-11")]);
        if !is_held {
            // What one segment's facts say: that the batch is not the approved one any more is told of the batch.
            racing.stands("APPROVED", &[]).says(&[("destroyable_from", graced)]);
            continue;
        }
        racing.stands("RETAIN", &["HELD"]).says(&[("destroyable_from", "-"), ("eligible_at", "-")]);
        // Released: the old approval counts no more, even when the new grace is over.
        for at in ["2027-03-31T12:00:00Z", "2027-04-15T00:00:00Z"] {
            let released = scene.decide(at);
            released.stands("IN_REVIEW", &[]).says(&[("eligible_at", "2027-03-31T12:00:00Z")]);
            released.ends("destroyable_from", "2027-04-15T00:00:00Z", &[graced]);
        }
        scene.approved("2027-04-02T09:00:00Z", &plan);
        let fresh = scene.decide("2027-04-15T00:00:00Z");
        fresh.stands("APPROVED", &[]).says(&[("destroyable_from", "2027-04-15T00:00:00Z")]);
    }
}
