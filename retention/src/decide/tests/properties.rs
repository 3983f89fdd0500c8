//! What holds for everything, tried on many things that are the same in every run.
#![expect(clippy::arithmetic_side_effects, reason = "the numbers are drawn small")]

use jiff::Span;
use jiff::tz::TimeZoneDatabase;

use super::*;
use crate::explain::Explanation;
use crate::period::Zone;

/// Xorshift: enough to draw from, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn instant(&mut self, from: &str, days: u64) -> Timestamp {
        let seconds = i64::try_from(self.below(days * 86_400)).unwrap();
        at(from) + Span::new().seconds(seconds)
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(u64::try_from(items.len()).unwrap())).unwrap()]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(u64::try_from(last + 1).unwrap())).unwrap();
            items.swap(last, other);
        }
    }
}

const ZONES: [&str; 5] =
    ["UTC", "America/New_York", "Europe/Berlin", "Africa/Cairo", "Pacific/Apia"];

/// A citation of any rule of the catalogue that is not cited yet, with some numbers of the policy.
fn add_citation(draw: &mut Draw, citations: &mut Vec<Citation>) {
    let catalogue = shipped();
    let ids = catalogue.iter().map(|reg| reg.id.as_str());
    let ids: Vec<&str> = ids.filter(|id| citations.iter().all(|one| one.reg != *id)).collect();
    let mut citation = cite(draw.of(&ids));
    if draw.below(3) == 0 {
        citation.set_min = Some(draw.of(&["P1Y", "P90D", "P30M"]).parse().unwrap());
    }
    if draw.below(4) == 0 {
        citation.set_max = Some(draw.of(&["P1Y", "P18M", "P7Y"]).parse().unwrap());
    }
    citations.push(if draw.below(5) == 0 { decided(citation) } else { citation });
}

fn scene(draw: &mut Draw) -> Scene {
    // One rule with a period, so that something is known.
    let mut citations = vec![cite("us-nerc-cip-007")];
    for _ in 0..draw.below(5) {
        add_citation(draw, &mut citations);
    }
    let mut plan = policy(draw.of(&ZONES), citations);
    plan.streams[0].grace = draw.of(&["P0D", "P14D", "P30D"]).parse().unwrap();
    plan.streams[0].pre_approved = draw.below(2) == 0;
    if draw.below(4) == 0 {
        plan.streams[0].clock = Clock::Event("account_closed".to_owned());
    }
    let mut scene = Scene::new("2026-01-01T00:00:00Z", plan);
    let event = draw.instant("2015-01-01T00:00:00Z", 3_000);
    let received = draw.instant("2015-01-01T00:00:00Z", 3_000).max(event);
    scene.facts.event_time = Some(Times::between(event, received));
    scene.facts.receive_time = Times::at(received);
    for event in ["account_closed", "last_in_effect", "license_expired"] {
        if draw.below(2) == 0 {
            let happened = draw.instant("2016-01-01T00:00:00Z", 3_000).to_string();
            scene.clock(event, &happened, &happened);
        }
    }
    scene
}

#[test]
fn nothing_that_is_added_keeps_a_record_less_long() {
    let mut draw = Draw(0x5eed);
    let now = "2035-01-01T00:00:00Z";
    for _ in 0..400 {
        let scene = scene(&mut draw);
        let before = scene.decide(now);
        let mut plan = scene.schedule.approved(at(now))[0].policy().clone();
        add_citation(&mut draw, &mut plan.streams[0].citations);
        let mut more = Scene::new("2026-01-01T00:00:00Z", plan);
        (more.facts, more.clocks) = (scene.facts.clone(), scene.clocks.clone());
        assert!(more.decide(now).keep_until >= before.keep_until);
        more.hold("matter", "2030-01-01T00:00:00Z", None);
        let held = more.decide(now);
        assert!(held.keep_until >= before.keep_until && !held.may_be_destroyed());
        // An event that is not the first only moves a date later.
        if let KeepUntil::Until(_) = before.keep_until {
            let mut later = scene;
            later.clock("account_closed", "2034-01-01T00:00:00Z", "2034-01-02T00:00:00Z");
            assert!(later.decide(now).keep_until >= before.keep_until);
        }
    }
}

