//! `strongroom hold list`

use std::collections::BTreeMap;

use clap::Args;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{HoldId, StreamName};

use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::detail::Detail;
use crate::hold::{History, Ledger, Matter, Placed};
use crate::store::{Covered, LockedStore};

#[derive(Args, Debug)]
pub(super) struct Arguments {
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
    /// Live segments under it, and their bytes.
    held: (u64, u64),
    /// What each placing says it is about, or why that cannot be read; none if it was erased.
    matters: Vec<Option<Result<Matter, String>>>,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let (store, keys, covered) =
        (place.store_read_only(machine)?, place.keys()?, Covered::default());
    let (ledger, _) = Ledger::read(&*store, &keys, &covered)?;
    let mut held: BTreeMap<HoldId, (u64, u64)> = BTreeMap::new();
    for segment in ledger.state().segments() {
        for hold in ledger.holds_over(segment)? {
            let (segments, bytes) = held.entry(hold).or_default();
            (*segments, *bytes) = (*segments + 1, bytes.saturating_add(segment.bytes));
        }
    }
    let mut shown = Vec::new();
    for (id, history) in ledger.histories() {
        let active = ledger.state().holds().find(|(active, _)| *active == id);
        let standing = active.and_then(|(_, hold)| hold.standing.clone());
        let read = |placed| matter(&*store, &covered, &keys, placed);
        shown.push(Shown {
            id,
            history,
            standing: standing.map(|standing| standing.streams),
            held: held.get(id).copied().unwrap_or_default(),
            matters: history.placed.iter().map(read).collect(),
        });
    }
    if arguments.json {
        output::json(&object([
            ("epoch", ledger.state().hold_epoch().into()),
            ("holds", array(shown.iter().map(Shown::to_json))),
            ("warnings", array(covered.warnings().into_iter().map(Value::Text))),
        ]))?;
    } else {
        if shown.is_empty() {
            output::line("no hold was ever placed")?;
        }
        shown.iter().try_for_each(Shown::print)?;
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}

/// Which new segments a standing hold holds, in words.
pub(super) fn standing(streams: &[StreamName]) -> String {
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

    fn print(&self) -> Result<(), Failure> {
        let first = self.history.placed.first();
        let since = first.map_or_else(String::new, |placed| {
            format!("since {}, entry {}", placed.at, placed.index)
        });
        output::line(format!("{:<20} {:<9} {since}", self.id.as_str(), self.state()))?;
        if let Some((index, at)) = self.history.released {
            output::line(format!("  released    {at}, entry {index}"))?;
        } else {
            let (segments, bytes) = self.held;
            let segments = output::counted(segments, "segment", "segments");
            output::line(format!("  holds       {segments}, {}", output::size(bytes)))?;
        }
        if let Some(streams) = &self.standing {
            output::line(format!("  standing    {}", standing(streams)))?;
        }
        for matter in &self.matters {
            match matter {
                None => output::line("  matter      erased")?,
                Some(Err(reason)) => output::line(format!("  matter      unreadable: {reason}"))?,
                Some(Ok(Matter { matter, custodians, .. })) => {
                    output::line(format!("  matter      {matter}"))?;
                    if !custodians.is_empty() {
                        output::line(format!("  custodians  {}", custodians.join(", ")))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let placed = self.history.placed.iter().zip(&self.matters).map(|(placed, matter)| {
            let matter = matter.as_ref().and_then(|matter| matter.as_ref().ok());
            object([
                ("at", text(placed.at)),
                ("entry", placed.index.into()),
                ("list", placed.list.map(text).into()),
                ("matter", matter.map(Matter::to_json).into()),
            ])
        });
        let released = self
            .history
            .released
            .map(|(index, at)| object([("at", text(at)), ("entry", index.into())]));
        let standing = self.standing.as_ref();
        object([
            ("bytes", self.held.1.into()),
            ("hold", text(self.id)),
            ("placed", array(placed)),
            ("released", released.into()),
            ("segments", self.held.0.into()),
            ("standing", standing.map(|streams| array(streams.iter().map(text))).into()),
            ("state", self.state().into()),
        ])
    }
}
