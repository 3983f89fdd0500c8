//! PCI DSS 10.5.1: audit logs are kept for at least 12 months, and the last three months of them are
//! immediately available.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{Span as CalendarSpan, Timestamp, ToSpan as _};
use strongroom_crypto::entry::TimeRange;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::KeepUntil;
use strongroom_retention::hold::Holds;
use strongroom_retention::period::{Counting, Cutoff, Period};

use super::coverage::classified;
use super::days::{Days, Run, day};
use super::table::{Cell, Column, Table, column};
use super::{AsOf, Examined, ReportError, Span};
use crate::disposition::review::Stages;
use crate::log::instant;
use crate::policies::About;

const COLUMNS: [Column; 18] = [
    column("stream"),
    column("verdict"),
    column("reasons"),
    column("class"),
    column("policy_version"),
    column("oldest_event"),
    column("newest_event"),
    column("twelve_months_from"),
    column("segments_12_months"),
    column("destroyed_12_months"),
    column("missing_12_months"),
    column("days_without_events"),
    column("gaps"),
    column("segments_3_months"),
    column("available_3_months"),
    column("lock_modes"),
    column("lock_until_first"),
    column("lock_until_last"),
];

/// What makes the answer no.
const FAILS: [&str; 3] = ["destroyed_too_early", "missing", "policy_keeps_less"];

/// What a row is made from.
#[derive(Default)]
struct System<'a> {
    examined: Vec<&'a Examined<'a>>,
    /// Ends of the events of segments that were destroyed.
    destroyed: Vec<Instant>,
    /// When it began: the first event of all seals, also of those segments.
    began: Option<Instant>,
}

/// The windows that the standard names.
#[derive(Clone, Copy)]
struct Windows {
    at: Instant,
    year: Instant,
    quarter: Instant,
}

/// A row for each stream of the log and of the configuration.
///
/// # Errors
///
/// [`ReportError`].
pub fn pci(archive: &AsOf<'_>, configured: &BTreeSet<StreamName>) -> Result<Table, ReportError> {
    let examined = archive.examine(&Stages::default())?;
    let mut systems: BTreeMap<StreamName, System<'_>> =
        configured.iter().map(|name| (name.clone(), System::default())).collect();
    for one in &examined {
        systems.entry(one.segment.stream.clone()).or_default().examined.push(one);
    }
    for (_, seal) in archive.history.seals.values() {
        let (times, system) =
            (archive.times(seal), systems.entry(seal.stream.clone()).or_default());
        system.began = Some(system.began.map_or(times.min(), |began| began.min(times.min())));
        if archive.state().segment(&seal.segment_id)?.is_none() {
            system.destroyed.push(times.max());
        }
    }
    let before = |span: CalendarSpan| {
        let date = archive.at.to_zoned(TimeZone::UTC).date().checked_sub(span).ok();
        let start = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
        instant(start.map_or(Timestamp::UNIX_EPOCH, |start| start.timestamp()))
    };
    let (year, quarter) = (before(12.months()), before(3.months()));
    let windows = Windows { at: archive.instant(), year, quarter };
    let rows = systems.iter().map(|(name, system)| system.row(archive, name, windows)).collect();
    let notes = text(windows);
    Ok(Table { report: "pci-10.5.1", columns: COLUMNS.to_vec(), rows, notes })
}

/// What the report says, and what it cannot say.
fn text(windows: Windows) -> Vec<String> {
    let lines = [
        format!(
            "PCI DSS 10.5.1 wants audit log history for at least 12 months (here from {}), the last three months of it (from {}) immediately available for analysis.",
            windows.year, windows.quarter
        ),
        "A row is a stream of the archive. PASS: its first event, which may be destroyed since, is no later than the first day of the window, every day of that has events, no segment of the window was destroyed or is missing, all of the last three months are in the store as they were sealed, their locks are seen and not over, and the policy keeps new events for 12 months. FAIL: one of the reasons destroyed_too_early, missing, policy_keeps_less. NOT PROVEN: any other reason.".to_owned(),
        "Reasons: began_within_12_months (whether there was a system before is not known here), days_without_events, no_events, unclassified (no policy says how long), no_date (its periods count from something that has not happened), destroyed_since (by an order after the report's instant: what is gone cannot be looked at), lock_not_seen, lock_over.".to_owned(),
        "Available means that the store described each object, with the SHA-256 that was sealed. It does not say in which storage class it is, and its bytes were not read: `strongroom verify --deep` reads them.".to_owned(),
        "What this report cannot say: which systems are in scope and whether each of them sends its logs here; what a source left out before it was archived; how long a restore takes (time a drill: `strongroom cat` of a segment of each stream); who looks at the logs. A lock of mode GOVERNANCE is as good as the permissions of the bucket: `strongroom doctor --attest` tries them.".to_owned(),
    ];
    lines.into()
}

