//! Several writers race, and two readers fold: nothing overlaps, and both see the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::SegmentId;

use super::decisions::{decide, policy, signed_entry};
use super::*;
use crate::entry::{DispositionCertificate, tests::order};

/// A small generator of numbers (Marsaglia's xorshift64): the tests are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One log folded twice: from its beginning, and from snapshot to snapshot with as few pages as
/// that takes.
struct Race {
    dice: Dice,
    /// Folded from the first entry on.
    full: State,
    /// Folded from snapshots.
    resumed: State,
    /// Stored pages.
    pages: BTreeMap<Digest, Vec<u8>>,
    /// What writers last saw of the log.
    views: Vec<State>,
    /// Ends of valid ranges.
    ends: BTreeMap<(OriginHandle, u64), u64>,
    /// Ids of valid seals that no certificate ended.
    sealed: BTreeSet<SegmentId>,
    /// What orders name.
    lists: BTreeMap<Digest, SegmentList>,
    clock: i64,
    next_id: u64,
    loads: usize,
    voids: usize,
    destroyed: usize,
}

impl Race {
    fn new(seed: u64) -> Self {
        let mut state = opened();
        let remover = KeySet::add(key(1).public(), Role::Remove, at(1_000_000));
        assert_eq!(fold(&mut state, vec![key_item(1, remover)], 1), Outcome::Valid);
        assert_eq!(decide(&mut state, 1, policy(|_| ()), &[1, 3]), Outcome::Valid);
        Self {
            dice: Dice(seed),
            full: state.clone(),
            resumed: state.clone(),
            pages: BTreeMap::new(),
            views: vec![state; 3],
            ends: BTreeMap::new(),
            sealed: BTreeSet::new(),
            lists: BTreeMap::new(),
            clock: 1,
            next_id: 1_000,
            loads: 0,
            voids: 0,
            destroyed: 0,
        }
    }

    /// A seal by what the writer believes, mostly of a new id.
    fn seal(&mut self, view: &State) -> Item {
        self.next_id += 10;
        let n = match self.dice.below(20) {
            0 => 1_000 + self.dice.below(self.next_id - 1_000),
            _ => self.next_id - self.dice.below(40),
        };
        let mut ranges = Vec::new();
        for origin in 1..=5 {
            if self.dice.below(3) > 0 {
                continue;
            }
            let last = view.positions(&OriginHandle::from_bytes([origin; 16])).next_back();
            let length = self.dice.below(4);
            ranges.push(match last {
                Some((generation, _)) if self.dice.below(8) == 0 => {
                    range(origin, generation + 1, 0, length)
                }
                Some((generation, position)) => {
                    range(origin, generation, position.end, position.end + length)
                }
                None => range(origin, 0, 0, length),
            });
        }
        seal_item(self.clock, n, &ranges)
    }

    /// An order of segments that the writer believes to be live.
    fn order(&mut self, view: &State) -> Item {
        let live: Vec<_> = view.segments().collect();
        let from = usize::try_from(self.dice.below(u64::try_from(live.len()).unwrap())).unwrap();
        let some: Vec<_> = live.into_iter().skip(from).step_by(3).take(4).collect();
        let list = SegmentList::new(some.iter().map(|segment| segment.segment_id).collect());
        let list = list.unwrap();
        let mut order = order(&format!("o{}", self.next_id), list.digest());
        order.bytes = some.iter().map(|segment| segment.bytes).sum();
        order.count = u64::try_from(some.len()).unwrap();
        order.expires_at = at(self.clock);
        order.size = view.size();
        self.lists.insert(list.digest(), list.clone());
        let order = EntryKind::DispositionOrder(Box::new(order));
        (signed_entry(self.clock, order, &[1, 3]), Some(list.into()))
    }

    fn certificate(&mut self, order: OrderId) -> Item {
        let certificate = DispositionCertificate { certificate: Digest::of(b"c"), order };
        (Entry::new(at(self.clock), EntryKind::DispositionCertificate(certificate)), None)
    }

    fn item(&mut self, view: &State) -> Item {
        self.clock += i64::try_from(self.dice.below(90_000)).unwrap();
        let open = view.orders().next().map(|(order, _)| order.clone());
        match self.dice.below(24) {
            6 if view.live_segments() > 0 => self.order(view),
            7 | 8 if open.is_some() => self.certificate(open.unwrap()),
            0 | 1 => {
                let n = 1_000 + self.dice.below(self.next_id);
                abandon_item(self.clock, n, self.clock - 20 * HOUR)
            }
            2 | 3 => close_item(self.clock, "0/1", view.next_window(Shard::WHOLE)),
            4 | 5 => close_item(self.clock, "1/2", view.next_window("1/2".parse().unwrap())),
            _ => self.seal(view),
        }
    }

    /// A writer claims what it believes to be right, at the place that is next.
    fn claim(&mut self, most: u64) -> VerifiedClaim {
        let writer = usize::try_from(self.dice.below(3)).unwrap();
        if self.dice.below(3) > 0 {
            self.views[writer] = self.full.clone();
        }
        let mut view = self.views[writer].clone();
        let mut items = Vec::new();
        for _ in 0..=self.dice.below(most) {
            let item = self.item(&view);
            view.apply(&item.0.encode(), item.1.as_ref(), key(1).id()).unwrap();
            items.push(item);
        }
        claim(&self.full, items, &key(1))
    }

