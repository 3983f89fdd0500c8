//! Streams that a command names.

use std::collections::BTreeSet;

use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::name::StreamName;
use strongroom_crypto::state::State;

use super::Failure;
use super::target::Place;
use crate::log::visit;
use crate::store::{Covered, LockedStore};

/// Refuses streams of which nothing is known: a name with a slip of the pen would mean nothing, and nobody would see it.
pub(super) fn require_known(
    names: &[StreamName],
    place: &Place,
    (store, covered, state): (&dyn LockedStore, &Covered, &State),
    next: &str,
) -> Result<(), Failure> {
    let configured = place.labels();
    let mut unknown: BTreeSet<&StreamName> =
        names.iter().filter(|name| !configured.contains_key(*name)).collect();
    for segment in state.segments() {
        unknown.remove(&segment.stream);
    }
    if !unknown.is_empty() {
        // What is destroyed was a stream too.
        visit(store, &*place.keys()?, covered, |_, entry, _| {
            if let EntryKind::SegmentSeal(seal) = entry.kind() {
                unknown.remove(&seal.stream);
            }
        })?;
    }
    let Some(name) = unknown.first() else { return Ok(()) };
    let message = format!("nothing is known of stream `{name}`: no segment, no configuration");
    Err(Failure::input(message, next))
}
