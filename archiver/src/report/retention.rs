//! What is kept, until when, and what stands in the way of its going.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::name::{ClassName, StreamName};
use strongroom_retention::decision::Flag;

use super::table::{Cell, Column, Table, column, exact};
use super::{AsOf, Examined, ReportError, Span};
use crate::disposition::review::Stages;
use crate::log::{instant, timestamp};

const NAME: &str = "retention";

/// The states of live segments, in the order of their columns.
const STATES: [&str; 6] = ["OPEN", "RETAIN", "ELIGIBLE", "IN_REVIEW", "APPROVED", "DESTROYING"];
/// The flags, in the order of their columns.
const FLAGS: [Flag; 3] = [Flag::Held, Flag::Blocked, Flag::Overdue];

const COLUMNS: [Column; 31] = [
    column("stream"),
    column("class"),
    column("policy_version"),
    exact("policy"),
    column("schedule_item"),
    column("segments"),
    column("events"),
    column("bytes"),
    column("oldest_event"),
    column("newest_event"),
    column("keep_until_first"),
    column("keep_until_last"),
    column("must_go_by_first"),
    column("must_go_by_last"),
    column("open"),
    column("retain"),
    column("eligible"),
    column("in_review"),
    column("approved"),
    column("destroying"),
    column("held"),
    column("blocked"),
    column("overdue"),
    column("unclassified"),
    column("locked_beyond_schedule"),
    column("locked_beyond_until"),
    column("mode_below_policy"),
    column("over_max_span"),
    column("lock_not_seen"),
    column("missing"),
    column("gone_since"),
];

const SEGMENT_COLUMNS: [Column; 23] = [
    column("segment"),
    column("stream"),
    column("class"),
    column("policy_version"),
    exact("policy"),
    column("schedule_item"),
    column("deciding_rule"),
    exact("entry"),
    exact("object"),
    column("events"),
    column("bytes"),
    column("oldest_event"),
    column("newest_event"),
    column("keep_until"),
    column("must_go_by"),
    column("may_go_from"),
    column("state"),
    column("flags"),
    column("lock_mode"),
    column("lock_until"),
    column("locked_beyond_until"),
    column("mode_below_policy"),
    column("over_max_span"),
];

/// What is treated alike: a stream's class under one policy.
type Key = (StreamName, ClassName, Option<(u64, Digest, String)>);

#[derive(Default)]
struct Sum {
    segments: u64,
    events: u64,
    bytes: u64,
    times: Span,
    keep: Span,
    must_go: Span,
    states: [u64; STATES.len()],
    flags: [u64; FLAGS.len()],
    unclassified: u64,
    beyond: u64,
    beyond_until: Span,
    mode_below: u64,
    over_max_span: u64,
    lock_not_seen: u64,
    missing: u64,
    gone: u64,
}

/// A row for each stream, class and policy.
///
/// # Errors
///
/// [`ReportError`].
pub fn retention(archive: &AsOf<'_>) -> Result<Table, ReportError> {
    let (stages, mut sums) = (archive.stages()?, BTreeMap::<Key, Sum>::new());
    for one in &archive.examine(&stages)? {
        sums.entry(key(one)).or_default().add(archive, one);
    }
    let rows = sums.into_iter().map(|((stream, class, policy), sum)| {
        let (version, digest, item) = parts(policy);
        let mut row = vec![stream.to_string().into(), class.to_string().into()];
        row.extend([version, digest, item]);
        row.extend(sum.cells());
        row
    });
    let (rows, notes) = (rows.collect(), notes(&stages));
    Ok(Table { report: NAME, columns: COLUMNS.to_vec(), rows, notes })
}

/// A row for each segment, in the order of the log.
///
/// # Errors
///
/// [`ReportError`].
pub fn segments(archive: &AsOf<'_>) -> Result<Table, ReportError> {
    let stages = archive.stages()?;
    let examined = archive.examine(&stages)?;
    let rows = examined.iter().map(|one| segment(archive, one)).collect();
    Ok(Table { report: NAME, columns: SEGMENT_COLUMNS.to_vec(), rows, notes: notes(&stages) })
}

fn notes(stages: &Stages) -> Vec<String> {
    let mut notes = vec![
        "events are dated by what they say, or by their receipt where they do not, or say what lies ahead of it".to_owned(),
        "missing: the object is not there as it was sealed; gone since: an order that is carried out by now destroyed it".to_owned(),
        "in review: of a batch that waits for approval, or whose approval counts no more; `strongroom report dispositions` shows batches".to_owned(),
    ];
    notes.extend(stages.lost.iter().map(|batch| format!("of batch sha256:{batch} statement or list is missing or damaged: which segments it makes in review or approved is not known")));
    notes
}

