//! Which segments may go as of an instant, and whether those of a batch still may. Nothing is written.

use std::fmt;

use jiff::Timestamp;

use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::keys::Entropy;
use strongroom_crypto::name::{ClassName, OrderId, StreamName};
use strongroom_crypto::state::LiveSegment;
use strongroom_crypto::{ArchiveId, Digest, SegmentId};
use strongroom_retention::decision::{Decision, KeepUntil, State};
use strongroom_retention::hold::Holds;

use super::DispositionError;
use super::batch::{Batch, Candidate, MAX_BATCH_SEGMENTS, date};
use super::history::History;
use crate::document::Document;
use crate::log::{Log, LogError, instant, timestamp};
use crate::policies::{About, Policies};
use crate::store::{ObjectKey, VersionId, versions_of};

/// What to propose.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// As of when.
    pub as_of: Timestamp,
    /// Of these streams; of all, if there are none.
    pub streams: Vec<StreamName>,
    /// At most so many segments.
    pub max_objects: usize,
    /// Only what goes without approval: of these classes by its seal, by its rule, and past its grace.
    pub pre_approved: Option<Vec<ClassName>>,
}

impl Selection {
    fn takes(&self, segment: &LiveSegment) -> bool {
        let of_stream = self.streams.is_empty() || self.streams.contains(&segment.stream);
        of_stream
            && self.pre_approved.as_ref().is_none_or(|classes| classes.contains(&segment.class))
    }

    /// What a segment has to come to.
    fn wants(&self, decision: &Decision) -> bool {
        if self.pre_approved.is_some() { decision.may_be_destroyed() } else { may_go(decision) }
    }
}

/// What came of a proposal.
#[derive(Debug)]
pub struct Proposal {
    /// The batch; none if nothing may go.
    pub batch: Option<Batch>,
    /// What would go, were it not for this.
    pub left: Vec<(SegmentId, Unfit)>,
}

/// Why a segment may not go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// It is not in the archive.
    Gone,
    /// Its date has not come, or is not known.
    Kept(Option<Timestamp>),
    /// A hold stands over it.
    Held,
    /// An order destroys it already.
    Ordered(OrderId),
    /// Its lock has not passed.
    Locked(Timestamp),
    /// It is not as it was sealed.
    Altered(&'static str),
    /// It may go, and not as the batch says.
    Differs,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("is not live in this archive"),
            Self::Kept(Some(until)) => write!(f, "is kept until {until}"),
            Self::Kept(None) => f.write_str("is kept until a date that is not known yet"),
            Self::Held => f.write_str("is under a hold"),
            Self::Ordered(order) => write!(f, "is in order `{order}` already"),
            Self::Locked(until) => write!(f, "is locked until {until}"),
            Self::Altered(how) => write!(f, "is not as it was sealed: {how}"),
            Self::Differs => f.write_str("has other dates or versions than the batch says"),
        }
    }
}

