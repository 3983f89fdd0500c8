//! Batches under review: what officers have signed that is no order yet.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_crypto::entry::{DispositionOrder, EntryKind, Verdict};
use strongroom_crypto::name::OfficerRole;
use strongroom_crypto::{Digest, SegmentId};

use super::{AsOf, ReportError, Said};
use crate::disposition::propose::statement;
use crate::document::Document;
use crate::log::{LogError, read_list};

/// A batch that at least one officer has approved.
pub(super) struct Batch<'a> {
    /// What officers sign.
    pub(super) statement: Digest,
    /// What it would become; none if its statement is not kept.
    pub(super) order: Option<DispositionOrder>,
    pub(super) approvals: Vec<&'a Said>,
    /// `waiting`, `approved`, or why it can become nothing any more.
    pub(super) state: &'static str,
}

/// What officers said of batches.
pub(super) fn said<'a>(archive: &'a AsOf<'_>) -> impl Iterator<Item = &'a Said> {
    archive.acts.iter().filter(|one| one.act.act.as_str() == "disposition.order")
}

/// The batches under review, by the digests of their statements.
pub(super) fn batches<'a>(archive: &'a AsOf<'_>) -> Result<Vec<Batch<'a>>, ReportError> {
    let orders = archive.history.orders.iter().map(|ordered| digest(archive, &ordered.order));
    let entered: BTreeSet<Digest> = orders.collect();
    let mut approvals: BTreeMap<Digest, Vec<&Said>> = BTreeMap::new();
    for one in said(archive).filter(|one| one.act.verdict == Verdict::Approve) {
        if !entered.contains(&one.act.digest) {
            approvals.entry(one.act.digest).or_default().push(one);
        }
    }
    let mut batches = Vec::new();
    for (statement, approvals) in approvals {
        let order = read_statement(archive, statement)?;
        let state = state(archive, statement, order.as_ref(), &approvals);
        batches.push(Batch { statement, order, approvals, state });
    }
    Ok(batches)
}

/// The segments of batches that may still be executed, and their state.
pub(super) fn under_review(
    archive: &AsOf<'_>,
) -> Result<BTreeMap<SegmentId, &'static str>, ReportError> {
    let mut states = BTreeMap::new();
    for batch in batches(archive)? {
        let state = match batch.state {
            "approved" => "APPROVED",
            "waiting" => "IN_REVIEW",
            _ => continue,
        };
        for id in
            batch.order.map(|order| listed(archive, &order)).transpose()?.into_iter().flatten()
        {
            if states.get(&id) != Some(&"APPROVED") {
                states.insert(id, state);
            }
        }
    }
    Ok(states)
}

/// The segments of a batch; none is known of one whose list was never stored.
pub(super) fn listed(
    archive: &AsOf<'_>,
    order: &DispositionOrder,
) -> Result<Vec<SegmentId>, ReportError> {
    match read_list(archive.store, archive.covered, order.list) {
        Ok(list) => Ok(list.as_slice().to_vec()),
        Err(LogError::Damaged { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// What officers sign of an order.
pub(super) fn digest(archive: &AsOf<'_>, order: &DispositionOrder) -> Digest {
    let kind = EntryKind::DispositionOrder(Box::new(order.clone()));
    statement(&kind, archive.state().archive_id())
}

/// Whether a batch may still be executed, as far as the log says.
fn state(
    archive: &AsOf<'_>,
    statement: Digest,
    order: Option<&DispositionOrder>,
    approvals: &[&Said],
) -> &'static str {
    let no = |one: &Said| matches!(one.act.verdict, Verdict::Reject | Verdict::Extend);
    if said(archive).any(|one| one.act.digest == statement && no(one)) {
        return "stopped";
    }
    let Some(order) = order else { return "waiting" };
    if order.expires_at < archive.instant() {
        return "lapsed";
    }
    let state = archive.state();
    let Some(policy) = state.policy_in_force(archive.instant()) else { return "void" };
    if policy.policy != order.policy || state.hold_epoch() != order.hold_epoch {
        return "void";
    }
    let signed = approvals.iter().flat_map(|one| one.act.signatures.iter());
    let roles: BTreeSet<OfficerRole> = signed
        .filter_map(|signed| Some(state.officers().get(&signed.officer)?.role.clone()))
        .collect();
    if policy.roles.iter().all(|role| roles.contains(role)) { "approved" } else { "waiting" }
}

/// The order that a statement would become; none if the statement is not kept.
fn read_statement(
    archive: &AsOf<'_>,
    digest: Digest,
) -> Result<Option<DispositionOrder>, ReportError> {
    let bytes = Document::Statement.load(archive.store, archive.covered, digest)?;
    let id = archive.state().archive_id();
    let kind = bytes.and_then(|bytes| EntryKind::from_statement(&bytes, id).ok());
    Ok(match kind {
        Some(EntryKind::DispositionOrder(order)) => Some(*order),
        _ => None,
    })
}
