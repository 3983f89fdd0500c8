//! What is held, since when, and what a release left held.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::SegmentId;
use strongroom_crypto::name::{ClassName, HoldId, StreamName};
use strongroom_crypto::state::LiveSegment;

use super::table::{Cell, Column, Table, column};
use super::{AsOf, ReportError};
use crate::hold::{History, Matter, Placed};
use crate::policies::About;

const COLUMNS: [Column; 17] = [
    column("hold"),
    column("state"),
    column("class"),
    column("segments"),
    column("events"),
    column("bytes"),
    column("placed_at"),
    column("placed_entry"),
    column("placed_times"),
    column("listed"),
    column("listed_gone"),
    column("standing"),
    column("released_at"),
    column("released_entry"),
    column("still_held"),
    column("still_held_by"),
    column("flags_not_as_ordered"),
];

/// What only those see who open the encrypted details.
const DETAILS: [Column; 2] = [column("matter"), column("custodians")];

/// Opens what a placing is about; none if it was erased.
pub type Open<'a> = &'a dyn Fn(&Placed) -> Option<Result<Matter, String>>;

/// Live segments that were ever under a hold, and what is known of them.
struct Touched<'a> {
    segment: &'a LiveSegment,
    class: ClassName,
    events: u64,
    /// The holds over it now.
    over: Vec<HoldId>,
    /// The store's flag, if the object is there.
    flag: Option<bool>,
}

/// Of one hold and one class.
#[derive(Default)]
struct Sum {
    segments: u64,
    events: u64,
    bytes: u64,
    still_held: u64,
    still_held_by: BTreeSet<String>,
    flags: u64,
}

/// A row for each hold and record class; one without a class for a hold over nothing. `open` adds
/// matters and custodians.
///
/// # Errors
///
/// [`ReportError`].
pub fn holds(archive: &AsOf<'_>, open: Option<Open<'_>>) -> Result<Table, ReportError> {
    let touched = touched(archive)?;
    let mut rows = Vec::new();
    for (id, history) in &archive.history.holds {
        let about = about(archive, history)?;
        let mut sums: BTreeMap<Option<ClassName>, Sum> = BTreeMap::new();
        for one in touched.iter().filter(|one| archive.history.was_over(id, history, one.segment)) {
            sums.entry(Some(one.class.clone())).or_default().add(id, history, one);
        }
        if sums.is_empty() {
            sums.insert(None, Sum::default());
        }
        for (class, sum) in sums {
            rows.push(row(id, history, class, &sum, &about, open));
        }
    }
    let mut columns = COLUMNS.to_vec();
    if open.is_some() {
        columns.extend(DETAILS);
    }
    let notes = vec![
        "placed, listed and standing say the same in every row of a hold".to_owned(),
        "flags are looked at on segments alone; `strongroom verify` looks at manifests and keys too"
            .to_owned(),
    ];
    Ok(Table { report: "holds", columns, rows, notes })
}

fn touched<'a>(archive: &'a AsOf<'_>) -> Result<Vec<Touched<'a>>, ReportError> {
    let ever = |segment: &&LiveSegment| {
        let mut holds = archive.history.holds.iter();
        holds.any(|(id, history)| archive.history.was_over(id, history, segment))
    };
    let segments: Vec<&LiveSegment> = archive.state().segments().filter(ever).collect();
    let heads = archive.heads(&segments)?;
    let mut touched = Vec::new();
    for segment in segments {
        let id = &segment.segment_id;
        touched.push(Touched {
            segment,
            class: archive.class(&About::from(segment), &segment.class, archive.at),
            events: archive.seal(id).map_or(0, |seal| seal.events.count),
            over: archive.state().holds_over(segment)?,
            flag: heads.get(id).map(|head| head.hold),
        });
    }
    Ok(touched)
}

/// What every row of a hold says: listed segments, those of them that orders destroy, and of which
/// streams new segments are held.
struct AboutHold {
    listed: u64,
    gone: u64,
    standing: Vec<String>,
}

fn about(archive: &AsOf<'_>, history: &History) -> Result<AboutHold, ReportError> {
    let ids = archive.history.lists_of(history).flat_map(|list| list.as_slice().iter().copied());
    let listed: BTreeSet<SegmentId> = ids.collect();
    let mut gone = 0_u64;
    for id in &listed {
        let live = archive.state().segment(id)?.is_some();
        let ordered = archive.state().order_over(id)?.is_some();
        gone = gone.saturating_add(u64::from(!live || ordered));
    }
    let standing = history.placed.iter().filter_map(|placed| placed.standing.as_ref());
    let mut streams = BTreeSet::new();
    for standing in standing {
        if standing.streams.is_empty() {
            streams.insert("every stream".to_owned());
        }
        streams.extend(standing.streams.iter().map(StreamName::to_string));
    }
    let listed = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    Ok(AboutHold { listed, gone, standing: streams.into_iter().collect() })
}

impl Sum {
    fn add(&mut self, id: &HoldId, history: &History, one: &Touched<'_>) {
        let up = |count: &mut u64, by: u64| *count = count.saturating_add(by);
        let held = one.over.contains(id);
        if held {
            up(&mut self.segments, 1);
            up(&mut self.events, one.events);
            up(&mut self.bytes, one.segment.bytes);
        }
        if history.released.is_some() && !one.over.is_empty() {
            up(&mut self.still_held, 1);
            self.still_held_by.extend(one.over.iter().map(HoldId::to_string));
        }
        let left = history.released.is_some() && one.over.is_empty() && one.flag == Some(true);
        up(&mut self.flags, u64::from(left || (held && one.flag == Some(false))));
    }
}

fn row(
    id: &HoldId,
    history: &History,
    class: Option<ClassName>,
    sum: &Sum,
    about: &AboutHold,
    open: Option<Open<'_>>,
) -> Vec<Cell> {
    let first = history.placed.first();
    let (released_entry, released_at) =
        history.released.as_ref().map(|one| (one.index, one.at)).unzip();
    let state = if history.released.is_some() { "released" } else { "active" };
    let by: Vec<String> = sum.still_held_by.iter().cloned().collect();
    let mut row = vec![
        id.to_string().into(),
        state.into(),
        class.map(|class| class.to_string()).into(),
        sum.segments.into(),
        sum.events.into(),
        sum.bytes.into(),
        first.map(|placed| placed.at).into(),
        first.map(|placed| placed.index).into(),
        u64::try_from(history.placed.len()).unwrap_or(u64::MAX).into(),
        about.listed.into(),
        about.gone.into(),
        about.standing.clone().into(),
        released_at.into(),
        released_entry.into(),
        sum.still_held.into(),
        by.into(),
        sum.flags.into(),
    ];
    if let Some(open) = open {
        row.extend(details(history, open));
    }
    row
}

/// Matters and custodians; why one cannot be read stands in its place.
fn details(history: &History, open: Open<'_>) -> [Cell; 2] {
    let (mut matters, mut custodians) = (Vec::new(), BTreeSet::new());
    for placed in &history.placed {
        matters.push(match open(placed) {
            None => "(erased)".to_owned(),
            Some(Err(reason)) => format!("(unreadable: {reason})"),
            Some(Ok(matter)) => {
                custodians.extend(matter.custodians);
                matter.matter
            }
        });
    }
    matters.dedup();
    [matters.into(), custodians.into_iter().collect::<Vec<_>>().into()]
}