    /// Keeps the record that a valid seal adds to what was sealed, without gap or overlap.
    fn note(&mut self, item: &ClaimItem, outcome: &Outcome) {
        self.voids += usize::from(*outcome != Outcome::Valid);
        let kind = Entry::parse(item.leaf()).map(Entry::into_kind);
        if let (Ok(EntryKind::DispositionCertificate(_)), Outcome::Valid) = (&kind, outcome) {
            self.destroyed += 1;
            self.sealed = self.full.segments().map(|segment| segment.segment_id).collect();
        }
        if let (Ok(EntryKind::SegmentSeal(seal)), Outcome::Valid) = (kind, outcome) {
            assert!(self.sealed.insert(seal.segment_id), "sealed twice");
            for range in item.ranges().unwrap().as_slice() {
                let end = self.ends.entry((range.origin, range.generation)).or_insert(0);
                assert_eq!(*end, range.start);
                *end = range.end;
            }
        }
    }

    fn load(&mut self, pages: &[PageRef]) {
        for page in pages {
            self.loads += 1;
            self.resumed.load_page(&self.pages[&page.digest]).unwrap();
        }
    }

    fn step(&mut self, item: &ClaimItem, signer: KeyId) {
        let outcome = self.full.apply(item.leaf(), item.attachment(), signer).unwrap();
        let again = loop {
            match self.resumed.apply(item.leaf(), item.attachment(), signer) {
                Ok(outcome) => break outcome,
                Err(Undecided::Pages(pages)) => self.load(&pages),
                Err(Undecided::Lists(lists)) => {
                    let lists = lists.iter().map(|digest| self.lists[digest].clone());
                    lists.for_each(|list| self.resumed.add_list(list));
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(again, outcome);
        self.note(item, &outcome);
    }

    /// Both write the same bytes; sometimes the second goes on from them.
    fn compare(&mut self) {
        let needed = self.resumed.pages_needed_for_snapshot();
        assert!(needed.len() <= 1);
        self.load(&needed);
        let snapshot = self.full.snapshot().unwrap();
        let again = self.resumed.snapshot().unwrap();
        assert!(snapshot.root_bytes == again.root_bytes, "roots differ at {}", snapshot.size);
        for (digest, bytes) in &again.new_pages {
            assert_eq!(Digest::of(bytes), *digest);
            self.pages.insert(*digest, bytes.clone());
        }
        self.full.mark_stored(&snapshot);
        self.resumed.mark_stored(&again);
        assert!(self.resumed.snapshot().unwrap().new_pages.is_empty());
        if self.dice.below(3) == 0 {
            self.resumed = State::load(&again.root_bytes, again.root_digest).unwrap();
            assert_eq!(self.resumed.live_segments(), self.full.live_segments());
        }
    }

    fn run(&mut self, claims: u64, most: u64, every: u64) {
        for _ in 0..claims {
            let claim = self.claim(most);
            for item in claim.items() {
                self.step(item, claim.key_id());
                if self.full.size().is_multiple_of(every) {
                    self.compare();
                }
            }
            assert_eq!(self.full.apply_claim(&claim), Ok(Vec::new()));
            assert_eq!(self.resumed.apply_claim(&claim), Ok(Vec::new()));
        }
        self.compare();
    }

    /// A third state, from the root alone with all pages, is the first.
    fn finish(&self) {
        let snapshot = self.full.snapshot().unwrap();
        let mut all = State::load(&snapshot.root_bytes, snapshot.root_digest).unwrap();
        for page in all.pages_absent() {
            all.load_page(&self.pages[&page.digest]).unwrap();
        }
        assert!(all.segments().eq(self.full.segments()));
        let ids: BTreeSet<_> = all.segments().map(|segment| segment.segment_id).collect();
        assert_eq!(ids, self.sealed);
        for ((origin, generation), end) in &self.ends {
            let mut kept = self.full.positions(origin);
            let found = kept.find(|(known, _)| known == generation);
            assert!(found.is_none_or(|(_, position)| position.end == *end));
        }
        assert!(self.voids > 10, "the race was none");
    }
}

#[test]
fn rivals_never_overlap_and_every_snapshot_is_that_of_a_full_fold() {
    let mut destroyed = 0;
    for seed in 1..=6 {
        let mut race = Race::new(seed);
        race.run(30, 6, 1);
        race.finish();
        destroyed += race.destroyed;
    }
    assert!(destroyed > 10, "{destroyed}");
}

#[test]
fn many_pages_are_written_once_and_read_when_an_id_could_be_in_them() {
    let mut race = Race::new(99);
    race.run(225, 24, 97);
    race.finish();
    assert!(race.full.pages.sealed() > 2 * PAGE_SEALS, "{}", race.full.pages.sealed());
    assert!(race.destroyed > 20, "{}", race.destroyed);
    assert!(race.loads > 3, "{}", race.loads);
}
