//! `strongroom hold list`

use std::collections::BTreeMap;

use clap::Args;
use strongroom_crypto::SegmentId;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{HoldId, OfficerId, StreamName};

use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::detail::Detail;
use crate::hold::{History, Ledger, Matter, Placed, Released};
use crate::store::{Covered, LockedStore};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// List the segments under each hold too
    #[arg(long)]
    segments: bool,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A hold as it is shown.
struct Shown<'a> {
    id: &'a HoldId,
    history: &'a History,
    /// Of an active one, which new segments it holds.
    standing: Option<Vec<StreamName>>,
    /// Live segments under it.
    held: Vec<SegmentId>,
    /// Their bytes.
    bytes: u64,
    /// What each placing says it is about, or why that cannot be read; none if it was erased.
    matters: Vec<Option<Result<Matter, String>>>,
    /// Why it was released, or why that cannot be read; none if nobody said or it was erased.
    reason: Option<Result<String, String>>,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let (store, keys, covered) =
        (place.store_read_only(machine)?, place.keys()?, Covered::default());
    let (ledger, _) = Ledger::read(&*store, &keys, &covered)?;
    let mut held: BTreeMap<HoldId, (Vec<SegmentId>, u64)> = BTreeMap::new();
    for segment in ledger.state().segments() {
        for hold in ledger.holds_over(segment)? {
            let (segments, bytes) = held.entry(hold).or_default();
            segments.push(segment.segment_id);
            *bytes = bytes.saturating_add(segment.bytes);
        }
    }
    let mut shown = Vec::new();
    for (id, history) in ledger.histories() {
        let active = ledger.state().holds().find(|(active, _)| *active == id);
        let standing = active.and_then(|(_, hold)| hold.standing.clone());
        let read = |placed| matter(&*store, &covered, &keys, placed);
        let released = history.released.as_ref().and_then(|released| released.detail);
        let (held, bytes) = held.remove(id).unwrap_or_default();
        shown.push(Shown {
            id,
            history,
            standing: standing.map(|standing| standing.streams),
            held,
            bytes,
            matters: history.placed.iter().map(read).collect(),
            reason: released
                .and_then(|digest| Detail::Release.read_text(&*store, &covered, &keys, digest)),
        });
    }
    if arguments.json {
        output::json(&object([
            ("epoch", ledger.state().hold_epoch().into()),
            ("holds", array(shown.iter().map(|one| one.to_json(arguments.segments)))),
            ("warnings", array(covered.warnings().into_iter().map(Value::Text))),
        ]))?;
    } else {
        if shown.is_empty() {
            output::line("no hold was ever placed")?;
        }
        shown.iter().try_for_each(|one| one.print(arguments.segments))?;
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}

/// Which new segments a standing hold holds, in words.
pub(in crate::cli) fn standing(streams: &[StreamName]) -> String {
    let names: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    if names.is_empty() {
        "new segments of every stream".to_owned()
    } else {
        format!("new segments of {}", names.join(", "))
    }
}

/// What a placing is about. A matter that cannot be read hides no hold.
pub(in crate::cli) fn matter(
    store: &dyn LockedStore,
    covered: &Covered,
    keys: &KeyFile,
    placed: &Placed,
) -> Option<Result<Matter, String>> {
    let read = Detail::Hold.load(store, covered, keys, placed.detail?);
    let opened = read.map_err(|error| error.to_string()).transpose()?;
    Some(opened.and_then(|bytes| Matter::parse(&bytes).map_err(|error| error.to_string())))
}

impl Shown<'_> {
    fn state(&self) -> &'static str {
        if self.history.released.is_some() { "released" } else { "active" }
    }

    fn print(&self, segments: bool) -> Result<(), Failure> {
        output::line(format!("{:<20} {}", self.id.as_str(), self.state()))?;
        if self.history.released.is_none() {
            let count = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
            let held = output::counted(count, "segment", "segments");
            output::line(format!("  holds       {held}, {}", output::size(self.bytes)))?;
        }
        if let Some(streams) = &self.standing {
            output::line(format!("  standing    {}", standing(streams)))?;
        }
        for (placed, matter) in self.history.placed.iter().zip(&self.matters) {
            let by = names(&placed.signed);
            output::line(format!("  placed      {} by {by}, entry {}", placed.at, placed.index))?;
            match matter {
                None => output::line("    matter      erased")?,
                Some(Err(reason)) => output::line(format!("    matter      unreadable: {reason}"))?,
                Some(Ok(Matter { matter, custodians, notices, scope })) => {
                    output::line(format!("    matter      {matter}"))?;
                    if !custodians.is_empty() {
                        output::line(format!("    custodians  {}", custodians.join(", ")))?;
                    }
                    for notice in notices {
                        for (nth, text) in notice.trim_end().lines().enumerate() {
                            let label = if nth == 0 { "notice" } else { "" };
                            output::line(format!("    {label:<11} {text}"))?;
                        }
                    }
                    output::line(format!("    scope       {scope}"))?;
                }
            }
        }
        if let Some(Released { at, index, signed, .. }) = &self.history.released {
            output::line(format!("  released    {at} by {}, entry {index}", names(signed)))?;
            match &self.reason {
                None => {}
                Some(Ok(reason)) => output::line(format!("    reason      {reason}"))?,
                Some(Err(error)) => output::line(format!("    reason      unreadable: {error}"))?,
            }
        }
        let mut listed = self.held.iter().filter(|_| segments);
        listed.try_for_each(|id| output::line(format!("    {id}")))?;
        Ok(())
    }

    fn to_json(&self, segments: bool) -> Value {
        let placed = self.history.placed.iter().zip(&self.matters).map(|(placed, matter)| {
            let matter = matter.as_ref().and_then(|matter| matter.as_ref().ok());
            object([
                ("at", text(placed.at)),
                ("entry", placed.index.into()),
                ("list", placed.list.map(text).into()),
                ("matter", matter.map(Matter::to_json).into()),
                ("signed", array(placed.signed.iter().map(text))),
            ])
        });
        let reason = self.reason.as_ref().and_then(|reason| reason.as_deref().ok());
        let released = self.history.released.as_ref().map(|released| {
            object([
                ("at", text(released.at)),
                ("entry", released.index.into()),
                ("reason", reason.into()),
                ("signed", array(released.signed.iter().map(text))),
            ])
        });
        let standing = self.standing.as_ref();
        let listed = segments.then(|| array(self.held.iter().map(text)));
        object([
            ("bytes", self.bytes.into()),
            ("hold", text(self.id)),
            ("placed", array(placed)),
            ("released", released.into()),
            ("segment_list", listed.into()),
            ("segments", self.held.len().into()),
            ("standing", standing.map(|streams| array(streams.iter().map(text))).into()),
            ("state", self.state().into()),
        ])
    }
}

fn names(officers: &[OfficerId]) -> String {
    officers.iter().map(OfficerId::as_str).collect::<Vec<_>>().join(" and ")
}
