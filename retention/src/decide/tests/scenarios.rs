//! The twelve scenarios with their instants, and without the wrong ones.

use super::*;

#[test]
fn scenario_1_leap_day() {
    let scene = Scene::new("2024-02-29T14:30:00Z", policy("UTC", vec![cite("us-finra-4511")]));
    let wrong = ["2030-02-27T14:30:00Z", "2030-02-28T14:30:00Z"];
    let decision = scene.decide("2024-03-01T00:00:00Z");
    assert_keeps(&decision, "2030-03-01T00:00:00Z", &wrong);
    assert_eq!(decision.state, State::Retain);
    assert_eq!(scene.decide("2030-02-28T23:59:59Z").state, State::Retain);
    assert_eq!(scene.decide("2030-03-01T00:00:00Z").state, State::Eligible);
}

#[test]
fn scenario_2_a_year_across_a_leap_day_and_fast_access() {
    let scene = Scene::new("2027-03-01T09:00:00Z", policy("UTC", vec![cite("pci-dss-10-5-1")]));
    let decision = scene.decide("2027-03-02T00:00:00Z");
    assert_keeps(&decision, "2028-03-02T00:00:00Z", &["2028-02-29T09:00:00Z"]);
    assert_eq!(decision.fast_until, Some(until("2027-06-02T00:00:00Z")));
    assert_ne!(decision.fast_until, Some(until("2027-05-30T00:00:00Z")));
}

#[test]
fn scenario_3_the_zone_moves_the_day() {
    let keeps = |zone| {
        let scene = Scene::new("2027-08-31T22:30:00Z", policy(zone, vec![cite("eu-ai-act-19-26")]));
        scene.decide("2027-09-01T00:00:00Z")
    };
    let (brussels, utc) = (keeps("Europe/Brussels"), keeps("UTC"));
    assert_keeps(&brussels, "2028-03-01T23:00:00Z", &["2028-03-02T00:00:00Z"]);
    assert_keeps(&utc, "2028-03-01T00:00:00Z", &["2028-03-02T00:00:00Z", "2028-03-03T00:00:00Z"]);
    assert_ne!(brussels.keep_until, utc.keep_until);
}

#[test]
fn scenario_4_the_year_ends_where_the_books_are_kept() {
    let plan = policy("Europe/Berlin", vec![cite("de-ao-147-buchungsbelege")]);
    let decision = Scene::new("2025-12-31T23:30:00Z", plan).decide("2026-01-02T00:00:00Z");
    let wrong = ["2034-01-01T00:00:00Z", "2033-12-31T23:00:00Z"];
    assert_keeps(&decision, "2034-12-31T23:00:00Z", &wrong);
    let min = decision.rules[0].min.as_ref().unwrap();
    assert_eq!(min.date, Some("2026-01-01".parse().unwrap()));
    assert_eq!(min.cut_off, Some("2026-12-31".parse().unwrap()));
}

#[test]
fn scenario_5_four_rules_on_one_record() {
    let regs = ["pci-dss-10-5-1", "us-sec-17a-4-b", "us-nydfs-500-06-cyber", "us-finra-4511"];
    let plan = policy("America/New_York", regs.map(cite).to_vec());
    let decision = Scene::new("2026-11-20T12:00:00Z", plan).decide("2026-11-21T00:00:00Z");
    let wrong = ["2027-11-21T05:00:00Z", "2029-11-21T05:00:00Z"];
    assert_keeps(&decision, "2032-11-21T05:00:00Z", &wrong);
    assert_eq!(decision.deciding_rule.as_deref(), Some("us-finra-4511"));
    assert_eq!(decision.fast_until, Some(until("2028-11-21T05:00:00Z")));
    assert_ne!(decision.fast_until, None);
    assert_ne!(decision.fast_until, Some(until("2027-02-21T05:00:00Z")));
    assert_eq!(decision.immutability, Immutability::WormOrAuditTrail);
    assert_eq!(decision.rules.len(), 4);
}

#[test]
fn scenario_6_the_last_effective_date() {
    let mut plan = policy("America/New_York", vec![cite("us-hipaa-164-316")]);
    plan.streams[0].clock = Clock::Event("last_in_effect".to_owned());
    let mut scene = Scene::new("2019-01-15T10:00:00Z", plan);
    scene.clock("last_in_effect", "2024-02-29T17:00:00Z", "2024-03-01T09:00:00Z");
    for now in ["2024-02-01T00:00:00Z", "2019-02-01T00:00:00Z"] {
        let open = scene.decide(now);
        assert_eq!((open.keep_until, open.state), (KeepUntil::Open, State::Open));
        assert_eq!((open.eligible_at, open.destroyable_from), (None, None));
        assert_eq!(notes(&open, "us-hipaa-164-316"), ["clock_not_started -"]);
    }
    let decision = scene.decide("2025-01-16T05:00:00Z");
    assert_keeps(&decision, "2030-03-01T05:00:00Z", &["2025-01-16T05:00:00Z"]);
    assert_eq!(decision.state, State::Retain);
}

