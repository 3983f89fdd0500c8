//! Property (f) of retention: nothing is deleted under a hold, a lock or another batch than officers
//! approved, whatever is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use strongroom_archiver::act::{Signed, approve, statement};
use strongroom_archiver::disposition::batch::Batch;
use strongroom_archiver::disposition::execute::{Clocks, carry_out, order};
use strongroom_archiver::disposition::history::History;
use strongroom_archiver::disposition::propose::{Selection, propose};
use strongroom_archiver::log::Log;
use strongroom_archiver::officer::key_file;
use strongroom_archiver::policies::{Labels, Policies};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{Lock, LockMode, VersionId};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, HoldPlace};
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::officer::{OfficerSignature, Signatures};
use strongroom_crypto::time::Instant;
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;
use strongroom_tests::faulty_store::{FaultyStore, Point, Record};

use crate::scene::Scene;

const ROUNDS: u64 = 50;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What is wrong with a batch, or with the time that it is ordered at.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Version,
    Date,
    Bytes,
    Policy,
    Epoch,
    Lapsed,
    Fewer,
    Hold,
    Flag,
    Lock,
    Clock,
    Unsigned,
}

const ALL: [Wrong; 12] = [
    Wrong::Version,
    Wrong::Date,
    Wrong::Bytes,
    Wrong::Policy,
    Wrong::Epoch,
    Wrong::Lapsed,
    Wrong::Fewer,
    Wrong::Hold,
    Wrong::Flag,
    Wrong::Lock,
    Wrong::Clock,
    Wrong::Unsigned,
];

/// An archive whose time the test moves on.
struct Bench {
    scene: Scene,
    keys: Arc<KeyFile>,
    ahead: Arc<AtomicI64>,
    record: Record,
}

impl Bench {
    fn new() -> Self {
        let scene = Scene::new("random");
        scene.seal("trail", "more");
        let (ahead, record) = (Arc::new(AtomicI64::new(60)), Record::default());
        Self { keys: scene.keys(), scene, ahead, record }
    }

    fn open(&self) -> (Log, Policies) {
        let (ahead, root) = (Arc::clone(&self.ahead), self.scene.folder().join("archive"));
        let clock = move || now() + SignedDuration::from_secs(ahead.load(Ordering::SeqCst));
        let store = FileStore::open(&root, Box::new(clock), Scene::dice().into_closure()).unwrap();
        let store = FaultyStore::recorded(store, Vec::new(), self.record.clone());
        let log = Log::open(Arc::new(store), Arc::clone(&self.keys)).unwrap();
        let log = log.on_duty(Role::Remove);
        let policies =
            Policies::load(&**log.store(), log.covered(), log.state(), Labels::new()).unwrap();
        (log, policies)
    }

    fn deletions(&self) -> u64 {
        self.record.reached().get(&Point::Delete).copied().unwrap_or(0)
    }

    /// What may go now: both segments.
    fn propose(&self, log: &Log, policies: &Policies, dice: &mut Dice) -> Batch {
        let now = log.store().now().unwrap();
        let history = History::read(log, &self.keys).unwrap();
        let selection = Selection { as_of: now, max_objects: 10, ..Selection::default() };
        let proposal = propose(log, &history, policies, &selection, now, dice).unwrap();
        let batch = proposal.batch.unwrap_or_else(|| panic!("{:?}", proposal.left));
        assert_eq!(batch.segments.len(), 2, "{:?}", proposal.left);
        batch
    }

    /// Two officers in two roles sign a batch, whatever it says.
    fn sign(&self, log: &mut Log, batch: &Batch, dice: &mut Dice) {
        let kind = batch.entry().unwrap();
        let (_, digest) = statement(log, &kind).unwrap();
        for officer in ["ada", "ben"] {
            let key = self.scene.folder().join(officer);
            let signature = key_file::sign(&key, None, digest).unwrap();
            let sig = *signature.as_bytes();
            let signature = OfficerSignature { officer: officer.parse().unwrap(), sig };
            match approve(log, &self.keys, &kind, signature, None, dice) {
                Ok(signed) => assert_eq!(signed, Signed::Waiting),
                // The log does not take what has lapsed, or is under no policy.
                Err(error) => {
                    let lapsed = batch.expires_at < instant(log.store().now().unwrap());
                    assert!(lapsed, "{error}");
                }
            }
        }
    }

    fn hold(&self, log: &mut Log, batch: &Batch, round: u64, dice: &mut Dice) {
        let one = batch.segments[usize::try_from(dice.below(2)).unwrap()].id;
        let list = SegmentList::new(vec![one]).unwrap();
        Scene::store_list(log, &list);
        let kind = EntryKind::HoldPlace(HoldPlace {
            detail: None,
            expires_at: batch.expires_at,
            hold: format!("matter-{round}").parse().unwrap(),
            list: Some(list.digest()),
            signatures: Signatures::default(),
            standing: None,
        });
        self.scene.enter(log, &kind, "cy");
    }

