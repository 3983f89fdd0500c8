//! What has to be read to know what a hold covers: what events say, and whether they say when.

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_crypto::SegmentId;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::state::{LiveSegment, State};

use crate::cli::{Failure, output};
use crate::hold::{Collateral, Events, Found, Scope, undated};
use crate::log::{Keyring, Sealed, walk};
use crate::segment::Decoded;
use crate::store::{Covered, LockedStore};

/// How many segments a warning names; JSON names all.
const NAMED: usize = 20;

/// An archive whose segments are read for a scope.
pub(super) struct Reading<'a> {
    pub(super) store: &'a Arc<dyn LockedStore>,
    pub(super) covered: &'a Covered,
    pub(super) keys: &'a Arc<KeyFile>,
    pub(super) scope: &'a Scope,
}

/// What a hold over a time may miss.
#[derive(Default)]
pub(super) struct Untimed {
    pub(super) segments: Vec<SegmentId>,
    pub(super) collateral: Collateral,
}

impl Reading<'_> {
    /// Those of the segments with the events that were asked for, and those that cannot be read.
    pub(super) fn search(&self, asked: &BTreeSet<SegmentId>) -> Result<Found, Failure> {
        let (keyring, seals) = self.open()?;
        let wanted = |id: &SegmentId| asked.contains(id) && !self.scope.segments.contains(id);
        let of_time = |record: &Decoded<'_>| self.scope.is_of_time(record);
        let found = self.scope.search.find(&**self.store, &keyring, &seals, wanted, of_time)?;
        for id in &found.unread {
            let next = Some("it is held; run `strongroom verify --deep` to see what is damaged");
            output::complain(&format!("segment `{id}` cannot be read"), next);
        }
        Ok(found)
    }

    /// The segments that came at another time than was asked for, with events that do not say when they
    /// happened. The log says of a segment when its first and its last event happened, and not how many
    /// say nothing, so that they are read; what cannot be read may have such events.
    pub(super) fn untimed(&self, state: &State, events: &Events) -> Result<Untimed, Failure> {
        let beside = self.scope.beside(state);
        if beside.is_empty() {
            return Ok(Untimed::default());
        }
        let (keyring, seals) = self.open()?;
        let store = &**self.store;
        let (silent, said): (Vec<&LiveSegment>, Vec<&LiveSegment>) =
            beside.iter().partition(|segment| segment.event_time.is_none());
        let ids = |segments: &[&LiveSegment]| -> BTreeSet<SegmentId> {
            segments.iter().map(|segment| segment.segment_id).collect()
        };
        let said = ids(&said);
        let found = undated(store, &keyring, &seals, |id| said.contains(id))?;
        let mut untimed = ids(&silent);
        untimed.extend(found.matching.into_keys().chain(found.unread));
        if !self.scope.search.is_empty() {
            let wanted = |id: &SegmentId| untimed.contains(id);
            let found = self.scope.search.find(store, &keyring, &seals, wanted, |_| true)?;
            untimed = found.matching.into_keys().chain(found.unread).collect();
        }
        let mut segments = beside;
        segments.retain(|segment| untimed.contains(&segment.segment_id));
        let collateral = Collateral::of(&segments, events);
        Ok(Untimed { segments: segments.iter().map(|one| one.segment_id).collect(), collateral })
    }

    fn open(&self) -> Result<(Arc<Keyring>, Vec<Sealed>), Failure> {
        let keyring = Keyring::new(Arc::clone(self.store), Arc::clone(self.keys));
        let (_, seals) = walk(&**self.store, self.keys, self.covered)?;
        Ok((Arc::new(keyring), seals))
    }
}

impl Untimed {
    /// What it is, in words; nothing if there is none.
    fn said(&self) -> Option<String> {
        let Collateral { segments, events, .. } = self.collateral;
        let with = output::counted(events, "event", "events");
        let (has, segments) = (
            if segments == 1 { "has" } else { "have" },
            output::counted(segments, "segment", "segments"),
        );
        let named = self.segments.iter().take(NAMED).map(SegmentId::to_string);
        let named = named.collect::<Vec<_>>().join(", ");
        let rest = self.segments.len().saturating_sub(NAMED);
        let rest = if rest == 0 { String::new() } else { format!(", and {rest} more") };
        (!self.segments.is_empty()).then(|| {
            format!(
                "{segments} of these streams came at another time and {has} events that do not say when they happened: not held, with {with}: {named}{rest}"
            )
        })
    }

    /// Says what the times that were asked for may miss.
    pub(super) fn warn(&self) {
        let next = "hold them with `--segment ID` (`--json` names all), or hold the streams without `--from` and `--until`";
        if let Some(said) = self.said() {
            output::complain(&said, Some(next));
        }
    }
}

/// Why nothing is in scope, where the events that were asked for were looked for, and what else may be.
pub(super) fn nothing(scope: &Scope, found: Option<&Found>, untimed: &Untimed) -> Failure {
    let search = &scope.search;
    let quoted = |texts: &BTreeSet<String>| -> Vec<String> {
        texts.iter().map(|text| format!("`{text}`")).collect()
    };
    let mut message = "no live segment is in scope".to_owned();
    let mut next = String::new();
    if let Some(found) = found {
        let (actors, texts) = (quoted(&search.actors), quoted(&search.texts));
        let named = format!(
            "names {}, looked for as a whole word in all of their records",
            actors.join(" or ")
        );
        let has = format!("has {}", texts.join(" or "));
        let sought = [(named, actors.is_empty()), (has, texts.is_empty())];
        let sought: Vec<String> =
            sought.into_iter().filter(|(_, is_empty)| !is_empty).map(|(said, _)| said).collect();
        let read = output::counted(found.read, "segment was", "segments were");
        message = format!("{message}: no event {}; {read} read", sought.join(" or "));
        if !actors.is_empty() {
            let query: Vec<String> = search
                .actors
                .iter()
                .map(|actor| format!("--query {}", output::word(actor)))
                .collect();
            let near = output::counted(found.near, "segment", "segments");
            next = format!("`{}` would hold {near}; ", query.join(" "));
        }
    }
    if let Some(said) = untimed.said() {
        message = format!("{message}; {said}");
        next.push_str("hold the streams without `--from` and `--until`; ");
    }
    next.push_str("`strongroom status --segments` shows the live segments, `--segment ID` holds one; new ones are held with `--standing`");
    Failure::input(message, next)
}