#[test]
fn scenario_7_an_account_is_closed_twice_and_reopened() {
    for reg in ["us-finra-4511", "us-sec-17a-4-c"] {
        let mut plan = policy("America/New_York", vec![cite(reg)]);
        plan.streams[0].clock = Clock::Event("account_closed".to_owned());
        let mut scene = Scene::new("2027-01-15T10:00:00Z", plan);
        scene.clock("account_closed", "2028-03-01T01:00:00Z", "2028-03-01T02:00:00Z");
        let decision = scene.decide("2028-05-01T00:00:00Z");
        assert_keeps(&decision, "2034-03-01T05:00:00Z", &["2034-03-02T00:00:00Z"]);
        scene.clock("account_closed", "2028-06-01T12:00:00Z", "2028-06-02T00:00:00Z");
        let later = scene.decide("2028-07-01T00:00:00Z");
        assert_keeps(&later, "2034-06-02T04:00:00Z", &["2034-03-01T05:00:00Z"]);
        let reopened = ClockEvent {
            reopened: true,
            ..clock_event("account_closed", "2028-08-01T12:00:00Z", "2028-08-01T13:00:00Z")
        };
        scene.clocks.record(reopened).unwrap();
        let open = scene.decide("2035-01-01T00:00:00Z");
        assert_eq!((open.keep_until, open.state), (KeepUntil::Open, State::Open));
    }
}

#[test]
fn scenario_8_overlapping_holds() {
    let plan = policy("UTC", vec![cite("us-sec-17a-4-b")]);
    let mut scene = Scene::new("2023-06-30T08:00:00Z", plan);
    scene.hold("matter-a", "2026-05-01T09:00:00Z", Some("2026-08-15T10:00:00Z"));
    scene.hold("matter-b", "2026-07-20T12:00:00Z", Some("2027-02-10T16:30:00Z"));
    let between = scene.decide("2026-08-15T10:00:01Z");
    assert_eq!((between.state, flags(&between)), (State::Retain, vec!["HELD"]));
    assert_eq!(between.holds.standing, ["matter-b".parse().unwrap()]);
    assert_eq!((between.eligible_at, between.destroyable_from), (None, None));
    let free = scene.decide("2027-02-10T16:30:00Z");
    assert_eq!((free.state, flags(&free)), (State::Eligible, vec![]));
    assert_eq!(free.eligible_at, Some(at("2027-02-10T16:30:00Z")));
    assert_eq!(free.destroyable_from, Some(at("2027-03-13T00:00:00Z")));
    assert_ne!(free.destroyable_from, Some(at("2026-08-01T00:00:00Z")));
    for decision in [between, free] {
        assert_keeps(&decision, "2026-07-01T00:00:00Z", &["2027-02-10T16:30:00Z"]);
    }
}

#[test]
fn scenario_9_a_hold_voids_an_approval() {
    let mut plan = policy("UTC", vec![cite("us-cjis-au-11")]);
    plan.streams[0].grace = "P14D".parse().unwrap();
    // It is not for its age that the approval counts no more.
    plan.defaults.disposal.approval_ttl = "P1Y".parse().unwrap();
    let mut scene = Scene::new("2025-12-31T12:00:00Z", plan);
    let policy = scene.decide("2027-01-02T00:00:00Z").governed_by.unwrap().digest;
    scene.facts.stage = Stage::Approved { at: at("2027-01-10T09:00:00Z"), policy };
    let before = scene.decide("2027-01-15T12:00:00Z");
    assert_keeps(&before, "2027-01-01T00:00:00Z", &[]);
    assert_eq!(before.destroyable_from, Some(at("2027-01-16T00:00:00Z")));
    assert_eq!((before.state, before.may_be_destroyed()), (State::Approved, false));
    assert!(scene.decide("2027-01-16T00:00:05Z").may_be_destroyed());
    scene.hold("matter-c", "2027-01-15T23:59:59Z", Some("2027-03-31T12:00:00Z"));
    let held = scene.decide("2027-01-16T00:00:05Z");
    assert_eq!((held.state, flags(&held)), (State::Retain, vec!["HELD"]));
    assert!(!held.may_be_destroyed());
    // Released: the old approval counts no more, even when the grace is over.
    for now in ["2027-03-31T12:00:00Z", "2027-04-15T00:00:00Z"] {
        let released = scene.decide(now);
        assert_eq!((released.state, released.may_be_destroyed()), (State::InReview, false));
        assert_eq!(released.destroyable_from, Some(at("2027-04-15T00:00:00Z")));
    }
    scene.facts.stage = Stage::Approved { at: at("2027-04-02T09:00:00Z"), policy };
    assert!(!scene.decide("2027-04-14T23:59:59Z").may_be_destroyed());
    assert!(scene.decide("2027-04-15T00:00:00Z").may_be_destroyed());
}

