//! Rules that cannot all be kept, and what the stream's own settings make impossible.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::citation::Cited;
use super::complaint::{Code, Complaints, Place};
use super::file::Setting;
use super::stream::Stream;
use super::term::{Term, anchors};
use super::{Clock, LockDemand, StreamRule};
use crate::catalogue::{Basis, Immutability, Minimum};
use crate::period::{Counting, Cutoff, Period};
use crate::settling::LATEST_LOCK;

/// Checks one stream's citations against each other and against its settings.
pub(super) fn check(stream: &Stream<'_>, setting: &Setting, complaints: &mut Complaints) {
    check_worm(stream, complaints);
    check_lock(stream, setting, complaints);
    check_deletion(stream, complaints);
    for max in &stream.cited {
        for min in &stream.cited {
            check_pair(min, max, stream, setting, complaints);
        }
    }
    advise(stream, complaints);
}

fn check_worm(stream: &Stream<'_>, complaints: &mut Complaints) {
    let demands = |cited: &&Cited<'_>| {
        cited.rule.immutability >= Immutability::WormOrAuditTrail && cited.rule.fixes_periods()
    };
    let Some(worm) = stream.cited.iter().find(demands) else { return };
    let id = &worm.rule.id;
    if stream.rule.lock == LockDemand::Governance {
        let message = format!("`{id}` demands WORM, and a governance lock can be undone");
        complaints.add(Code::GovernanceLock, &stream.lock, message, "`lock: compliance`");
    }
    let Some(personal) = &stream.rule.personal_data else { return };
    let outside = &personal.not_part_of_required_record;
    let inside = personal.fields.iter().find(|field| !outside.contains(&field.value));
    if let Some(field) = inside.filter(|_| personal.shred_per_subject) {
        let message = format!("shredding `{}` would erase the record of `{id}`", field.value);
        let write = "`shred: none`, or the path in `not_part_of_required_record`";
        complaints.add(Code::ShreddedRecord, &stream.personal, message, write);
    }
}

fn check_lock(stream: &Stream<'_>, setting: &Setting, complaints: &mut Complaints) {
    let counting = Counting { zone: stream.rule.zone.clone(), cutoff: Cutoff::None };
    let longest = Term { counting, period: setting.defaults.max_lock };
    for cited in &stream.cited {
        let Some((min, place)) = &cited.min else { continue };
        if let Some(day) = longest.shorter_than(min) {
            let max_lock = longest.period;
            let message = format!("from {day} `{}` ends after `max_lock` `{max_lock}`", min.period);
            let write = "a shorter period, or a longer `defaults.max_lock`";
            complaints.add(Code::BeyondMaxLock, place, message, write);
        }
        if min.end(setting.today) >= stream.rule.zone.date(LATEST_LOCK) {
            let message = format!("`{}` from now on ends after {LATEST_LOCK}", min.period);
            let write = "a shorter period, or plan for what keeps it when no lock does any more";
            complaints.add(Code::BeyondStores, place, message, write);
        }
    }
}

fn check_deletion(stream: &Stream<'_>, complaints: &mut Complaints) {
    let ends = |cited: &Cited<'_>| cited.rule.max_is_duty();
    if stream.rule.personal_data.is_some() && !stream.cited.iter().any(ends) && stream.is_whole {
        let message = "personal data that no rule ends the keeping of";
        let write = "a citation like `{reg: eu-gdpr-5-1-e, set_max: P18M, rationale: …}`";
        complaints.add(Code::NoDeletionDuty, &stream.personal, message, write);
    }
}

fn check_pair(
    min: &Cited<'_>,
    max: &Cited<'_>,
    stream: &Stream<'_>,
    setting: &Setting,
    complaints: &mut Complaints,
) {
    let (Some((keep, _)), Some((go, place))) = (&min.min, &max.max) else { return };
    let (min_id, max_id) = (&min.rule.id, &max.rule.id);
    if max.rule.max_meets_foreign(min.rule) && max.citation.decision.is_none() {
        let message = format!("`{min_id}` is not law that the GDPR gives way to");
        let write = "`decision: {code: C3, resolve: keep, approved_by: [a, b], review_by: DATE}`";
        complaints.add(Code::ForeignLaw, &max.place, message, write);
    }
    let crossing = go.shorter_than(keep);
    let clock = &stream.rule.clock;
    // A stream without an event has a complaint about it already.
    let awaited = clock
        .starts_of_min(min.rule)
        .first()
        .copied()
        .filter(|_| *clock != Clock::EventTime && clock.starts_of_max(max.rule).is_empty());
    if max.rule.max_yields_to(min.rule) {
        if crossing.is_some() || awaited.is_some() {
            let message = format!("`{max_id}` yields to `{min_id}`, which is longer");
            complaints.add(Code::Exempted, place, message, "nothing, if that is so");
        }
        return;
    }
    if max.citation.gives_way() {
        return;
    }
    if let Some(event) = awaited {
        let message =
            format!("`{min_id}` waits for `{event}`, and `{max_id}` counts from the record itself");
        let write = "them in two streams, or `decision: {code: C1, …}`";
        complaints.add(Code::HardConflict, place, message, write);
        return;
    }
    if let Some(day) = crossing {
        let (from, to) = (keep.end(day), go.end(day));
        let message = format!("from {day} `{min_id}` keeps to {from}, `{max_id}` ends on {to}");
        let write = "periods that leave room, or `decision: {code: C1, …}`";
        complaints.add(Code::HardConflict, place, message, write);
    } else if keep.meets(go) {
        if !stream.rule.pre_approved || !stream.rule.grace.is_zero() {
            let message = format!("`{max_id}` leaves no day after `{min_id}`");
            let write = "`pre_approved: true` and `grace: P0D` in the stream";
            complaints.add(Code::ZeroWidth, place, message, write);
        }
    } else {
        check_window(keep, go, &stream.rule, setting, place, complaints);
    }
}

