//! What was destroyed, by whose order; what waits for approval, and what officers refused.

use std::collections::BTreeSet;

use jiff::Timestamp;
use strongroom_crypto::entry::{DispositionOrder, EntryKind, Verdict};
use strongroom_crypto::officer::Signatures;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{Digest, SegmentId};
use strongroom_retention::facts::Stage;

use super::table::{Cell, Column, Table, column, exact};
use super::{AsOf, ReportError};
use crate::act::dossier::Said;
use crate::disposition::history::Ordered;
use crate::disposition::propose::statement;
use crate::disposition::review::Reviewed;
use crate::log::{find_list, timestamp};
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
    let reviewed = archive.history.reviewed(archive.store, archive.covered, archive.instant())?;
    let (mut rows, mut said, mut notes) = (Vec::new(), Vec::new(), notes());
    for ordered in &archive.history.orders {
        let kind = EntryKind::DispositionOrder(Box::new(ordered.order.clone()));
        let digest = statement(&kind, archive.state().archive_id());
        let contents = contents(archive, archive.history.segments(ordered), timestamp(ordered.at));
        rows.push(row(archive, Some(&ordered.order), digest, of_order(ordered), &contents));
    }
    for batch in &reviewed {
        let (order, digest) = (batch.order(), batch.dossier.digest);
        let segments = listed(archive, order)?;
        let (yes, no): (Vec<&Said>, Vec<&Said>) =
            batch.dossier.said.iter().partition(|one| one.act.verdict == Verdict::Approve);
        // Of a batch that nobody was let sign no list is kept.
        let spoken = !yes.is_empty() || no.iter().any(|one| one.act.verdict != Verdict::Refused);
        if segments.is_none() && spoken {
            notes.push(format!("of batch sha256:{digest} statement or list is missing or damaged: which segments it has is not known"));
        }
        let contents = contents(archive, &segments.unwrap_or_default(), archive.at);
        if let (Some(last), None) = (yes.last(), batch.dossier.entered) {
            rows.push(row(archive, order, digest, of_batch(archive, batch, last), &contents));
        }
        let no = no.into_iter();
        said.extend(
            no.map(|one| (one.index, row(archive, order, digest, of_said(one), &contents))),
        );
    }
    said.sort_by_key(|(index, _)| *index);
    rows.extend(said.into_iter().map(|(_, row)| row));
    Ok(Table { report: "dispositions", columns: COLUMNS.to_vec(), rows, notes })
}

fn notes() -> Vec<String> {
    vec![
        "approved_by is empty for an order that the policy itself approves".to_owned(),
        "a row with reviewed_by is what one officer said of a batch, or that somebody was refused; the batch has a row of its own once an officer has approved it".to_owned(),
        "rejected: an officer said no or not yet; expired: approvals count no more; moved: holds or the policy changed since; refused: who approved it is not an officer any more".to_owned(),
    ]
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Reject => "rejected",
        Verdict::Extend => "extended",
        Verdict::Refused => "refused",
    }
}

/// The segments of a batch, if that is known.
fn listed(
    archive: &AsOf<'_>,
    order: Option<&DispositionOrder>,
) -> Result<Option<Vec<SegmentId>>, ReportError> {
    let Some(order) = order else { return Ok(None) };
    let list = match archive.state().list(order.list) {
        Ok(list) => Some(list.clone()),
        Err(_) => find_list(archive.store, archive.covered, order.list)?,
    };
    Ok(list.map(|list| list.as_slice().to_vec()))
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

fn of_batch(archive: &AsOf<'_>, batch: &Reviewed, last: &Said) -> Standing {
    let by = batch.dossier.approvals(archive.state());
    Standing {
        state: match batch.stage {
            Stage::Approved { .. } => batch.stage.as_str(),
            _ => batch.standing.as_str(),
        },
        entry: Some(last.index),
        at: Some(last.at),
        approved_by: by.into_iter().map(|(signed, _)| signed.officer.to_string()).collect(),
        ..Standing::default()
    }
}

fn of_said(said: &Said) -> Standing {
    Standing {
        state: verdict(said.act.verdict),
        entry: Some(said.index),
        at: Some(said.at),
        reviewed_by: officers(&said.act.signatures).next(),
        ..Standing::default()
    }
}

fn row(
    archive: &AsOf<'_>,
    order: Option<&DispositionOrder>,
    statement: Digest,
    standing: Standing,
    contents: &Contents,
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
        contents.classes.iter().cloned().collect::<Vec<_>>().into(),
        contents.streams.iter().cloned().collect::<Vec<_>>().into(),
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
