//! Scenarios 1 to 5: how a period is counted.

use super::scene::{Plan, Scene};

/// `policy explain` without a policy: only the counting.
fn counted(period: &str, zone: &str, event: &str, more: &[&str]) -> String {
    let plain = ["--period", period, "--zone", zone, "--event-time", event, "--json"];
    let arguments = [&["policy", "explain"][..], &plain, more].concat();
    Scene::new(event).run(&arguments).expect(0).text("keep_until")
}

#[test]
fn scenario_1_leap_day() {
    let (event, right) = ("2024-02-29T14:30:00Z", "2030-03-01T00:00:00Z");
    assert_eq!(counted("P6Y", "UTC", event, &[]), right);
    assert_eq!(counted("P72M", "UTC", event, &[]), right);
    let scene = Scene::under(event, &Plan::new("UTC", &["us-finra-4511"]));
    let wrong = ["2030-02-27", "2030-02-28"];
    let before = scene.decide("2030-02-28T23:59:59Z");
    before.says(&[("keep_until", right), ("deciding_rule", "us-finra-4511")]).stands("RETAIN", &[]);
    let young = scene.decide("2024-03-01T00:00:00Z");
    young.ends("keep_until", right, &wrong).ends("lock_until", right, &wrong).stands("RETAIN", &[]);
    let after = scene.decide(right);
    after.ends("eligible_at", right, &wrong).stands("ELIGIBLE", &[]);
    after.ends("destroyable_from", "2030-04-01T00:00:00Z", &["2030-03-31T00:00:00Z"]);
}

#[test]
fn scenario_2_a_year_across_a_leap_day_and_fast_access() {
    let (event, right) = ("2027-03-01T09:00:00Z", "2028-03-02T00:00:00Z");
    assert_eq!(counted("P12M", "UTC", event, &[]), right);
    assert_eq!(counted("P3M", "UTC", event, &[]), "2027-06-02T00:00:00Z");
    let plan = Plan::new("UTC", &["pci-dss-10-5-1"]);
    let decision = Scene::under(event, &plan).decide("2027-03-02T00:00:00Z");
    decision.ends("keep_until", right, &["2028-02-29"]).stands("RETAIN", &[]);
    decision.ends("fast_until", "2027-06-02T00:00:00Z", &["2027-05-30"]);
    decision.says(&[("deciding_rule", "pci-dss-10-5-1"), ("immutability", "tamper_evident")]);
}

#[test]
fn scenario_3_the_zone_moves_the_day() {
    let event = "2027-08-31T22:30:00Z";
    for (zone, date, right, other) in [
        ("Europe/Brussels", "2027-09-01", "2028-03-01T23:00:00Z", "2028-03-01T00:00:00Z"),
        ("UTC", "2027-08-31", "2028-03-01T00:00:00Z", "2028-03-01T23:00:00Z"),
    ] {
        assert_eq!(counted("P6M", zone, event, &[]), right);
        let scene = Scene::under(event, &Plan::new(zone, &["eu-ai-act-19-26"]));
        let decision = scene.decide("2027-09-01T00:00:00Z");
        decision.ends("keep_until", right, &[other, "2028-03-02", "2028-03-03"]);
        decision.says(&[("deciding_rule", "eu-ai-act-19-26")]).stands("RETAIN", &[]);
        decision.rule("eu-ai-act-19-26").says(&[("min.date", date), ("min.until", right)]);
    }
}

#[test]
fn scenario_4_the_year_ends_where_the_books_are_kept() {
    let (event, right) = ("2025-12-31T23:30:00Z", "2034-12-31T23:00:00Z");
    assert_eq!(counted("P8Y", "Europe/Berlin", event, &["--cutoff", "year"]), right);
    let plain = counted("P8Y", "Europe/Berlin", event, &[]);
    assert_eq!(plain, "2034-01-01T23:00:00Z");
    let fiscal = ["--cutoff", "fiscal", "--fiscal-year-end", "12-31"];
    assert_eq!(counted("P8Y", "Europe/Berlin", event, &fiscal), right);
    let scene = Scene::under(event, &Plan::new("Europe/Berlin", &["de-ao-147-buchungsbelege"]));
    let decision = scene.decide("2026-01-02T00:00:00Z");
    let wrong = ["2034-01-01", "2034-01-02", "2033-12-31"];
    decision.ends("keep_until", right, &wrong).stands("RETAIN", &[]);
    decision.says(&[("deciding_rule", "de-ao-147-buchungsbelege")]);
    let rule = decision.rule("de-ao-147-buchungsbelege");
    rule.says(&[("min.date", "2026-01-01"), ("min.cut_off", "2026-12-31"), ("min.period", "P8Y")]);
}

#[test]
fn scenario_5_four_rules_on_one_record() {
    let rules = ["pci-dss-10-5-1", "us-sec-17a-4-b", "us-nydfs-500-06-cyber", "us-finra-4511"];
    let mut turned = rules;
    turned.reverse();
    for order in [rules, turned] {
        let plan = Plan::new("America/New_York", &order);
        let decision = Scene::under("2026-11-20T12:00:00Z", &plan).decide("2026-11-21T00:00:00Z");
        let right = "2032-11-21T05:00:00Z";
        decision.says(&[("keep_until", right), ("lock_until", right)]).stands("RETAIN", &[]);
        decision
            .says(&[("deciding_rule", "us-finra-4511"), ("immutability", "worm_or_audit_trail")]);
        // From 17a-4, not from the deciding rule, which has none, nor the three months of the first.
        decision.says(&[("fast_until", "2028-11-21T05:00:00Z")]);
        for (reg, until, fast) in [
            ("pci-dss-10-5-1", "2027-11-21T05:00:00Z", "2027-02-21T05:00:00Z"),
            ("us-sec-17a-4-b", "2029-11-21T05:00:00Z", "2028-11-21T05:00:00Z"),
            ("us-nydfs-500-06-cyber", "2029-11-21T05:00:00Z", "-"),
            ("us-finra-4511", right, "-"),
        ] {
            let rule = decision.rule(reg);
            rule.says(&[("min.until", until), ("fast_until", fast), ("weight", "binding")]);
        }
    }
}
