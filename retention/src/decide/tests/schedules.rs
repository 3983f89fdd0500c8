//! Anchors, conflicts and policies that follow each other.

use super::*;
use crate::policy::Backfill;

#[test]
fn a_minimum_counts_from_the_later_of_event_and_receipt() {
    let mut scene = Scene::new("2020-01-10T00:00:00Z", policy("UTC", vec![cite("us-cjis-au-11")]));
    scene.facts.receive_time = Times::at(at("2026-01-10T00:00:00Z"));
    let decision = scene.decide("2026-01-11T00:00:00Z");
    assert_keeps(&decision, "2027-01-11T00:00:00Z", &["2021-01-11T00:00:00Z"]);
    assert_eq!(decision.rules[0].min.as_ref().unwrap().start.as_str(), "receive_time");
    // The signed policy may say otherwise for what came before a date.
    let backfilled = |before: &str| {
        let mut plan = policy("UTC", vec![cite("us-cjis-au-11")]);
        let (received_before, rationale) = (before.parse().unwrap(), "migration".to_owned());
        plan.streams[0].backfill = Some(Backfill { received_before, rationale });
        scene.schedule = Schedule::new(vec![dated(plan, shipped(), "2000-01-01T00:00:00Z")]);
        scene.decide("2026-01-11T00:00:00Z")
    };
    let mut backfilled = backfilled;
    let decision = backfilled("2026-01-11");
    assert_keeps(&decision, "2021-01-11T00:00:00Z", &[]);
    assert_eq!(notes(&decision, "us-cjis-au-11"), ["backfill -"]);
    assert_keeps(&backfilled("2026-01-10"), "2027-01-11T00:00:00Z", &["2021-01-11T00:00:00Z"]);
}

#[test]
fn an_event_of_the_far_future_counts_from_its_receipt() {
    let mut scene = Scene::new("2099-01-10T00:00:00Z", policy("UTC", vec![cite("us-cjis-au-11")]));
    scene.facts.receive_time = Times::at(at("2026-01-10T00:00:00Z"));
    let decision = scene.decide("2026-01-11T00:00:00Z");
    assert_keeps(&decision, "2027-01-11T00:00:00Z", &["2100-01-11T00:00:00Z"]);
    assert_eq!(notes(&decision, "us-cjis-au-11"), ["future_event -"]);
}

#[test]
fn an_event_is_believed_as_far_ahead_of_its_receipt_as_the_policy_allows() {
    let mut scene = Scene::new("2026-01-10T00:00:00Z", policy("UTC", vec![cite("us-cjis-au-11")]));
    let mut decide = |received: &str, first: &str, last: &str| {
        scene.facts.receive_time = Times::at(at(received));
        scene.facts.event_time = Some(Times::between(at(first), at(last)));
        let decision = scene.decide("2026-01-12T00:00:00Z");
        (decision.keep_until, notes(&decision, "us-cjis-au-11"))
    };
    let (kept, none) = (until("2027-01-12T00:00:00Z"), Vec::<String>::new());
    let five = decide("2026-01-10T23:55:00Z", "2026-01-11T00:00:00Z", "2026-01-11T00:00:00Z");
    assert_eq!(five, (kept, none));
    let over = "2026-01-11T00:00:00.001Z";
    let (earlier, future) = (until("2027-01-11T00:00:00Z"), vec!["future_event -".to_owned()]);
    assert_eq!(decide("2026-01-10T23:55:00Z", over, over), (earlier, future.clone()));
    // Beside it one that is believed, which may have happened as late as is allowed.
    let mixed = decide("2026-01-10T23:55:00Z", "2026-01-10T23:00:00Z", over);
    assert_eq!(mixed, (kept, future));
}

#[test]
fn a_segment_is_kept_by_its_last_record_and_must_go_by_its_first() {
    let citations = vec![cite("us-cjis-au-11"), limited("eu-gdpr-5-1-e", "P2Y")];
    let mut scene = Scene::new("2026-01-10T00:00:00Z", policy("UTC", citations));
    let (first, last) = (at("2026-01-10T00:00:00Z"), at("2026-01-11T12:00:00Z"));
    scene.facts.event_time = Some(Times::between(last, first));
    scene.facts.receive_time = Times::between(first, last);
    let decision = scene.decide("2026-01-12T00:00:00Z");
    assert_eq!(decision.keep_until, until("2027-01-12T00:00:00Z"));
    assert_eq!(decision.must_go_by, Some(at("2028-01-11T00:00:00Z")));
}