impl System<'_> {
    fn row(&self, archive: &AsOf<'_>, name: &StreamName, windows: Windows) -> Vec<Cell> {
        let mut times = Span::default();
        for one in &self.examined {
            times.add_range(one.times);
        }
        let year = self.since(windows.year);
        let quarter = self.since(windows.quarter);
        let there = quarter.iter().filter(|one| one.is_there()).count();
        let missing = year.iter().filter(|one| one.is_missing()).count();
        let destroyed = self.destroyed.iter().filter(|last| **last >= windows.year).count();
        let gaps = self.gaps(windows);
        let began_within = self.began.is_some_and(|began| day(began) > day(windows.year));
        let classified = classified(archive, name);
        let (mut modes, mut locks) = (BTreeSet::new(), Span::default());
        for lock in year.iter().filter_map(|one| one.lock()) {
            modes.insert(lock.mode.as_str().to_owned());
            locks.add(instant(lock.until));
        }
        let unlocked = year.iter().any(|one| one.is_there() && one.lock().is_none());
        let (kept, no_date) = match (&classified, keeps(archive, name)) {
            (None, _) => (true, false),
            (Some(_), None) => (true, true),
            (Some(_), Some(keeps)) => (keeps, false),
        };
        let reasons = [
            ("destroyed_too_early", destroyed > 0),
            ("missing", missing > 0),
            ("policy_keeps_less", !kept),
            ("no_events", times.first.is_none()),
            ("began_within_12_months", began_within),
            ("days_without_events", !gaps.is_empty()),
            ("unclassified", classified.is_none()),
            ("no_date", no_date),
            ("destroyed_since", year.iter().any(|one| one.gone)),
            ("lock_not_seen", unlocked),
            ("lock_over", locks.first.is_some_and(|first| first <= windows.at)),
        ];
        let reasons = reasons.into_iter().filter(|(_, found)| *found).map(|(name, _)| name);
        let reasons: Vec<String> = reasons.map(str::to_owned).collect();
        let gap_days = gaps.iter().map(|gap| gap.len()).fold(0, u64::saturating_add);
        vec![
            name.to_string().into(),
            verdict(&reasons).into(),
            reasons.into(),
            classified.as_ref().map(|(class, _, _)| class.to_string()).into(),
            classified.and_then(|(_, _, version)| version).into(),
            times.first.into(),
            times.last.into(),
            windows.year.into(),
            count(year.len()),
            count(destroyed),
            count(missing),
            gap_days.into(),
            gaps.iter().map(Run::to_string).collect::<Vec<_>>().into(),
            count(quarter.len()),
            count(there),
            modes.into_iter().collect::<Vec<_>>().into(),
            locks.first.into(),
            locks.last.into(),
        ]
    }

    /// The segments with events from an instant on.
    fn since(&self, from: Instant) -> Vec<&Examined<'_>> {
        let found = self.examined.iter().copied();
        found.filter(|one| one.times.max() >= from).collect()
    }

    /// The days without events, from the first event or the beginning of the window to yesterday:
    /// today's may be on their way.
    fn gaps(&self, windows: Windows) -> Vec<Run> {
        let Some(began) = self.began else { return Vec::new() };
        let mut days = Days::default();
        for one in &self.examined {
            days.add(one.times, one.late);
        }
        let first = day(began.max(windows.year));
        days.gaps(Run { first, last: day(windows.at).saturating_sub(1) })
    }
}

fn verdict(reasons: &[String]) -> &'static str {
    if reasons.iter().any(|reason| FAILS.contains(&reason.as_str())) {
        "FAIL"
    } else if reasons.is_empty() {
        "PASS"
    } else {
        "NOT PROVEN"
    }
}

fn count(number: usize) -> Cell {
    u64::try_from(number).unwrap_or(u64::MAX).into()
}

/// Whether an event of now would be kept for 12 months; none if no date is known.
fn keeps(archive: &AsOf<'_>, stream: &StreamName) -> Option<bool> {
    let now = TimeRange::new(archive.instant(), archive.instant())?;
    let about = About { stream, event_time: Some(now), receive_time: now, settle_until: now.max() };
    let decision = archive.policies.decide_about(&about, None, &Holds::default(), archive.at);
    let zone = decision.governed_by?.zone;
    let KeepUntil::Until(until) = decision.keep_until else { return None };
    let twelve: Period = "P12M".parse().ok()?;
    let least = Counting { zone, cutoff: Cutoff::None }.until(archive.at, twelve).ok()?;
    Some(until >= least)
}
