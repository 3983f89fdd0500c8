//! What was said of each act, and what became of it: read from the log and from what lies beside it.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::entry::{ClockChange, EntryKind, OfficerAct, Verdict};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{ActName, OfficerId};
use strongroom_crypto::officer::{OfficerSignature, Signatures, verify};
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;

use crate::document::Document;
use crate::log::{Log, LogError, visit};
use crate::store::{Covered, LockedStore};

/// An act of which something was said before it was entered, or instead.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The statement's digest.
    pub digest: Digest,
    /// The type of its entry.
    pub act: ActName,
    /// What it says; none if its statement is not to be had.
    pub kind: Option<EntryKind>,
    /// What was said of it, in order of the log.
    pub said: Vec<Said>,
    /// Which entry it became, and when.
    pub entered: Option<(u64, Instant)>,
}

/// An `officer.act`.
#[derive(Clone, Debug)]
pub struct Said {
    /// The entry.
    pub index: u64,
    /// When.
    pub at: Instant,
    /// What it says.
    pub act: OfficerAct,
}

/// What became of an act.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is an entry.
    Entered(u64, Instant),
    /// An officer said no, or not yet.
    Rejected {
        /// Who.
        officer: Option<OfficerId>,
        /// What.
        verdict: Verdict,
        /// In which entry.
        index: u64,
    },
    /// Its signatures counted until then.
    Expired(Instant),
    /// Something else was done in its place.
    Superseded(&'static str),
    /// What the officers saw is not so any more.
    Moved(&'static str),
    /// Nobody who may has signed it.
    Refused,
    /// Its statement cannot be read.
    Unreadable,
    /// It can be signed.
    Waiting,
}

/// An act that was signed and is not entered.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The statement's digest.
    pub digest: Digest,
    /// What it says, without signatures.
    pub kind: EntryKind,
    /// Who has signed, and when that was entered.
    pub approvals: Vec<(OfficerSignature, Instant)>,
}

impl Pending {
    /// The signatures, each officer's once.
    pub fn signatures(&self) -> Signatures {
        let signed = self.approvals.iter().map(|(signed, _)| (signed.officer.clone(), signed));
        let by_officer: BTreeMap<_, _> = signed.collect();
        Signatures::new(by_officer.into_values().cloned().collect()).unwrap_or_default()
    }
}

/// Reads all dossiers of a log, in the order in which they were begun, and its state.
///
/// # Errors
///
/// [`LogError`].
pub fn dossiers(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
) -> Result<(State, Vec<Dossier>), LogError> {
    let archive = keys.archive_id();
    let mut found: Vec<Dossier> = Vec::new();
    let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
    let state = visit(store, keys, covered, |index, entry, _| {
        let at = entry.at();
        match entry.into_kind() {
            EntryKind::OfficerAct(said) => {
                let (digest, act) = (said.digest, said.act.clone());
                let place = *places.entry(digest).or_insert(found.len());
                if place == found.len() {
                    found.push(Dossier { digest, act, kind: None, said: vec![], entered: None });
                }
                if let Some(dossier) = found.get_mut(place) {
                    dossier.said.push(Said { index, at, act: said });
                }
            }
            kind if kind.signatures().is_some() => {
                let place = places.get(&Digest::of(&kind.statement(archive)));
                if let Some(dossier) = place.and_then(|place| found.get_mut(*place)) {
                    (dossier.kind, dossier.entered) = (Some(kind), Some((index, at)));
                }
            }
            _ => {}
        }
    })?;
    for dossier in found.iter_mut().filter(|dossier| dossier.entered.is_none()) {
        let read = match Document::Statement.load(store, covered, dossier.digest) {
            // Whoever may write below `records/` can spoil a statement, and must not hide the others.
            Err(LogError::Damaged { .. }) => None,
            read => read?,
        };
        dossier.kind = read.and_then(|bytes| EntryKind::from_statement(&bytes, archive).ok());
    }
    Ok((state, found))
}

/// The acts that were signed and are not entered, the dead ones included.
///
/// # Errors
///
/// [`LogError`].
pub fn pending(log: &Log, keys: &KeyFile) -> Result<Vec<Pending>, LogError> {
    let (state, found) = dossiers(&**log.store(), keys, log.covered())?;
    let waits = |dossier: Dossier| {
        let approvals = dossier.approvals(&state);
        let signed = dossier.entered.is_none() && !approvals.is_empty();
        let kind = dossier.kind.filter(|_| signed)?;
        Some(Pending { digest: dossier.digest, kind, approvals })
    };
    Ok(found.into_iter().filter_map(waits).collect())
}