/// What has to happen between the end of the minimum and that of the maximum.
fn check_window(
    keep: &Term,
    go: &Term,
    rule: &StreamRule,
    setting: &Setting,
    place: &Place,
    complaints: &mut Complaints,
) {
    let defaults = &setting.defaults;
    let review = if rule.pre_approved { Period::ZERO } else { defaults.review_sla };
    let span_days = days_of(rule.max_span);
    let tightest = anchors().filter_map(|day| {
        let (from, to) = (keep.end(day), go.end(day));
        let steps = [rule.grace, review, defaults.sweep_every];
        let done = steps.iter().try_fold(from, |at, step| step.after(at))?;
        let needed = days_between(from, done)?.checked_add(span_days)?;
        let window = days_between(from, to)?;
        Some((window.checked_sub(needed)?, day, window, needed))
    });
    let Some((slack, day, window, needed)) = tightest.min() else { return };
    if slack < 0 {
        let (grace, sweep, span) = (rule.grace, defaults.sweep_every, rule.max_span);
        let message = format!(
            "from {day} there are {window} days between `{}` and `{}`, and grace {grace} + review \
             {review} + sweep {sweep} + segment {span} take {needed}",
            keep.period, go.period
        );
        let write = "a longer maximum, a shorter grace or review, or `pre_approved: true`";
        complaints.add(Code::WindowTooSmall, place, message, write);
    }
}

fn days_between(from: Date, to: Date) -> Option<i64> {
    from.until(to).ok().map(|span| i64::from(span.get_days()))
}

/// Whole days, rounded up.
fn days_of(span: SignedDuration) -> i64 {
    const DAY_SECONDS: i64 = 86_400;
    let seconds = span.as_secs().saturating_add(DAY_SECONDS).saturating_sub(1);
    seconds.checked_div(DAY_SECONDS).unwrap_or_default()
}

/// The last day that a stream's minima keep a record made on a day to.
fn kept_to(stream: &Stream<'_>, day: Date) -> Option<Date> {
    stream.cited.iter().filter_map(|cited| Some(cited.min.as_ref()?.0.end(day))).max()
}

/// What may stand and should be known.
fn advise(stream: &Stream<'_>, complaints: &mut Complaints) {
    let has_min = stream.cited.iter().any(|cited| cited.min.is_some());
    let has_open = stream.cited.iter().any(|cited| cited.rule.retain_min.is_open());
    if !has_min && stream.is_whole && !has_open {
        let message = "no rule keeps it for any time";
        complaints.add(Code::NoMinimum, &stream.id, message, "a rule with a minimum, if need be");
    }
    for cited in &stream.cited {
        let id = &cited.rule.id;
        let short = |advised: &Term| anchors().any(|d| kept_to(stream, d) < Some(advised.end(d)));
        if let Some(advised) = cited.advised_min.as_ref().filter(|advised| short(advised)) {
            let message = format!("`{id}` recommends to keep it `{}`", advised.period);
            let write = format!("`set_min: {}` with a rationale to follow it", advised.period);
            complaints.add(Code::BelowRecommended, &cited.place, message, write);
        }
        let long = |advised: &Term| anchors().any(|d| kept_to(stream, d) > Some(advised.end(d)));
        if let Some(advised) = cited.advised_max.as_ref().filter(|advised| long(advised)) {
            let message = format!("`{id}` recommends to end it after `{}`", advised.period);
            complaints.add(Code::AboveRecommended, &cited.place, message, "nothing, if you must");
        }
    }
}

/// An audit trail is kept at least as long as the records that it is about.
pub(super) fn check_relations(streams: &[Stream<'_>], complaints: &mut Complaints) {
    for stream in streams {
        for cited in &stream.cited {
            let wanted = cited.rule.retain_min == Minimum::AtLeastSubjectRecord;
            if wanted && cited.rule.basis != Basis::None {
                check_relation(stream, cited, streams, complaints);
            }
        }
    }
}

fn check_relation(
    stream: &Stream<'_>,
    cited: &Cited<'_>,
    streams: &[Stream<'_>],
    complaints: &mut Complaints,
) {
    let code = Code::ShorterThanSubject;
    let Some((id, place)) = &cited.subject else {
        let message =
            format!("`{}` keeps it as long as the records that it is about", cited.rule.id);
        let write = "`subject_stream` and the id of the stream with those records";
        complaints.add(code, &cited.place, message, write);
        return;
    };
    let others = streams.iter().filter(|other| other.rule.id != stream.rule.id);
    let Some(subject) = others.into_iter().find(|other| other.rule.id == *id) else {
        let message = format!("`{id}` is not another stream of the policy");
        complaints.add(code, place, message, "the id of the stream with the records");
        return;
    };
    let clock = &subject.rule.clock;
    if *clock != Clock::EventTime && *clock != stream.rule.clock {
        let message = format!("the clock of `{id}` is another event");
        complaints.add(code, place, message, "the same `clock` in both streams");
        return;
    }
    let shorter = anchors().find(|day| kept_to(stream, *day) < kept_to(subject, *day));
    if let Some(day) = shorter {
        let end = kept_to(subject, day).unwrap_or(Date::MAX);
        let message = format!("from {day} it ends before `{id}`, which is kept to {end}");
        let write = "a longer `set_min`, or the rules of that stream here too";
        complaints.add(code, place, message, write);
    }
}