#[test]
fn twelve_months_are_a_year_and_no_less_than_365_days() {
    // Apia went without a 30 December 2011: its year had a day less for everybody.
    for zone in ZONES.into_iter().filter(|zone| *zone != "Pacific/Apia") {
        let counting = Counting { zone: zone.parse().unwrap(), cutoff: Cutoff::None };
        let (year, months) = ("P1Y".parse().unwrap(), "P12M".parse().unwrap());
        let mut anchor = at("1970-01-01T13:00:00Z");
        while anchor < at("2100-01-01T00:00:00Z") {
            let until = counting.until(anchor, year).unwrap();
            assert_eq!(until, counting.until(anchor, months).unwrap());
            assert!(until >= anchor + Span::new().hours(365 * 24), "{zone} {anchor}");
            anchor += Span::new().hours(24);
        }
    }
}

#[test]
fn a_period_ends_where_a_local_day_begins() {
    let mut draw = Draw(0xda7);
    let periods = ["P0D", "P1D", "P90D", "P6M", "P1Y", "P6Y"].map(|text| text.parse().unwrap());
    let mut zones = 0;
    for name in TimeZoneDatabase::bundled().available() {
        let Ok(zone) = name.as_str().parse::<Zone>() else { continue };
        zones += 1;
        let counting = Counting { zone: zone.clone(), cutoff: Cutoff::None };
        for _ in 0..100 {
            let anchor = draw.instant("1970-01-01T00:00:00Z", 47_000);
            let until = counting.until(anchor, draw.of(&periods)).unwrap();
            assert!(until > anchor, "{name} {anchor}");
            let day = zone.date(until);
            assert_eq!(zone.start_of(day), Some(until), "{name} {anchor}");
            assert!(zone.date(until - Span::new().seconds(1)) < day, "{name} {anchor}");
        }
    }
    assert!(zones > 400, "{zones}");
}

#[test]
fn a_lock_only_moves_later_and_rests_where_it_was_put() {
    let mut draw = Draw(0x10cc);
    for _ in 0..400 {
        let mut scene = scene(&mut draw);
        let mut now = draw.instant("2015-01-01T00:00:00Z", 4_000);
        for _ in 0..5 {
            let lock = scene.decide_at(now).lock_until;
            assert!(lock >= scene.facts.lock_until);
            scene.facts.lock_until = lock;
            assert_eq!(scene.decide_at(now).lock_until, lock);
            now += Span::new().hours(24 * 300);
        }
    }
}

#[test]
fn the_order_of_citations_means_nothing() {
    let mut draw = Draw(0xe);
    for _ in 0..200 {
        let one = scene(&mut draw);
        let now = draw.instant("2016-01-01T00:00:00Z", 7_000);
        let mut plan = one.schedule.approved(now)[0].policy().clone();
        draw.shuffle(&mut plan.streams[0].citations);
        let mut other = Scene::new("2026-01-01T00:00:00Z", plan);
        (other.facts, other.clocks) = (one.facts.clone(), one.clocks.clone());
        let (one, other) = (one.decide_at(now), other.decide_at(now));
        let json = |decision: &Decision| {
            String::from_utf8(Explanation(decision).to_json().to_canonical()).unwrap()
        };
        assert_eq!(json(&one), json(&other));
        assert_eq!(Explanation(&one).to_string(), Explanation(&other).to_string());
    }
}

#[test]
fn nothing_is_destroyed_under_a_hold_a_lock_or_another_approval() {
    let mut draw = Draw(0xdead);
    let (mut may, mut may_not) = (0, 0);
    for _ in 0..2_000 {
        let mut scene = scene(&mut draw);
        let now = draw.instant("2016-01-01T00:00:00Z", 9_000);
        let policy = scene.schedule.approved(now)[0].digest();
        let other = draw.below(3) == 0;
        if draw.below(3) > 0 {
            let policy = if other { Digest::of(b"other") } else { policy };
            scene.facts.stage = Stage::Approved { at: now, policy };
        }
        if draw.below(3) == 0 {
            scene.facts.lock_until = Some(draw.instant("2016-01-01T00:00:00Z", 9_000));
        }
        if draw.below(3) == 0 {
            scene.hold("matter", &draw.instant("2016-01-01T00:00:00Z", 9_000).to_string(), None);
        }
        let decision = scene.decide_at(now);
        if decision.may_be_destroyed() {
            may += 1;
            assert!(decision.holds.standing.is_empty());
            assert!(scene.facts.lock_until.is_none_or(|lock| lock <= now));
            assert!(decision.keep_until <= KeepUntil::Until(now));
            let stream = &scene.schedule.approved(now)[0].policy().streams[0];
            assert!(stream.pre_approved || !other && scene.facts.stage != Stage::Live);
        } else {
            may_not += 1;
        }
    }
    assert!(may > 50 && may_not > 50, "{may} {may_not}");
}