impl Dossier {
    /// The approvals that count: of those who are not officers any more, or not with that key,
    /// nothing does.
    pub fn approvals(&self, state: &State) -> Vec<(OfficerSignature, Instant)> {
        let counts = |signed: &OfficerSignature| {
            let officer = state.officers().get(&signed.officer);
            officer.is_some_and(|one| verify(&one.public, self.digest, &signed.sig).is_ok())
        };
        let yes = self.said.iter().filter(|said| said.act.verdict == Verdict::Approve);
        let signed = yes.flat_map(|said| said.act.signatures.iter().map(|one| (one, said.at)));
        signed.filter(|(one, _)| counts(one)).collect()
    }

    /// What became of it at a time. A release of a hold that another release ended is dead, and so
    /// is a batch under a policy that is not in force any more.
    pub fn standing(&self, state: &State, now: Instant) -> Standing {
        if let Some((index, at)) = self.entered {
            return Standing::Entered(index, at);
        }
        let no = |said: &&Said| matches!(said.act.verdict, Verdict::Reject | Verdict::Extend);
        if let Some(said) = self.said.iter().rev().find(no) {
            let officer = said.act.signatures.iter().next().map(|signed| signed.officer);
            let (verdict, index) = (said.act.verdict, said.index);
            return Standing::Rejected { officer, verdict, index };
        }
        let Some(kind) = &self.kind else { return Standing::Unreadable };
        if self.approvals(state).is_empty() {
            return Standing::Refused;
        }
        if let Some(until) = expires_at(kind).filter(|until| *until < now) {
            return Standing::Expired(until);
        }
        overtaken(kind, state, now).unwrap_or(Standing::Waiting)
    }
}

impl Standing {
    /// One word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Entered(..) => "entered",
            Self::Rejected { .. } => "rejected",
            Self::Expired(_) => "expired",
            Self::Superseded(_) => "superseded",
            Self::Moved(_) => "moved",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Waiting => "waiting",
        }
    }

    /// What more is to be said.
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Entered(index, at) => Some(format!("entry {index} at {at}")),
            Self::Rejected { officer, verdict, index } => {
                let by = officer.as_ref().map_or("an officer", OfficerId::as_str);
                Some(format!("`{by}` said `{}` in entry {index}", verdict.as_str()))
            }
            Self::Expired(until) => Some(format!("signatures counted until {until}")),
            Self::Superseded(why) | Self::Moved(why) => Some((*why).to_owned()),
            Self::Unreadable => Some("its statement is missing or damaged".to_owned()),
            Self::Refused | Self::Waiting => None,
        }
    }
}

/// Until when the signatures under an act count, where it says so.
pub fn expires_at(kind: &EntryKind) -> Option<Instant> {
    match kind {
        EntryKind::PolicySet(set) => Some(set.expires_at),
        EntryKind::HoldPlace(place) => Some(place.expires_at),
        EntryKind::HoldRelease(release) => Some(release.expires_at),
        EntryKind::ClockEvent(event) => Some(event.expires_at),
        EntryKind::DispositionOrder(order) => Some(order.expires_at),
        _ => None,
    }
}

/// Whether the log has gone past what an act is about.
fn overtaken(kind: &EntryKind, state: &State, now: Instant) -> Option<Standing> {
    use Standing::{Moved, Superseded};
    match kind {
        EntryKind::OfficersSet(set) if set.number <= state.officers_number() => {
            Some(Superseded("the officers were set since"))
        }
        EntryKind::PolicySet(set)
            if set.supersedes != state.policies().last().map(|newest| newest.policy) =>
        {
            Some(Superseded("another policy was set since"))
        }
        EntryKind::HoldRelease(release)
            if !state.holds().any(|(hold, _)| *hold == release.hold) =>
        {
            Some(Superseded("the hold was released"))
        }
        EntryKind::ClockEvent(event) if event.kind == ClockChange::Earlier => {
            let mut clocks = state.clocks();
            let known =
                clocks.find(|(stream, name, _)| **stream == event.stream && **name == event.event);
            let stands = known
                .is_some_and(|(_, _, clock)| !clock.reopened && event.happened < clock.happened);
            (!stands).then_some(Superseded("the clock was set since"))
        }
        EntryKind::DispositionOrder(order) => {
            let in_force = state.policy_in_force(now).map(|policy| policy.policy);
            if in_force != Some(order.policy) {
                Some(Moved("another policy came into force"))
            } else if state.hold_epoch() != order.hold_epoch {
                Some(Moved("holds were placed or released"))
            } else {
                None
            }
        }
        _ => None,
    }
}
