//! What was destroyed, by whose order; what waits for approval, and what officers refused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use strongroom_crypto::entry::{DispositionOrder, Verdict};
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};

use super::review::{batches, digest, listed, said};
use super::table::{Cell, Column, Table, column, exact};
use super::{AsOf, ReportError};
use crate::disposition::history::Ordered;
use crate::log::timestamp;
use crate::policies::About;

const COLUMNS: [Column; 18] = [
    column("order"),
    column("state"),
    column("entry"),
    column("at"),
    column("policy_version"),
    exact("policy"),
    column("segments"),
    column("bytes"),
    column("classes"),
    column("streams"),
    column("approved_by"),
    column("reviewed_by"),
    column("expires_at"),
    column("open_since"),
    column("certified_entry"),
    column("certified_at"),
    exact("certificate"),
    exact("statement"),
];

/// What of a batch is destroyed, by record class and by stream.
#[derive(Default)]
struct Contents {
    classes: BTreeSet<String>,
    streams: BTreeSet<String>,
}

/// What a row says beside the order.
#[derive(Default)]
struct Standing {
    state: &'static str,
    entry: Option<u64>,
    at: Option<Instant>,
    approved_by: Vec<String>,
    reviewed_by: Option<String>,
    open_since: Option<Instant>,
    certified_entry: Option<u64>,
    certified_at: Option<Instant>,
    certificate: Option<Digest>,
}

/// A row for each order, for each batch that waits for approval, and for each time that an officer said
/// no or not yet. `statement` is what officers signed, and the same in all rows of a batch.
///
/// # Errors
///
/// [`ReportError`].
pub fn dispositions(archive: &AsOf<'_>) -> Result<Table, ReportError> {
    let mut known: BTreeMap<Digest, DispositionOrder> = BTreeMap::new();
    let mut rows = Vec::new();
    for ordered in &archive.history.orders {
        let digest = digest(archive, &ordered.order);
        known.insert(digest, ordered.order.clone());
        let contents = contents(archive, archive.history.segments(ordered), timestamp(ordered.at));
        rows.push(row(archive, Some(&ordered.order), digest, of_order(ordered), contents));
    }
    for batch in batches(archive)? {
        let signed = batch.approvals.iter().flat_map(|one| officers(&one.act.signatures));
        let last = batch.approvals.last();
        let standing = Standing {
            state: batch.state,
            entry: last.map(|one| one.index),
            at: last.map(|one| one.at),
            approved_by: signed.collect(),
            ..Standing::default()
        };
        let contents = proposed(archive, batch.order.as_ref())?;
        rows.push(row(archive, batch.order.as_ref(), batch.statement, standing, contents));
        known.extend(batch.order.map(|order| (batch.statement, order)));
    }
    for one in said(archive).filter(|one| one.act.verdict != Verdict::Approve) {
        let order = known.get(&one.act.digest);
        let standing = Standing {
            state: verdict(one.act.verdict),
            entry: Some(one.index),
            at: Some(one.at),
            reviewed_by: officers(&one.act.signatures).next(),
            ..Standing::default()
        };
        let contents = proposed(archive, order)?;
        rows.push(row(archive, order, one.act.digest, standing, contents));
    }
    let notes = vec![
        "approved_by is empty for an order that the policy itself approves".to_owned(),
        "a batch is known by its statement's digest alone until an officer has approved it".to_owned(),
        "stopped: an officer said no or not yet; lapsed: approvals count no more; void: holds or the policy changed since".to_owned(),
    ];
    Ok(Table { report: "dispositions", columns: COLUMNS.to_vec(), rows, notes })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Reject => "rejected",
        Verdict::Extend => "extended",
        Verdict::Refused => "refused",
    }
}

/// What a batch would destroy.
fn proposed(archive: &AsOf<'_>, order: Option<&DispositionOrder>) -> Result<Contents, ReportError> {
    let listed = order.map(|order| listed(archive, order)).transpose()?.unwrap_or_default();
    Ok(contents(archive, &listed, archive.at))
}

fn contents(archive: &AsOf<'_>, segments: &[SegmentId], at: Timestamp) -> Contents {
    let mut contents = Contents::default();
    for seal in segments.iter().filter_map(|id| archive.seal(id)) {
        let class = archive.class(&About::from(seal), &seal.class, at);
        contents.classes.insert(class.to_string());
        contents.streams.insert(seal.stream.to_string());
    }
    contents
}

fn officers(signatures: &Signatures) -> impl Iterator<Item = String> {
    let names: Vec<String> = signatures.iter().map(|one| one.officer.to_string()).collect();
    names.into_iter()
}

fn of_order(ordered: &Ordered) -> Standing {
    let certified = ordered.certified;
    Standing {
        state: if certified.is_some() { "certified" } else { "open" },
        entry: Some(ordered.index),
        at: Some(ordered.at),
        approved_by: officers(&ordered.order.signatures).collect(),
        reviewed_by: None,
        open_since: certified.is_none().then_some(ordered.at),
        certified_entry: certified.map(|done| done.index),
        certified_at: certified.map(|done| done.at),
        certificate: certified.map(|done| done.certificate),
    }
}

fn row(
    archive: &AsOf<'_>,
    order: Option<&DispositionOrder>,
    statement: Digest,
    standing: Standing,
    contents: Contents,
) -> Vec<Cell> {
    let policy = order.map(|order| order.policy);
    let mut policies = archive.state().policies().iter();
    let version = policies.find(|one| Some(one.policy) == policy).map(|one| one.version);
    vec![
        order.map(|order| order.order.to_string()).into(),
        standing.state.into(),
        standing.entry.into(),
        standing.at.into(),
        version.into(),
        policy.into(),
        order.map(|order| order.count).into(),
        order.map(|order| order.bytes).into(),
        contents.classes.into_iter().collect::<Vec<_>>().into(),
        contents.streams.into_iter().collect::<Vec<_>>().into(),
        standing.approved_by.into(),
        standing.reviewed_by.into(),
        order.map(|order| order.expires_at).into(),
        standing.open_since.into(),
        standing.certified_entry.into(),
        standing.certified_at.into(),
        standing.certificate.into(),
        statement.into(),
    ]
}