#[test]
fn a_window_of_no_width_is_overdue_by_its_span_and_not_in_conflict() {
    let mut scene = Scene::new("2026-01-10T00:00:00Z", policy("UTC", vec![cite("in-dpdp-8-3")]));
    let (first, last) = (at("2026-01-10T00:00:00Z"), at("2026-01-11T12:00:00Z"));
    scene.facts.event_time = Some(Times::between(first, last));
    scene.facts.receive_time = Times::between(first, last);
    assert_eq!(flags(&scene.decide("2026-06-01T00:00:00Z")), Vec::<&str>::new());
    assert_eq!(flags(&scene.decide("2027-01-11T00:00:00Z")), ["OVERDUE"]);
}

#[test]
fn a_soft_maximum_yields_to_the_law_of_its_own_place_and_to_no_contract() {
    let decide = |min: &str, max: Citation| {
        let plan = policy("UTC", vec![cite(min), max]);
        Scene::new("2026-01-10T00:00:00Z", plan).decide("2026-02-01T00:00:00Z")
    };
    let gdpr = || limited("eu-gdpr-5-1-e", "P6M");
    for min in ["eu-mifid2-16-7", "de-ao-147-buchungsbelege"] {
        let decision = decide(min, gdpr());
        assert_eq!((flags(&decision), decision.must_go_by), (vec![], None));
        assert_eq!(notes(&decision, "eu-gdpr-5-1-e"), [format!("C2 {min}")]);
    }
    let contract = decide("pci-dss-10-5-1", gdpr());
    assert_eq!(flags(&contract), ["BLOCKED"]);
    assert_eq!(notes(&contract, "eu-gdpr-5-1-e"), ["C1 pci-dss-10-5-1"]);
    let british = decide("uk-fca-sysc-9", gdpr());
    assert_eq!(flags(&british), ["BLOCKED"]);
    // What another law keeps anyway is named even where nothing is in conflict.
    let wide = decide("us-sec-17a-4-b", limited("eu-gdpr-5-1-e", "P4Y"));
    assert_eq!(
        (flags(&wide), notes(&wide, "eu-gdpr-5-1-e")),
        (vec![], vec!["C3 us-sec-17a-4-b".to_owned()])
    );
}

#[test]
fn a_hard_maximum_yields_to_nothing_but_a_decision() {
    let decide = |max: Citation| {
        let plan = policy("UTC", vec![cite("de-ao-147-buecher"), max]);
        let mut scene = Scene::new("2026-01-10T00:00:00Z", plan);
        for event in ["last_entry", "drawn_up"] {
            scene.clock(event, "2026-01-10T00:00:00Z", "2026-01-10T01:00:00Z");
        }
        scene.decide("2033-01-01T00:00:00Z")
    };
    assert_eq!(flags(&decide(cite("eu-mar-18-28"))), ["BLOCKED", "OVERDUE"]);
    assert_eq!(flags(&decide(decided(cite("eu-mar-18-28")))), Vec::<&str>::new());
}

#[test]
fn only_a_decision_of_the_conflict_itself_settles_it() {
    let other = |code: &str| {
        let mut citation = decided(limited("eu-gdpr-5-1-e", "P1Y"));
        citation.decision.as_mut().unwrap().code = code.to_owned();
        let plan = policy("UTC", vec![cite("us-nydfs-500-06-cyber"), citation]);
        flags(&Scene::new("2026-01-10T00:00:00Z", plan).decide("2026-02-01T00:00:00Z")).len()
    };
    assert_eq!((other("C1"), other("C3")), (0, 1));
}

#[test]
fn a_number_of_the_policy_makes_no_maximum_yield() {
    let dora = Citation { set_min: Some("P5Y".parse().unwrap()), ..cite("eu-dora-2024-1774-12") };
    let plan = policy("UTC", vec![dora, limited("eu-gdpr-5-1-e", "P1Y")]);
    let decision = Scene::new("2026-01-10T00:00:00Z", plan).decide("2026-02-01T00:00:00Z");
    assert_eq!(flags(&decision), ["BLOCKED"]);
}