/// Invoices under ten years, and from 2025 under eight.
fn invoices(event: &str) -> Scene {
    let reg = "de-ao-147-buchungsbelege";
    let old = policy("Europe/Berlin", vec![cite(reg)]);
    let mut new = old.clone();
    new.version = 2;
    new.effective = "2025-01-01".parse().unwrap();
    new.transition = Transition::UnexpiredOnEffectiveDate;
    let old = dated(old, amended(reg, "P8Y", "P10Y"), "2000-01-01T00:00:00Z");
    Scene::under(event, vec![dated(new, shipped(), "2024-11-01T00:00:00Z"), old])
}

#[test]
fn scenario_10_a_shorter_schedule_shortens_no_lock() {
    let mut scene = invoices("2019-05-10T09:00:00Z");
    let old = scene.decide("2024-10-01T00:00:00Z");
    assert_keeps(&old, "2029-12-31T23:00:00Z", &[]);
    assert_eq!(old.lock_until, Some(at("2029-12-31T23:00:00Z")));
    scene.facts.lock_until = old.lock_until;
    let new = scene.decide("2026-01-01T00:00:00Z");
    assert_keeps(&new, "2027-12-31T23:00:00Z", &["2029-12-31T23:00:00Z"]);
    assert_eq!(new.lock_until, Some(at("2029-12-31T23:00:00Z")));
    let beyond = new.locked_beyond_schedule.unwrap();
    assert_eq!((beyond.days, beyond.until), (731, at("2029-12-31T23:00:00Z")));
    let later = scene.decide("2028-06-01T00:00:00Z");
    assert_eq!((later.state, later.eligible_at), (State::Retain, scene.facts.lock_until));
    let fresh = invoices("2027-05-10T09:00:00Z").decide("2027-05-11T00:00:00Z");
    assert_keeps(&fresh, "2035-12-31T23:00:00Z", &["2037-12-31T23:00:00Z"]);
    // What had expired by the old schedule stays expired by it.
    let expired = invoices("2014-05-10T09:00:00Z").decide("2026-01-01T00:00:00Z");
    assert_eq!(expired.governed_by.unwrap().version, 1);
    assert_eq!(expired.keep_until, until("2024-12-31T23:00:00Z"));
}

/// Five years, and from 2025-03-12 ten.
fn sanctions(event: &str) -> Scene {
    let reg = "us-ofac-501-601";
    let old = policy("America/New_York", vec![cite(reg)]);
    let mut new = old.clone();
    new.version = 2;
    new.effective = "2025-03-12".parse().unwrap();
    let old = dated(old, amended(reg, "P10Y", "P5Y"), "2000-01-01T00:00:00Z");
    Scene::under(event, vec![old, dated(new, shipped(), "2025-02-01T00:00:00Z")])
}

#[test]
fn scenario_11a_a_longer_rule_moves_locks_before_it_takes_effect() {
    let mut scene = sanctions("2020-03-15T15:00:00Z");
    let before = scene.decide("2025-01-31T00:00:00Z");
    assert_eq!(before.lock_until, Some(at("2025-03-16T04:00:00Z")));
    scene.facts.lock_until = before.lock_until;
    let approved = scene.decide("2025-03-11T00:00:00Z");
    assert_keeps(&approved, "2025-03-16T04:00:00Z", &[]);
    assert_eq!(approved.governed_by.as_ref().unwrap().version, 1);
    assert_eq!(approved.lock_until, Some(at("2030-03-16T04:00:00Z")));
    scene.facts.lock_until = approved.lock_until;
    let after = scene.decide("2025-03-16T04:00:00Z");
    assert_keeps(&after, "2030-03-16T04:00:00Z", &["2025-03-16T04:00:00Z"]);
    assert_eq!((after.state, after.locked_beyond_schedule), (State::Retain, None));
}

