//! Scenarios 6 and 7: periods that an event starts long after the record was made.

use super::scene::{Plan, Scene};

#[test]
fn scenario_6_the_last_effective_date() {
    let plan = Plan::new("America/New_York", &["us-hipaa-164-316"]);
    let plan = plan.with("clock: event_time", "clock: {event: last_in_effect}");
    let mut scene = Scene::under("2019-01-15T10:00:00Z", &plan);
    let wrong = ["2025-01-16", "2025-01-15"];
    for at in ["2024-02-01T00:00:00Z", "2025-01-16T05:00:00Z"] {
        let open = scene.decide(at);
        open.stands("OPEN", &[]).says(&[("keep_until", "OPEN"), ("lock_until", "-")]);
        open.says(&[("eligible_at", "-"), ("destroyable_from", "-")]);
        assert_eq!(open.rule("us-hipaa-164-316").notes(), ["clock_not_started"]);
    }
    scene.clock("last_in_effect", "2024-02-29T17:00:00Z", "2024-03-01T09:00:00Z");
    let before = scene.decide("2024-02-01T00:00:00Z");
    before.ends("keep_until", "OPEN", &wrong).stands("OPEN", &[]);
    let right = "2030-03-01T05:00:00Z";
    let superseded = scene.decide("2025-01-20T00:00:00Z");
    superseded.ends("keep_until", right, &wrong).ends("lock_until", right, &wrong);
    superseded.says(&[("deciding_rule", "us-hipaa-164-316")]).stands("RETAIN", &[]);
    scene.decide("2030-03-01T04:59:59Z").stands("RETAIN", &[]);
    scene.decide(right).stands("ELIGIBLE", &[]);
}

#[test]
fn scenario_7_an_account_is_closed_twice_and_reopened() {
    for reg in ["us-finra-4511", "us-sec-17a-4-c"] {
        let plan = Plan::new("America/New_York", &[reg]);
        let plan = plan.with("clock: event_time", "clock: {event: account_closed}");
        let mut scene = Scene::under("2027-01-15T10:00:00Z", &plan);
        scene.decide("2027-02-01T00:00:00Z").stands("OPEN", &[]).says(&[("keep_until", "OPEN")]);
        // The 29th of February in New York, and a day later in UTC.
        scene.clock("account_closed", "2028-03-01T01:00:00Z", "2028-03-01T02:00:00Z");
        let closed = scene.decide("2028-05-01T00:00:00Z");
        closed.ends("keep_until", "2034-03-01T05:00:00Z", &["2034-03-02"]).stands("RETAIN", &[]);
        closed.says(&[("deciding_rule", reg)]).rule(reg).says(&[("min.date", "2028-02-29")]);
        scene.clock("account_closed", "2028-06-01T12:00:00Z", "2028-06-02T00:00:00Z");
        let again = scene.decide("2028-07-01T00:00:00Z");
        again.ends("keep_until", "2034-06-02T04:00:00Z", &["2034-03-01", "2034-03-02"]);
        scene.reopen("account_closed", "2028-08-01T12:00:00Z", "2028-08-01T13:00:00Z");
        let open = scene.decide("2035-01-01T00:00:00Z");
        open.ends("keep_until", "OPEN", &["2034-03-01", "2034-03-02", "2034-06-02"]);
        open.stands("OPEN", &[]).says(&[("eligible_at", "-")]);
        assert_eq!(open.rule(reg).notes(), ["clock_not_started"]);
    }
}