#[test]
fn no_clock_of_a_stream_puts_off_what_must_go_by_the_record() {
    let mut plan = policy("UTC", vec![cite("in-dpdp-8-3")]);
    plan.streams[0].clock = Clock::Event("matter_closed".to_owned());
    let mut scene = Scene::new("2026-01-10T00:00:00Z", plan);
    scene.clock("matter_closed", "2026-03-10T00:00:00Z", "2026-03-10T01:00:00Z");
    let decision = scene.decide("2026-04-01T00:00:00Z");
    assert_keeps(&decision, "2027-03-11T00:00:00Z", &["2027-01-11T00:00:00Z"]);
    assert_eq!(decision.must_go_by, Some(at("2027-01-11T00:00:00Z")));
    assert_eq!(flags(&decision), ["BLOCKED"]);
}

#[test]
fn a_rule_of_custom_is_adopted_and_its_maximum_is_not() {
    let decide = |citations: Vec<Citation>| {
        Scene::new("2026-01-10T00:00:00Z", policy("UTC", citations)).decide("2026-02-01T00:00:00Z")
    };
    let custom = decide(vec![cite("us-hipaa-logs-customary"), cite("us-cjis-au-11")]);
    assert_keeps(&custom, "2032-01-11T00:00:00Z", &["2027-01-11T00:00:00Z"]);
    assert_eq!(custom.deciding_rule.as_deref(), Some("us-hipaa-logs-customary"));
    let advice = decide(vec![limited("us-hipaa-logs-customary", "P1M"), cite("us-cjis-au-11")]);
    assert_eq!((advice.must_go_by, flags(&advice)), (None, vec![]));
}

#[test]
fn a_rule_without_its_number_and_one_that_nobody_knows_keep_the_record() {
    for (reg, note) in [("eu-dora-2024-1774-12", "no_number -"), ("no-such", "not_in_catalogue -")]
    {
        let plan = policy("UTC", vec![cite(reg), cite("us-cjis-au-11")]);
        let decision = Scene::new("2026-01-10T00:00:00Z", plan).decide("2040-01-01T00:00:00Z");
        assert_eq!((decision.keep_until, decision.state), (KeepUntil::Open, State::Open));
        assert_eq!(decision.deciding_rule.as_deref(), Some(reg));
        assert_eq!(notes(&decision, reg), [note]);
        // What is known is locked all the same.
        assert_eq!(decision.lock_until, Some(at("2027-01-11T00:00:00Z")));
    }
}

#[test]
fn a_rule_whose_number_the_policy_gives_counts_from_the_policys_clock() {
    let set = || Citation { set_min: Some("P2Y".parse().unwrap()), ..cite("eu-eidas-24") };
    let scene = Scene::new("2026-01-10T00:00:00Z", policy("UTC", vec![set()]));
    assert_keeps(&scene.decide("2026-02-01T00:00:00Z"), "2028-01-11T00:00:00Z", &[]);
    let mut plan = policy("UTC", vec![set()]);
    plan.streams[0].clock = Clock::Event("service_ended".to_owned());
    let mut scene = Scene::new("2026-01-10T00:00:00Z", plan);
    assert_eq!(scene.decide("2026-02-01T00:00:00Z").state, State::Open);
    scene.clock("service_ended", "2027-05-05T00:00:00Z", "2027-05-05T01:00:00Z");
    assert_keeps(&scene.decide("2027-06-01T00:00:00Z"), "2029-05-06T00:00:00Z", &[]);
}

#[test]
fn a_late_clock_event_lets_nothing_go_before_it_was_recorded() {
    let mut plan = policy("UTC", vec![cite("us-sec-17a-4-c")]);
    plan.streams[0].grace = "P0D".parse().unwrap();
    let mut scene = Scene::new("2010-01-10T00:00:00Z", plan);
    scene.clock("account_closed", "2011-01-01T00:00:00Z", "2026-01-01T08:00:00Z");
    let decision = scene.decide("2026-02-01T00:00:00Z");
    assert_keeps(&decision, "2017-01-02T00:00:00Z", &[]);
    assert_eq!(decision.eligible_at, Some(at("2026-01-01T08:00:00Z")));
}

#[test]
fn without_a_rule_for_its_stream_a_segment_is_unclassified() {
    let mut scene = Scene::new("2010-01-10T00:00:00Z", policy("UTC", vec![cite("us-cjis-au-11")]));
    scene.facts.stream = "other".parse().unwrap();
    let other = scene.decide("2040-01-01T00:00:00Z");
    assert_eq!((other.state, other.keep_until), (State::Open, KeepUntil::Open));
    assert!(
        other.governed_by.is_none() && other.lock_until.is_none() && other.eligible_at.is_none()
    );
    // Two rules that match contradict each other.
    let mut plan = policy("UTC", vec![cite("us-cjis-au-11")]);
    let twin = plan.streams[0].clone();
    plan.streams.push(twin);
    let twice = Scene::new("2010-01-10T00:00:00Z", plan).decide("2040-01-01T00:00:00Z");
    assert!(twice.governed_by.is_none());
}