/// Proposes whatever may go.
///
/// # Errors
///
/// [`DispositionError`].
pub fn propose(
    log: &Log,
    history: &History,
    policies: &Policies,
    selection: &Selection,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> Result<Proposal, DispositionError> {
    let in_force = history.state.policy_in_force(instant(now)).ok_or(DispositionError::NoPolicy)?;
    let most = selection.max_objects.min(MAX_BATCH_SEGMENTS);
    let (mut segments, mut left) = (Vec::new(), Vec::new());
    for segment in history.state.segments() {
        if segments.len() >= most {
            break;
        }
        if !selection.takes(segment) {
            continue;
        }
        let wants = |decision: &Decision| selection.wants(decision);
        match examine(log, history, policies, segment, selection.as_of, &wants)? {
            Ok(candidate) => segments.push(candidate),
            Err(Unfit::Kept(_)) => {}
            Err(why) => left.push((segment.segment_id, why)),
        }
    }
    if segments.is_empty() {
        return Ok(Proposal { batch: None, left });
    }
    segments.sort_by_key(|segment| segment.id);
    let lapse = policies.approvals_lapse(in_force.policy, now);
    let ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let order = SegmentId::new(ms, entropy).ok().and_then(|id| id.to_string().parse().ok());
    let batch = Batch {
        order: order.ok_or(DispositionError::NoPolicy)?,
        as_of: instant(selection.as_of),
        policy: in_force.policy,
        hold_epoch: history.state.hold_epoch(),
        size: history.state.size(),
        expires_at: lapse.map(instant).ok_or(DispositionError::NoPolicy)?,
        segments,
    };
    Ok(Proposal { batch: Some(batch), left })
}

/// Whether everything of a batch is as it was when it was proposed, and nobody said no.
///
/// # Errors
///
/// [`DispositionError`], naming the first thing that is not.
pub fn check(
    log: &Log,
    history: &History,
    policies: &Policies,
    batch: &Batch,
    now: Timestamp,
) -> Result<(), DispositionError> {
    if batch.expires_at < instant(now) {
        return Err(DispositionError::Expired(batch.expires_at));
    }
    let in_force = history.state.policy_in_force(instant(now));
    if in_force.map(|policy| policy.policy) != Some(batch.policy) {
        return Err(DispositionError::Moved("another policy came into force"));
    }
    // The file says it, and the policy decides it.
    let lapse = policies.approvals_lapse(batch.policy, now).ok_or(DispositionError::NoPolicy)?;
    if batch.expires_at > instant(lapse) {
        let (said, most) = (batch.expires_at, instant(lapse));
        return Err(DispositionError::TooLong { said, most });
    }
    // Of a later instant than now nothing is known that could be compared.
    let at = now.max(timestamp(batch.as_of));
    for candidate in &batch.segments {
        let unfit = |why| DispositionError::Unfit { id: candidate.id, why };
        let live = history.state.segment(&candidate.id).ok().flatten();
        let live = live.ok_or_else(|| unfit(Unfit::Gone))?;
        let found = examine(log, history, policies, live, at, &may_go)?.map_err(unfit)?;
        if found != *candidate {
            return Err(unfit(Unfit::Differs));
        }
    }
    // Segments first: that one is held says more.
    if history.state.hold_epoch() != batch.hold_epoch {
        return Err(DispositionError::Moved("holds were placed or released"));
    }
    refused(log, history, log.state().archive_id(), batch)
}

/// Whether an officer said no to a batch, or not yet; also to another one of its order's id, for
/// a file is changed easily. What is proposed again has an id of its own, and says
/// what was said before.
fn refused(
    log: &Log,
    history: &History,
    archive: ArchiveId,
    batch: &Batch,
) -> Result<(), DispositionError> {
    let own = batch.entry()?;
    let statement = statement(&own, archive);
    let same = |digest: Digest| -> Result<bool, LogError> {
        if digest == statement {
            return Ok(true);
        }
        let read = Document::Statement.load(&**log.store(), log.covered(), digest);
        let read = match read {
            // Of what cannot be read nobody knows what it was about; its own digest still counts.
            Err(LogError::Damaged { .. }) => None,
            read => read?,
        };
        let kind = read.and_then(|bytes| EntryKind::from_statement(&bytes, archive).ok());
        Ok(matches!(kind, Some(EntryKind::DispositionOrder(order)) if order.order == batch.order))
    };
    let mut no = None;
    // A statement is read from the store: only those of batches are.
    let of_batches = history.dossiers.rejections().into_iter();
    for review in of_batches.filter(|review| review.act.act.as_str() == own.as_str()) {
        if same(review.act.digest)? {
            no = Some(review);
            break;
        }
    }
    let signed = no.and_then(|review| Some((review, review.act.signatures.iter().next()?)));
    signed.map_or(Ok(()), |(review, by)| {
        let (verdict, index) = (review.act.verdict, review.index);
        Err(DispositionError::Refused { officer: by.officer, verdict, index })
    })
}

/// The digest of what officers sign.
pub fn statement(kind: &EntryKind, archive: ArchiveId) -> Digest {
    Digest::of(&kind.statement(archive))
}

/// Whether a segment comes to what is wanted at an instant; the state's lists are at hand.
fn examine(
    log: &Log,
    history: &History,
    policies: &Policies,
    segment: &LiveSegment,
    at: Timestamp,
    wants: &dyn Fn(&Decision) -> bool,
) -> Result<Result<Candidate, Unfit>, LogError> {
    let state = &history.state;
    let last_release = history.last_release(segment);
    let decide = |lock_until| {
        let holds = Holds { standing: Vec::new(), last_release };
        policies.decide_about(&About::from(segment), lock_until, &holds, at)
    };
    // What has no date yet is most of an archive: its objects are not looked at.
    let decision = decide(None);
    let keep = decision.keep_until.instant();
    if !wants(&decision) {
        return Ok(Err(Unfit::Kept(keep)));
    }
    let undecided = |reason| LogError::Fold(strongroom_crypto::state::FoldError::Undecided(reason));
    if !state.holds_over(segment).map_err(undecided)?.is_empty() {
        return Ok(Err(Unfit::Held));
    }
    if let Some(order) = state.order_over(&segment.segment_id).map_err(undecided)? {
        return Ok(Err(Unfit::Ordered(order)));
    }
    let object = ObjectKey::new(segment.object.as_str())?;
    let (versions, lock_until) = match versions(log, &object, segment.object_sha256)? {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    if lock_until > at {
        return Ok(Err(Unfit::Locked(lock_until)));
    }
    let decision = decide(Some(lock_until));
    let (KeepUntil::Until(keep), Some(from), true) =
        (decision.keep_until, decision.destroyable_from, wants(&decision))
    else {
        return Ok(Err(Unfit::Kept(decision.keep_until.instant())));
    };
    Ok(Ok(Candidate {
        id: segment.segment_id,
        object,
        versions,
        bytes: segment.bytes,
        sha256: segment.object_sha256,
        class: Policies::class(&decision, &segment.class),
        stream: segment.stream.clone(),
        keep_until: date(keep),
        must_go_by: decision.must_go_by.map(date),
        destroyable_from: date(from),
        deciding_rule: decision.deciding_rule,
    }))
}

fn may_go(decision: &Decision) -> bool {
    matches!(decision.state, State::Eligible | State::Approved)
}

/// The versions of an object and the latest end of their locks, if each is what was sealed and nobody
/// flagged one.
fn versions(
    log: &Log,
    object: &ObjectKey,
    sealed: Digest,
) -> Result<Result<(Vec<VersionId>, Timestamp), Unfit>, LogError> {
    let (mut versions, mut latest) = (Vec::new(), Timestamp::MIN);
    for one in versions_of(&**log.store(), object)? {
        if one.is_delete_marker {
            return Ok(Err(Unfit::Altered("a delete marker lies over it")));
        }
        let Some(head) = log.store().head(object, Some(&one.version))? else {
            return Ok(Err(Unfit::Altered("it is missing")));
        };
        if head.hold {
            return Ok(Err(Unfit::Held));
        }
        if head.sha256 != Some(sealed) {
            return Ok(Err(Unfit::Altered("a version of it has another SHA-256")));
        }
        let Some(lock) = head.lock else {
            return Ok(Err(Unfit::Altered("no lock is seen")));
        };
        latest = latest.max(lock.until);
        versions.push(one.version);
    }
    if versions.is_empty() {
        return Ok(Err(Unfit::Altered("it is missing")));
    }
    Ok(Ok((versions, latest)))
}