    fn release(&self, round: u64) {
        for officer in ["cy", "ben"] {
            let hold = format!("matter-{round}");
            self.scene.act(officer, &["hold", "release", &hold]).expect(0);
        }
    }

    /// Makes something wrong about a batch that was right.
    fn spoil(&self, wrong: Wrong, batch: &mut Batch, log: &mut Log, dice: &mut Dice, round: u64) {
        let at = usize::try_from(dice.below(2)).unwrap();
        let time = log.store().now().unwrap();
        let one = &mut batch.segments[at];
        match wrong {
            Wrong::Version => {
                one.versions = vec![VersionId::new(format!("{:032x}", dice.number())).unwrap()];
            }
            Wrong::Date => {
                let ms = i64::try_from(1 + dice.below(86_400_000)).unwrap();
                let ms = if dice.once_in(2) { ms } else { -ms };
                one.keep_until = one.keep_until.saturating_add_ms(ms);
            }
            Wrong::Bytes => one.sha256 = Digest::of(&dice.number().to_be_bytes()),
            Wrong::Policy => batch.policy = Digest::of(&dice.number().to_be_bytes()),
            Wrong::Epoch => batch.hold_epoch += 1 + dice.below(3),
            Wrong::Lapsed => batch.expires_at = instant(time - MINUTE),
            Wrong::Hold => self.hold(log, batch, round, dice),
            Wrong::Flag => log.store().set_hold(&one.object, &one.versions[0], true).unwrap(),
            Wrong::Lock => {
                let lock = Lock { mode: LockMode::Governance, until: time + MINUTE };
                log.store().extend_lock(&one.object, &one.versions[0], lock).unwrap();
            }
            Wrong::Fewer | Wrong::Clock | Wrong::Unsigned => {}
        }
    }

    /// Takes back what a later round must not meet.
    fn heal(&self, wrong: Wrong, batch: &Batch, log: Log, round: u64) {
        if let Wrong::Flag = wrong {
            for one in &batch.segments {
                log.store().set_hold(&one.object, &one.versions[0], false).unwrap();
            }
        }
        drop(log);
        if let Wrong::Hold = wrong {
            self.release(round);
        }
        self.ahead.fetch_add(61, Ordering::SeqCst);
    }
}

fn instant(at: Timestamp) -> Instant {
    Instant::from_unix_ms(at.as_millisecond()).unwrap()
}

fn clocks(store: Timestamp, wrong: Option<Wrong>) -> Clocks {
    let local = match wrong {
        Some(Wrong::Clock) => store + MINUTE * 3,
        _ => store,
    };
    Clocks { local, store }
}

#[test]
fn nothing_is_deleted_that_is_held_locked_or_not_what_was_approved() {
    let bench = Bench::new();
    for round in 0..ROUNDS {
        let mut dice = Dice::new(11, round);
        let (mut log, policies) = bench.open();
        let mut batch = bench.propose(&log, &policies, &mut dice);
        // Each at least four times.
        let wrong = ALL[usize::try_from(round).unwrap() % ALL.len()];
        // Officers may sign before it goes wrong or after, or never.
        let when = if let Wrong::Unsigned = wrong { 2 } else { dice.below(3) };
        if when == 0 || matches!(wrong, Wrong::Fewer | Wrong::Clock) {
            bench.sign(&mut log, &batch, &mut dice);
        }
        bench.spoil(wrong, &mut batch, &mut log, &mut dice, round);
        if when == 1 && !matches!(wrong, Wrong::Fewer | Wrong::Clock) {
            bench.sign(&mut log, &batch, &mut dice);
        }
        if let Wrong::Fewer = wrong {
            batch.segments.pop();
        }
        let clocks = clocks(log.store().now().unwrap(), Some(wrong));
        let ordered = order(&mut log, &bench.keys, &policies, &batch, clocks, &mut dice);
        assert!(ordered.is_err(), "round {round}: {wrong:?}");
        let id = batch.order.clone();
        let done = carry_out(&mut log, &bench.keys, &policies, &id, clocks, &mut dice);
        assert!(done.is_err(), "round {round}: {wrong:?}");
        assert_eq!(bench.deletions(), 0, "round {round}: {wrong:?}");
        bench.heal(wrong, &batch, log, round);
    }
    // What nothing is wrong with goes.
    let mut dice = Dice::new(11, ROUNDS);
    let (mut log, policies) = bench.open();
    let batch = bench.propose(&log, &policies, &mut dice);
    bench.sign(&mut log, &batch, &mut dice);
    let clocks = clocks(log.store().now().unwrap(), None);
    order(&mut log, &bench.keys, &policies, &batch, clocks, &mut dice).unwrap();
    carry_out(&mut log, &bench.keys, &policies, &batch.order, clocks, &mut dice).unwrap();
    assert!(bench.deletions() >= 2);
}
