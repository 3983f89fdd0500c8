//! Which streams are not as they should be.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Seal;
use strongroom_crypto::name::{ClassName, StreamName};
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::time::Instant;
use strongroom_retention::facts::Times;

use super::days::{Days, Run};
use super::table::{Cell, Column, Table, column, exact};
use super::{AsOf, ReportError, Span};
use crate::log::timestamp;
use crate::quarantine::is_quarantined;

const COLUMNS: [Column; 20] = [
    column("stream"),
    column("findings"),
    column("configured"),
    column("class"),
    column("policy_version"),
    exact("policy"),
    column("sealed_segments"),
    column("live_segments"),
    column("quarantined"),
    column("events"),
    column("oldest_event"),
    column("newest_event"),
    column("last_received"),
    column("last_sealed"),
    column("days"),
    column("gap_days"),
    column("gaps"),
    column("origins"),
    column("silent_origins"),
    exact("silent_origins_last_received"),
];

/// What to look for.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The streams of the configuration, if there is one.
    pub configured: Option<BTreeSet<StreamName>>,
    /// A stream, or a source of one, of which nothing was received for longer is silent.
    pub silent_after: Duration,
}

impl Expected {
    /// Whether what was received last is too long ago.
    fn is_silent(&self, last: Instant, at: Timestamp) -> bool {
        let after = SignedDuration::try_from(self.silent_after).unwrap_or(SignedDuration::MAX);
        at.duration_since(timestamp(last)) > after
    }
}

/// What the log says of one stream.
#[derive(Default)]
struct Seen {
    sealed: u64,
    live: u64,
    quarantined: u64,
    events: u64,
    times: Span,
    received: Span,
    last_sealed: Option<Instant>,
    days: Days,
}

/// A row for each stream of the configuration and of the log.
///
/// # Errors
///
/// [`ReportError`].
pub fn coverage(archive: &AsOf<'_>, expected: &Expected) -> Result<Table, ReportError> {
    let mut names: BTreeSet<StreamName> = expected.configured.clone().unwrap_or_default();
    names.extend(archive.history.seals.values().map(|(_, seal)| seal.stream.clone()));
    let mut rows = Vec::new();
    for name in &names {
        let mut seen = Seen::default();
        let seals = archive.history.seals.values().map(|(_, seal)| seal);
        for seal in seals.filter(|seal| seal.stream == *name) {
            seen.add(archive, seal)?;
        }
        rows.push(seen.row(archive, expected, name));
    }
    let silent = SignedDuration::try_from(expected.silent_after).unwrap_or(SignedDuration::MAX);
    let mut notes = vec![
        format!("silent: nothing was received for {silent:#}; `--silent-after` says how long"),
        "silent_origins: sources of which nothing was received for so long, by segment; with `--csv` and `--json` which, by their handles, and when they were heard of last: `strongroom status --json` has their names. A file that is written once, like those of CloudTrail, is an origin that falls silent".to_owned(),
        "gaps: days in UTC between the first and the last of which no segment has events; what is missing within a segment is not seen. Windows have no gaps: the log takes them only in the order of their numbers".to_owned(),
        "quarantined: segments whose events say that they happened later than `max_future_skew` of the policy after their receipt; they are dated by it".to_owned(),
    ];
    if expected.configured.is_none() {
        notes.push("without `--config` it is not known which streams should be there, and one that a policy matches by its labels counts as unclassified".to_owned());
    }
    notes.push(archive.closed.map_or_else(
        || "no run has ended yet".to_owned(),
        |closed| format!("the last run ended {closed}"),
    ));
    Ok(Table { report: "coverage", columns: COLUMNS.to_vec(), rows, notes })
}

/// How new events of a stream would be classified: class, policy and its version.
pub(super) fn classified(
    archive: &AsOf<'_>,
    stream: &StreamName,
) -> Option<(ClassName, Digest, Option<u64>)> {
    let now = Times::at(archive.at);
    let sealing = archive.policies.sealing(stream, Some(now), now, archive.at)?;
    let mut known = archive.state().policies().iter();
    let version = known.find(|record| record.policy == sealing.policy).map(|one| one.version);
    Some((sealing.class, sealing.policy, version))
}

impl Seen {
    fn add(&mut self, archive: &AsOf<'_>, seal: &Seal) -> Result<(), ReportError> {
        let times = archive.times(seal);
        let live = archive.state().segment(&seal.segment_id)?.is_some();
        let quarantined = is_quarantined(seal, archive.skew(seal));
        self.sealed = self.sealed.saturating_add(1);
        self.live = self.live.saturating_add(u64::from(live));
        self.quarantined = self.quarantined.saturating_add(u64::from(quarantined));
        self.events = self.events.saturating_add(seal.events.count);
        self.times.add_range(times);
        self.received.add_range(seal.receive_time);
        self.last_sealed =
            self.last_sealed.max(archive.history.sealed_at.get(&seal.segment_id).copied());
        self.days.add(times, seal.late);
        Ok(())
    }

    fn row(&self, archive: &AsOf<'_>, expected: &Expected, name: &StreamName) -> Vec<Cell> {
        let configured = expected.configured.as_ref().map(|names| names.contains(name));
        let classified = classified(archive, name);
        let reach = self.days.reach();
        let gaps = reach.map(|reach| self.days.gaps(reach)).unwrap_or_default();
        let is_silent = |last| expected.is_silent(last, archive.at);
        let silent = self.received.last.is_some_and(is_silent);
        let (silent_origins, heard): (Vec<_>, Vec<_>) =
            archive.origins.of(name).partition(|(_, last)| is_silent(*last));
        let all_origins = silent_origins.len().saturating_add(heard.len());
        let findings = [
            ("never_archived", self.sealed == 0),
            ("not_configured", configured == Some(false)),
            ("unclassified", classified.is_none()),
            ("silent", silent),
            ("silent_origins", !silent && !silent_origins.is_empty()),
            ("gaps", !gaps.is_empty()),
        ];
        let found = findings.into_iter().filter(|(_, found)| *found);
        let findings: Vec<String> = found.map(|(name, _)| name.to_owned()).collect();
        let gap_days = gaps.iter().map(|gap| gap.len()).fold(0, u64::saturating_add);
        let (class, policy, version) = match classified {
            Some((class, policy, version)) => (Some(class.to_string()), Some(policy), version),
            None => (None, None, None),
        };
        vec![
            name.to_string().into(),
            findings.into(),
            configured.into(),
            class.into(),
            version.into(),
            policy.into(),
            self.sealed.into(),
            self.live.into(),
            self.quarantined.into(),
            self.events.into(),
            self.times.first.into(),
            self.times.last.into(),
            self.received.last.into(),
            self.last_sealed.into(),
            reach.map(Run::len).into(),
            gap_days.into(),
            gaps.iter().map(Run::to_string).collect::<Vec<_>>().into(),
            number(all_origins),
            number(silent_origins.len()),
            listed(&silent_origins),
        ]
    }
}

fn number(count: usize) -> Cell {
    u64::try_from(count).unwrap_or(u64::MAX).into()
}

fn listed(origins: &[(OriginHandle, Instant)]) -> Cell {
    origins.iter().map(|(handle, last)| format!("{handle} {last}")).collect::<Vec<_>>().into()
}