#[test]
fn scenario_11b_a_longer_rule_takes_back_what_is_in_its_grace() {
    let mut scene = sanctions("2020-03-10T15:00:00Z");
    let eligible = scene.decide("2025-03-11T04:00:00Z");
    assert_eq!(eligible.state, State::Eligible);
    assert_eq!(eligible.destroyable_from, Some(at("2025-04-11T04:00:00Z")));
    let policy = eligible.governed_by.unwrap().digest;
    scene.facts.stage = Stage::Approved { at: at("2025-03-11T10:00:00Z"), policy };
    assert_eq!(scene.decide("2025-03-11T12:00:00Z").state, State::Approved);
    let back = scene.decide("2025-03-12T04:00:00Z");
    assert_keeps(&back, "2030-03-11T04:00:00Z", &["2025-03-11T04:00:00Z"]);
    assert_eq!((back.state, back.may_be_destroyed()), (State::Retain, false));
    assert!(!scene.decide("2025-04-11T04:00:00Z").may_be_destroyed());
}

#[test]
fn scenario_11b_without_grace_it_goes_under_the_old_schedule() {
    let reg = "us-ofac-501-601";
    let mut old = policy("America/New_York", vec![cite(reg)]);
    old.streams[0].grace = "P0D".parse().unwrap();
    let mut new = old.clone();
    new.version = 2;
    new.effective = "2025-03-12".parse().unwrap();
    let old = dated(old, amended(reg, "P10Y", "P5Y"), "2000-01-01T00:00:00Z");
    let new = dated(new, shipped(), "2025-02-01T00:00:00Z");
    let mut scene = Scene::under("2020-03-10T15:00:00Z", vec![old, new]);
    let eligible = scene.decide("2025-03-11T04:00:00Z");
    assert_eq!(eligible.destroyable_from, eligible.eligible_at);
    assert_eq!(eligible.lock_until, Some(at("2025-03-11T04:00:00Z")));
    let policy = eligible.governed_by.unwrap().digest;
    scene.facts.stage = Stage::Approved { at: at("2025-03-11T10:00:00Z"), policy };
    let approved = scene.decide("2025-03-11T10:00:00Z");
    assert!(approved.may_be_destroyed());
    assert_eq!(approved.governed_by.unwrap().version, 1);
    scene.facts.stage = Stage::Destroyed;
    assert_eq!(scene.decide("2026-01-01T00:00:00Z").state, State::Destroyed);
}

#[test]
fn scenario_12_a_minimum_above_a_maximum() {
    let (ny, gdpr) = ("us-nydfs-500-06-cyber", "eu-gdpr-5-1-e");
    let event = "2026-05-04T06:00:00Z";
    let plan = policy("Europe/Paris", vec![cite(ny), limited(gdpr, "P1Y")]);
    let scene = Scene::new(event, plan);
    let before = scene.decide("2027-05-04T21:59:59Z");
    assert_eq!((before.state, flags(&before)), (State::Retain, vec!["BLOCKED"]));
    let after = scene.decide("2027-05-04T22:00:00Z");
    assert_eq!((after.state, flags(&after)), (State::Retain, vec!["BLOCKED", "OVERDUE"]));
    assert_keeps(&after, "2029-05-04T22:00:00Z", &["2027-05-04T22:00:00Z"]);
    assert_eq!(after.must_go_by, Some(at("2027-05-04T22:00:00Z")));
    assert_eq!(notes(&after, gdpr), [format!("C1 {ny}"), format!("C3 {ny}")]);
    assert_eq!(after.eligible_at, Some(at("2029-05-04T22:00:00Z")));
    assert!(!after.may_be_destroyed());
    // A recommendation gives advice, and blocks nothing.
    let plan = policy("Europe/Paris", vec![cite(ny), cite("fr-cnil-logging")]);
    let advised = Scene::new(event, plan).decide("2027-05-04T22:00:00Z");
    assert_keeps(&advised, "2029-05-04T22:00:00Z", &["2027-05-04T22:00:00Z"]);
    assert_eq!((flags(&advised), advised.must_go_by), (vec![], None));
    assert_eq!(notes(&advised, "fr-cnil-logging"), ["advice_only -"]);
    // A decision resolves it.
    let plan = policy("Europe/Paris", vec![cite(ny), decided(limited(gdpr, "P1Y"))]);
    let resolved = Scene::new(event, plan).decide("2027-05-04T22:00:00Z");
    assert_eq!((flags(&resolved), resolved.must_go_by), (vec![], None));
    assert_eq!(notes(&resolved, gdpr), [format!("C3 {ny}"), format!("decided {ny}")]);
}
