//! What was said of each act, and what became of it: read from the log and from what lies beside it.

use std::collections::BTreeMap;

use strongroom_crypto::entry::{Entry, EntryKind, OfficerAct, Verdict};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{ActName, OfficerId};
use strongroom_crypto::officer::{OfficerSignature, Registry, Signatures, verify};
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest};

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
    /// Its officer was taken off since, or has another key or role: a yes counts no more, also where the
    /// same person comes back.
    pub is_void: bool,
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
    /// The log has gone past what it is about: it says why it would be void.
    Superseded(String),
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

/// The dossiers of a log, in the order in which they were begun, while its entries are read.
#[derive(Clone, Debug, Default)]
pub struct Dossiers {
    begun: Vec<Dossier>,
    places: BTreeMap<Digest, usize>,
    officers: Registry,
}

impl Dossiers {
    /// Takes up what a valid entry says of acts.
    pub fn note(&mut self, archive: ArchiveId, index: u64, entry: &Entry) {
        let at = entry.at();
        match entry.kind() {
            EntryKind::LogOpen(open) => self.officers = open.officers.clone(),
            EntryKind::OfficersSet(set) => self.set_officers(&set.officers),
            _ => {}
        }
        match entry.kind() {
            EntryKind::OfficerAct(said) => {
                let (digest, act) = (said.digest, said.act.clone());
                let place = *self.places.entry(digest).or_insert(self.begun.len());
                if place == self.begun.len() {
                    let said = Vec::new();
                    self.begun.push(Dossier { digest, act, kind: None, said, entered: None });
                }
                if let Some(dossier) = self.begun.get_mut(place) {
                    dossier.said.push(Said { index, at, act: said.clone(), is_void: false });
                }
            }
            kind if kind.signatures().is_some() => {
                let place = self.places.get(&Digest::of(&kind.statement(archive)));
                if let Some(dossier) = place.and_then(|place| self.begun.get_mut(*place)) {
                    (dossier.kind, dossier.entered) = (Some(kind.clone()), Some((index, at)));
                }
            }
            _ => {}
        }
    }

    /// What officers said no to, or not yet, the last first.
    pub fn rejections(&self) -> Vec<&Said> {
        let no = |said: &&Said| matches!(said.act.verdict, Verdict::Reject | Verdict::Extend);
        let mut said: Vec<&Said> =
            self.begun.iter().flat_map(|dossier| &dossier.said).filter(no).collect();
        said.sort_by_key(|said| std::cmp::Reverse(said.index));
        said
    }

    /// Takes up who decides from now on.
    fn set_officers(&mut self, officers: &Registry) {
        let stays =
            |id: &OfficerId| officers.get(id).is_some_and(|one| self.officers.get(id) == Some(one));
        for said in self.begun.iter_mut().flat_map(|dossier| &mut dossier.said) {
            said.is_void |= !said.act.signatures.iter().all(|signed| stays(&signed.officer));
        }
        self.officers = officers.clone();
    }

    /// Those that are wanted, with the statements of acts that are not entered.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn open(
        &self,
        store: &dyn LockedStore,
        covered: &Covered,
        archive: ArchiveId,
        wanted: impl Fn(&Dossier) -> bool,
    ) -> Result<Vec<Dossier>, LogError> {
        let mut found: Vec<Dossier> =
            self.begun.iter().filter(|one| wanted(one)).cloned().collect();
        for dossier in found.iter_mut().filter(|dossier| dossier.entered.is_none()) {
            let read = match Document::Statement.load(store, covered, dossier.digest) {
                // Whoever may write below `records/` can spoil a statement, and must not hide the others.
                Err(LogError::Damaged { .. }) => None,
                read => read?,
            };
            dossier.kind = read.and_then(|bytes| EntryKind::from_statement(&bytes, archive).ok());
        }
        Ok(found)
    }
}

/// Reads all dossiers of a log, and its state.
///
/// # Errors
///
/// [`LogError`].
pub fn dossiers(
    store: &dyn LockedStore,
    keys: &KeyFile,
    covered: &Covered,
) -> Result<(State, Vec<Dossier>), LogError> {
    let (archive, mut noted) = (keys.archive_id(), Dossiers::default());
    let state = visit(store, keys, covered, |index, entry, _| noted.note(archive, index, &entry))?;
    let found = noted.open(store, covered, archive, |_| true)?;
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
    /// The approvals that count: of those who were taken off since, or have another key or role,
    /// nothing does.
    pub fn approvals(&self, state: &State) -> Vec<(OfficerSignature, Instant)> {
        let counts = |signed: &OfficerSignature| {
            let officer = state.officers().get(&signed.officer);
            officer.is_some_and(|one| verify(&one.public, self.digest, &signed.sig).is_ok())
        };
        let yes = |said: &&Said| said.act.verdict == Verdict::Approve && !said.is_void;
        let yes = self.said.iter().filter(yes);
        let signed = yes.flat_map(|said| said.act.signatures.iter().map(|one| (one, said.at)));
        signed.filter(|(one, _)| counts(one)).collect()
    }

    /// What became of it at a time. A release of a hold that was placed again or released since is
    /// dead, and so is a batch under a policy that is not in force any more.
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
        if let Some(until) = kind.expires_at().filter(|until| *until < now) {
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
            Self::Superseded(why) => Some(why.clone()),
            Self::Moved(why) => Some((*why).to_owned()),
            Self::Unreadable => Some("its statement is missing or damaged".to_owned()),
            Self::Refused | Self::Waiting => None,
        }
    }
}

/// Whether the log has gone past what an act is about.
fn overtaken(kind: &EntryKind, state: &State, now: Instant) -> Option<Standing> {
    if let EntryKind::DispositionOrder(order) = kind {
        let in_force = state.policy_in_force(now).map(|policy| policy.policy);
        return if in_force != Some(order.policy) {
            Some(Standing::Moved("another policy came into force"))
        } else if state.hold_epoch() != order.hold_epoch {
            Some(Standing::Moved("holds were placed or released"))
        } else {
            None
        };
    }
    state.overtaken(now, kind).map(|void| Standing::Superseded(void.to_string()))
}