fn key(one: &Examined<'_>) -> Key {
    let governed = one.decision.governed_by.as_ref();
    let policy = governed.map(|by| (by.version, by.digest, by.stream_rule.clone()));
    (one.segment.stream.clone(), one.class().clone(), policy)
}

fn parts(policy: Option<(u64, Digest, String)>) -> (Cell, Cell, Cell) {
    policy.map_or((Cell::Empty, Cell::Empty, Cell::Empty), |(version, digest, item)| {
        (version.into(), digest.into(), item.into())
    })
}

fn mode_below(archive: &AsOf<'_>, one: &Examined<'_>) -> bool {
    archive.policies.is_mode_below(&one.decision, one.lock())
}

/// Whether more time lies between its events than the policy wants, those ahead of their receipt left out.
fn over_max_span(archive: &AsOf<'_>, one: &Examined<'_>) -> bool {
    let wanted = one.decision.governed_by.as_ref().and_then(|by| archive.policies.max_span(by));
    let said = one.segment.event_time;
    said.zip(wanted).is_some_and(|(said, wanted)| {
        let last = said.max().min(one.segment.receive_time.max());
        timestamp(last).duration_since(timestamp(said.min())) > wanted
    })
}

impl Sum {
    fn add(&mut self, archive: &AsOf<'_>, one: &Examined<'_>) {
        let decision = &one.decision;
        let up = |count: &mut u64, yes: bool| *count = count.saturating_add(u64::from(yes));
        up(&mut self.segments, true);
        self.events = self.events.saturating_add(one.events);
        self.bytes = self.bytes.saturating_add(one.segment.bytes);
        self.times.add_range(one.times);
        self.keep.add_time(decision.keep_until.instant());
        self.must_go.add_time(decision.must_go_by);
        for (count, state) in self.states.iter_mut().zip(STATES) {
            up(count, one.decision.state.as_str() == state);
        }
        for (count, flag) in self.flags.iter_mut().zip(FLAGS) {
            up(count, decision.flags.contains(&flag));
        }
        up(&mut self.unclassified, decision.governed_by.is_none());
        if let Some(until) = one.locked_beyond(archive.at) {
            up(&mut self.beyond, true);
            self.beyond_until.add(until);
        }
        up(&mut self.mode_below, mode_below(archive, one));
        up(&mut self.over_max_span, over_max_span(archive, one));
        up(&mut self.lock_not_seen, one.is_there() && one.lock().is_none());
        up(&mut self.missing, one.is_missing());
        up(&mut self.gone, one.gone);
    }

    fn cells(self) -> Vec<Cell> {
        let mut cells: Vec<Cell> = [self.segments, self.events, self.bytes].map(Cell::from).into();
        for span in [self.times, self.keep, self.must_go] {
            cells.extend([span.first.into(), span.last.into()]);
        }
        cells.extend(self.states.map(Cell::from));
        cells.extend(self.flags.map(Cell::from));
        cells.extend([
            self.unclassified.into(),
            self.beyond.into(),
            self.beyond_until.last.into(),
            self.mode_below.into(),
            self.over_max_span.into(),
            self.lock_not_seen.into(),
            self.missing.into(),
            self.gone.into(),
        ]);
        cells
    }
}

fn segment(archive: &AsOf<'_>, one: &Examined<'_>) -> Vec<Cell> {
    let (stream, class, policy) = key(one);
    let (version, digest, item) = parts(policy);
    let (decision, times) = (&one.decision, one.times);
    let flags: Vec<String> = decision.flags.iter().map(|flag| flag.as_str().to_owned()).collect();
    vec![
        one.segment.segment_id.to_string().into(),
        stream.to_string().into(),
        class.to_string().into(),
        version,
        digest,
        item,
        decision.deciding_rule.clone().into(),
        one.segment.index.into(),
        one.segment.object.to_string().into(),
        one.events.into(),
        one.segment.bytes.into(),
        times.min().into(),
        times.max().into(),
        decision.keep_until.instant().map(instant).into(),
        decision.must_go_by.map(instant).into(),
        one.goes().map(instant).into(),
        one.decision.state.as_str().into(),
        flags.into(),
        one.lock().map(|lock| lock.mode.as_str()).into(),
        one.lock().map(|lock| instant(lock.until)).into(),
        one.locked_beyond(archive.at).into(),
        mode_below(archive, one).into(),
        over_max_span(archive, one).into(),
    ]
}
