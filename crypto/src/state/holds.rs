//! The holds of the log.

use std::collections::{BTreeMap, BTreeSet};

use super::{root::append, void::Void};
use crate::{
    digest::Digest,
    entry::{HoldPlace, HoldRelease, Seal, Standing},
    json::{JsonError, ObjectReader, Value, array, object, text},
    name::HoldId,
};

/// Greatest number of holds that are active at once: each is looked at for every order.
pub const MAX_HOLDS: usize = 1_000;

/// Greatest number of lists of one hold.
pub const MAX_HOLD_LISTS: usize = 64;

/// Greatest number of streams of one standing hold; one of all streams names none.
pub const MAX_HOLD_STREAMS: usize = 256;

/// Greatest number of ids ever used: the state keeps them, and a root has an end.
pub const MAX_HOLD_IDS: usize = 100_000;

/// An active hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hold {
    /// Digests of the lists of segments that it holds.
    pub lists: BTreeSet<Digest>,
    /// Which entry placed it last.
    pub placed: u64,
    /// Of which streams new segments may be held.
    pub standing: Option<Standing>,
}

/// All holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    active: BTreeMap<HoldId, Hold>,
    /// Ids that mean nothing any more, and never again.
    released: BTreeSet<HoldId>,
    /// Counts what was widened and released: who decided under another epoch saw other holds.
    epoch: u64,
}

impl Hold {
    /// A hold widens: what it held it holds.
    fn widened(&self, place: &HoldPlace) -> Self {
        let standing = match (&self.standing, &place.standing) {
            (None, only) | (only, None) => only.clone(),
            (Some(old), Some(new)) if old.streams.is_empty() || new.streams.is_empty() => {
                Some(Standing { streams: Vec::new() })
            }
            (Some(old), Some(new)) => {
                let streams: BTreeSet<_> = old.streams.iter().chain(&new.streams).collect();
                Some(Standing { streams: streams.into_iter().cloned().collect() })
            }
        };
        let lists = self.lists.iter().copied().chain(place.list).collect();
        Self { lists, placed: self.placed, standing }
    }
}

impl Holds {
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn active(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.active.iter()
    }

    pub(super) fn check_place(&self, place: &HoldPlace) -> Result<(), Void> {
        let full = |what, limit| Err(Void::Full { what, limit });
        if self.released.contains(&place.hold) {
            return Err(Void::HoldReleased { hold: place.hold.clone() });
        }
        let known = self.active.get(&place.hold);
        let ids = self.active.len().saturating_add(self.released.len());
        if known.is_none() && self.active.len() >= MAX_HOLDS {
            return full("active holds", MAX_HOLDS);
        }
        if known.is_none() && ids >= MAX_HOLD_IDS {
            return full("ids of holds", MAX_HOLD_IDS);
        }
        let hold = known.cloned().unwrap_or_default().widened(place);
        if hold.lists.len() > MAX_HOLD_LISTS {
            return full("lists of one hold", MAX_HOLD_LISTS);
        }
        if hold.standing.is_some_and(|standing| standing.streams.len() > MAX_HOLD_STREAMS) {
            return full("streams of one hold", MAX_HOLD_STREAMS);
        }
        Ok(())
    }

    pub(super) fn check_release(&self, release: &HoldRelease) -> Result<(), Void> {
        let hold = release.hold.clone();
        match self.active.get(&hold).map(|known| known.placed) {
            None => Err(Void::HoldNotActive { hold }),
            Some(placed) if placed != release.placed => Err(Void::HoldWidened { hold, placed }),
            Some(_) => Ok(()),
        }
    }

    /// Whether a seal was made under the holds that stand, and names all that speak of its stream.
    pub(super) fn check_seal(&self, seal: &Seal) -> Result<(), Void> {
        let covers =
            |hold: &Hold| hold.standing.as_ref().is_some_and(|one| one.covers(&seal.stream));
        let standing = self.active.iter().filter(|(_, hold)| covers(hold)).map(|(id, _)| id);
        if seal.hold_epoch == self.epoch && standing.eq(&seal.holds) {
            Ok(())
        } else {
            Err(Void::Holds { id: seal.segment_id })
        }
    }

    pub(super) fn place(&mut self, place: &HoldPlace, index: u64) {
        let known = self.active.get(&place.hold);
        let hold = known.cloned().unwrap_or_default().widened(place);
        // What it held already is no news for those who decided under the epoch before.
        if known != Some(&hold) {
            self.epoch = self.epoch.saturating_add(1);
        }
        self.active.insert(place.hold.clone(), Hold { placed: index, ..hold });
    }

    pub(super) fn release(&mut self, hold: HoldId) {
        self.active.remove(&hold);
        self.released.insert(hold);
        self.epoch = self.epoch.saturating_add(1);
    }

    /// The members `holds` and `released` of a root.
    pub(super) fn to_values(&self) -> (Value, Value) {
        let active = self.active.iter().map(|(id, hold)| {
            object([
                ("hold", text(id)),
                ("lists", array(hold.lists.iter().map(text))),
                ("placed", hold.placed.into()),
                ("standing", hold.standing.as_ref().map(Standing::to_value).into()),
            ])
        });
        (array(active), array(self.released.iter().map(text)))
    }

    pub(super) fn take(root: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut active = BTreeMap::new();
        for mut item in root.objects("holds")? {
            let id = item.parsed("hold")?;
            let lists = item.sorted("lists", "not an array of digests")?;
            let hold = Hold {
                lists: lists.into_iter().collect(),
                placed: item.u64("placed")?,
                standing: Standing::take(&mut item)?,
            };
            item.finish()?;
            append(root, "holds", &mut active, id, hold)?;
        }
        let released = root.sorted("released", "not an array of hold ids")?;
        Ok(Self {
            active,
            released: released.into_iter().collect(),
            epoch: root.u64("hold_epoch")?,
        })
    }
}
