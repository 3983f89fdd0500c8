//! From eligible to destroyed.

use super::*;
use crate::explain::Explanation;

fn scene() -> (Scene, Digest) {
    let scene = Scene::new("2025-01-10T00:00:00Z", policy("UTC", vec![cite("us-cjis-au-11")]));
    let digest = scene.decide("2026-02-01T00:00:00Z").governed_by.unwrap().digest;
    (scene, digest)
}

#[test]
fn the_log_moves_what_is_eligible_through_its_states() {
    let (mut scene, policy) = scene();
    let now = "2026-02-20T00:00:00Z";
    let approved = Stage::Approved { at: at("2026-02-05T00:00:00Z"), policy };
    for (stage, state) in [
        (Stage::Live, State::Eligible),
        (Stage::InReview, State::InReview),
        (approved, State::Approved),
        (Stage::Ordered, State::Destroying),
        (Stage::Destroyed, State::Destroyed),
    ] {
        scene.facts.stage = stage;
        let decision = scene.decide(now);
        assert_eq!(decision.state, state);
        assert_eq!(decision.may_be_destroyed(), state == State::Approved);
    }
}

#[test]
fn an_approval_is_void_before_its_time_after_it_and_under_another_policy() {
    let (mut scene, policy) = scene();
    let state = |scene: &mut Scene, given: &str, policy, now: &str| {
        scene.facts.stage = Stage::Approved { at: at(given), policy };
        scene.decide(now).state
    };
    let now = "2026-02-20T00:00:00Z";
    assert_eq!(
        state(&mut scene, "2026-01-11T00:00:00Z", policy, "2026-02-10T23:59:59Z"),
        State::Approved
    );
    assert_eq!(
        state(&mut scene, "2026-01-11T00:00:00Z", policy, "2026-02-11T00:00:00Z"),
        State::InReview
    );
    assert_eq!(
        state(&mut scene, "2026-01-10T23:59:59Z", policy, "2026-02-01T00:00:00Z"),
        State::InReview
    );
    assert_eq!(state(&mut scene, "2026-02-20T00:00:01Z", policy, now), State::InReview);
    assert_eq!(state(&mut scene, "2026-02-05T00:00:00Z", Digest::of(b""), now), State::InReview);
}

#[test]
fn a_class_that_is_approved_by_its_schedule_needs_no_officers_but_its_grace() {
    let mut plan = policy("UTC", vec![cite("us-cjis-au-11")]);
    plan.streams[0].pre_approved = true;
    let scene = Scene::new("2025-01-10T00:00:00Z", plan);
    assert_eq!(scene.decide("2026-01-10T00:00:00Z").state, State::Retain);
    let waiting = scene.decide("2026-01-11T00:00:00Z");
    assert_eq!((waiting.state, waiting.may_be_destroyed()), (State::Approved, false));
    assert!(scene.decide("2026-02-11T00:00:00Z").may_be_destroyed());
}

#[test]
fn nothing_goes_while_its_lock_stands() {
    let (mut scene, _) = scene();
    scene.facts.lock_until = Some(at("2026-03-01T06:00:00Z"));
    let locked = scene.decide("2026-02-20T00:00:00Z");
    assert_eq!((locked.state, locked.eligible_at), (State::Retain, scene.facts.lock_until));
    assert_eq!(locked.locked_beyond_schedule.unwrap().days, 49);
    // But for a settling lock, which ends by itself.
    scene.facts.settle_until = Some(at("2026-03-01T05:59:59Z"));
    assert!(scene.decide("2026-02-20T00:00:00Z").locked_beyond_schedule.is_some());
    scene.facts.settle_until = scene.facts.lock_until;
    let settling = scene.decide("2026-02-20T00:00:00Z");
    assert_eq!((settling.state, settling.locked_beyond_schedule), (State::Retain, None));
    assert!(Explanation(&settling).to_string().contains("settling until: 2026-03-01"));
    assert_eq!(scene.decide("2026-03-01T06:00:00Z").state, State::Eligible);
}