#[test]
fn labels_match_all_or_nothing() {
    let mut plan = policy("UTC", vec![cite("us-cjis-au-11")]);
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    plan.streams[0].matches =
        Match { streams: vec![], labels: [label("app", "pay"), label("env", "prod")].into() };
    let mut scene = Scene::new("2026-01-10T00:00:00Z", plan);
    scene.facts.labels = [label("app", "pay"), label("env", "prod"), label("x", "y")].into();
    assert!(scene.decide("2026-02-01T00:00:00Z").governed_by.is_some());
    scene.facts.labels = [label("app", "pay")].into();
    assert!(scene.decide("2026-02-01T00:00:00Z").governed_by.is_none());
}

#[test]
fn a_policy_may_govern_only_what_is_made_from_its_first_day() {
    let scene = |event: &str, received: &str| {
        let old = policy("UTC", vec![cite("us-sec-17a-4-b")]);
        let mut new = policy("UTC", vec![cite("us-cjis-au-11")]);
        new.version = 2;
        new.effective = "2026-01-01".parse().unwrap();
        new.transition = Transition::RecordsMadeFrom;
        let approved = "2000-01-01T00:00:00Z";
        let list = vec![dated(old, shipped(), approved), dated(new, shipped(), approved)];
        let mut scene = Scene::under(event, list);
        scene.facts.receive_time = Times::at(at(received));
        scene.decide("2026-06-01T00:00:00Z").governed_by.unwrap().version
    };
    assert_eq!(scene("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), 2);
    assert_eq!(scene("2025-12-31T23:59:59Z", "2025-12-31T23:59:59Z"), 1);
    // Made under both: it stays as long as either wants.
    assert_eq!(scene("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"), 1);
}

#[test]
fn grace_begins_with_the_policy_that_lets_a_record_go_and_not_again_with_its_renewal() {
    let reg = "de-ao-147-briefe";
    let version = |number: u64, effective: &str, catalogue| {
        let mut plan = policy("UTC", vec![cite(reg)]);
        plan.version = number;
        plan.effective = effective.parse().unwrap();
        dated(plan, catalogue, "2000-01-01T00:00:00Z")
    };
    let ten = || amended(reg, "P6Y", "P10Y");
    let list = vec![
        version(1, "2000-01-01", ten()),
        version(2, "2027-01-01", shipped()),
        version(3, "2027-01-15", shipped()),
    ];
    let scene = Scene::under("2019-05-10T09:00:00Z", list);
    let decision = scene.decide("2027-01-20T00:00:00Z");
    assert_keeps(&decision, "2026-01-01T00:00:00Z", &[]);
    assert_eq!(decision.governed_by.as_ref().unwrap().version, 3);
    assert_eq!(decision.eligible_at, Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(decision.destroyable_from, Some(at("2027-02-01T00:00:00Z")));
}

#[test]
fn no_lock_reaches_further_than_the_policy_allows() {
    let mut plan = policy("UTC", vec![cite("us-finra-4511")]);
    plan.defaults.max_lock = "P2Y".parse().unwrap();
    let scene = Scene::new("2026-01-10T00:00:00Z", plan);
    let decision = scene.decide("2026-02-01T00:00:00Z");
    assert_keeps(&decision, "2032-01-11T00:00:00Z", &[]);
    assert_eq!(decision.lock_until, Some(at("2028-02-02T00:00:00Z")));
    assert!(decision.lock_capped);
    assert!(!scene.decide("2031-02-01T00:00:00Z").lock_capped);
}

#[test]
fn no_lock_ends_later_than_stores_can_say() {
    let decide = |zone: &str, event: &str| {
        let mut kept = cite("us-finra-4511");
        kept.set_min = Some("P80Y".parse().unwrap());
        let mut plan = policy(zone, vec![kept]);
        plan.defaults.max_lock = "P90Y".parse().unwrap();
        let decision = Scene::new(event, plan).decide("2026-03-01T00:00:00Z");
        let lock = decision.lock_until.unwrap().to_string();
        (decision.keep_until, lock, decision.lock_capped)
    };
    let (last, day) = ("2106-02-07T06:28:15Z".to_owned(), "2106-02-07T06:00:00Z");
    let found = decide("America/Chicago", "2026-02-06T12:00:00Z");
    assert_eq!(found, (until(day), day.to_owned(), false));
    // An hour later, by the dates of another zone.
    let found = decide("America/Denver", "2026-02-06T12:00:00Z");
    assert_eq!(found, (until("2106-02-07T07:00:00Z"), last.clone(), true));
    // It is kept all the same.
    let found = decide("UTC", "2026-02-20T12:00:00Z");
    assert_eq!(found, (until("2106-02-21T00:00:00Z"), last, true));
}

#[test]
fn where_only_a_maximum_is_cited_a_record_may_go_after_its_day() {
    let plan = policy("UTC", vec![limited("eu-gdpr-5-1-e", "P18M")]);
    let decision = Scene::new("2026-01-10T09:00:00Z", plan).decide("2026-01-10T10:00:00Z");
    assert_keeps(&decision, "2026-01-11T00:00:00Z", &[]);
    assert_eq!(decision.must_go_by, Some(at("2027-07-11T00:00:00Z")));
    assert_eq!(decision.deciding_rule, None);
    // A tag without a period says nothing at all.
    let plan = policy("UTC", vec![cite("bcbs-239")]);
    let tagged = Scene::new("2026-01-10T09:00:00Z", plan).decide("2040-01-01T00:00:00Z");
    assert_eq!(tagged.state, State::Open);
}

#[test]
fn a_record_made_after_its_clock_event_is_kept_from_its_own_time() {
    for reg in ["us-hipaa-164-316", "us-finra-4511", "us-sec-17a-4-c"] {
        let mut plan = policy("UTC", vec![cite(reg)]);
        plan.streams[0].clock = Clock::Event("last_in_effect".to_owned());
        let mut scene = Scene::new("2026-01-10T00:00:00Z", plan);
        for event in ["last_in_effect", "account_closed"] {
            scene.clock(event, "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z");
        }
        let decision = scene.decide("2026-02-01T00:00:00Z");
        assert_keeps(&decision, "2032-01-11T00:00:00Z", &["2031-06-02T00:00:00Z"]);
    }
}

#[test]
fn a_record_made_after_its_clock_event_must_go_by_the_event_and_is_in_no_conflict() {
    let ended = "business_relationship_ended";
    let mut scene = Scene::new("2026-01-10T00:00:00Z", policy("UTC", vec![cite("eu-amld-40")]));
    let decide = |scene: &Scene| {
        let decision = scene.decide("2030-01-01T00:00:00Z");
        (decision.keep_until, decision.must_go_by, flags(&decision).len())
    };
    scene.clock(ended, "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z");
    let kept = (until("2031-01-11T00:00:00Z"), Some(at("2030-06-02T00:00:00Z")), 0);
    assert_eq!(decide(&scene), kept);
    // One that ends after the record was made starts both.
    scene.clock(ended, "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z");
    let both = at("2031-02-02T00:00:00Z");
    assert_eq!(decide(&scene), (KeepUntil::Until(both), Some(both), 0));
}

/// The log takes the newest policy whose day has come, and so does the engine.
#[test]
fn a_policy_that_was_overtaken_before_its_day_never_decides() {
    let set = |period: &str, version: u64, effective: &str| {
        let citation = Citation { set_min: Some(period.parse().unwrap()), ..cite("us-cjis-au-11") };
        let mut plan = policy("UTC", vec![citation]);
        (plan.version, plan.effective) = (version, effective.parse().unwrap());
        dated(plan, shipped(), &format!("2026-01-0{version}T00:00:00Z"))
    };
    for (first, second, kept) in
        [("P2Y", "P9Y", "2029-01-02T00:00:00Z"), ("P9Y", "P2Y", "2022-01-02T00:00:00Z")]
    {
        let policies = vec![set(first, 1, "2026-02-01"), set(second, 2, "2026-01-10")];
        let scene = Scene::under("2020-01-01T00:00:00Z", policies);
        for now in ["2026-01-20T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"] {
            let decision = scene.decide(now);
            assert_eq!(decision.governed_by.as_ref().unwrap().version, 2);
            assert_keeps(&decision, kept, &[]);
        }
        // Before the second was approved, the first was to come.
        let decision = scene.decide("2026-01-01T12:00:00Z");
        assert_eq!((decision.governed_by.is_none(), decision.state), (true, State::Open));
    }
}
