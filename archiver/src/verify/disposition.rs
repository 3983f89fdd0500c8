//! What was ordered to go: not before its date, and gone once that is certified.

use jiff::SignedDuration;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::DispositionOrder;
use strongroom_crypto::list::SegmentList;
use strongroom_crypto::time::Instant;

use super::dates::Dates;
use super::fold::{Fold, Live};
use super::inventory::Inventory;
use super::{Audit, Found, Mark, VerifyError, seal};
use crate::disposition::certificate::{Entered, MAX_CERTIFICATE_BYTES, destroyed_keys};
use crate::disposition::dates::{self, Premature};
use crate::document::Document;
use crate::log::{period_key_object, timestamp};
use crate::policies::Policies;
use crate::store::ObjectKey;

/// The name of the check.
const CHECK: &str = "disposition";
/// An order is carried out at once: one that is open longer was forgotten, or something keeps it.
const OPEN_TOO_LONG: SignedDuration = SignedDuration::from_hours(48);

/// An order, and what became of it.
#[derive(Debug)]
pub(super) struct Disposal {
    pub(super) index: u64,
    pub(super) at: Instant,
    pub(super) order: DispositionOrder,
    /// None if it cannot be had: the state is then undecided.
    pub(super) list: Option<SegmentList>,
    pub(super) certified: Option<Certified>,
}

/// That an order was carried out.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) index: u64,
    pub(super) certificate: Digest,
    pub(super) destroyed: Vec<Live>,
}

/// Checks every order. Signatures, holds and the order of entries are the fold's to judge.
pub(super) fn check(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    dates: &Dates,
) -> Result<(), VerifyError> {
    for disposal in &fold.disposals {
        audit.go_on()?;
        if let Some(policies) = dates.policies() {
            check_dates(audit, fold, disposal, policies);
        }
        match &disposal.certified {
            None => pending(audit, disposal),
            Some(certified) => check_certified(audit, inventory, fold, disposal, certified)?,
        }
    }
    Ok(())
}

/// Decides again whether each segment might go when it was ordered away.
fn check_dates(audit: &Audit<'_>, fold: &Fold, disposal: &Disposal, policies: &Policies) {
    let Some(state) = &fold.state else { return };
    let dates = dates::Dates { policies, state, holds: &fold.holds };
    if let Some(lapse) = dates.outlasts(&disposal.order, disposal.at) {
        let until = disposal.order.expires_at;
        let detail = format!("its approvals counted until {until}, under the policy until {lapse}");
        audit.note(CHECK, format_args!("entry {}", disposal.index), Mark::Fail, detail);
    }
    let listed = |live: &&Live| {
        disposal.list.as_ref().is_some_and(|list| list.contains(&live.seal.segment_id))
    };
    let destroyed = disposal.certified.iter().flat_map(|certified| &certified.destroyed);
    let mut unknown = 0_u64;
    for live in destroyed.chain(fold.seals.iter().filter(listed)) {
        match dates.premature(&disposal.order, disposal.at, &live.seal) {
            None => {}
            Some(Premature::Undated) => unknown = unknown.saturating_add(1),
            Some(why) => {
                let Disposal { index, at, .. } = disposal;
                let detail =
                    format!("entry {index} ordered its destruction too early, at {at}: {why}");
                audit.note(CHECK, &live.seal.object, Mark::Fail, detail);
            }
        }
    }
    if unknown > 0 {
        let detail = format!(
            "the dates of {unknown} segments cannot be decided again from the policy and the log alone"
        );
        audit.note(CHECK, format_args!("entry {}", disposal.index), Mark::NotProven, detail);
    }
}

fn pending(audit: &Audit<'_>, disposal: &Disposal) {
    let Disposal { index, at, order, .. } = disposal;
    let late = audit.options.now.duration_since(timestamp(*at)) > OPEN_TOO_LONG;
    let late = if late { "; ALARM: for over two days" } else { "" };
    let detail = format!(
        "order {} of {at} has no certificate{late}: run `strongroom disposition execute {}`",
        order.order, order.order
    );
    audit.note(CHECK, format_args!("entry {index}"), Mark::Pending, detail);
}

fn check_certified(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    disposal: &Disposal,
    certified: &Certified,
) -> Result<(), VerifyError> {
    for live in &certified.destroyed {
        audit.go_on()?;
        seal::read_manifest(audit, fold, live)?;
        let object = live.seal.object.as_str();
        if ObjectKey::new(object).is_ok_and(|key| inventory.segments.contains(&key)) {
            let detail =
                format!("it is there, and entry {} certifies its destruction", certified.index);
            audit.note(CHECK, object, Mark::Fail, detail);
        }
    }
    let key = Document::Certificate.key(certified.certificate)?;
    let open = |bytes: Vec<u8>| {
        let same = Digest::of(&bytes) == certified.certificate;
        if same { Ok(bytes) } else { Err("its SHA-256 is not its name".to_owned()) }
    };
    match audit.read(&key, MAX_CERTIFICATE_BYTES, open)? {
        Found::Good(bytes) => {
            let Some(state) = &fold.state else { return Ok(()) };
            let Disposal { index, at, order, .. } = disposal;
            let entered = Entered { state, order, index: *index, at: *at };
            let seals = certified.destroyed.iter().map(|live| (live.index, &live.seal));
            match entered.differences(&bytes, &seals.collect::<Vec<_>>()) {
                Err(error) => audit.note("certificate", &key, Mark::Fail, error),
                Ok(found) => {
                    for differs in found {
                        audit.note("certificate", &key, Mark::Fail, differs);
                    }
                    check_keys(audit, inventory, fold, &key, &bytes);
                }
            }
        }
        Found::Missing => audit.note("certificate", &key, Mark::Fail, "it is missing"),
        Found::Damaged(detail) => audit.note("certificate", &key, Mark::Fail, detail),
    }
    let detail = format!(
        "order {} of entry {}: {} segments destroyed, their manifests are kept",
        disposal.order.order,
        disposal.index,
        certified.destroyed.len()
    );
    audit.note(CHECK, format_args!("entry {}", certified.index), Mark::Info, detail);
    Ok(())
}

/// Whether the period keys that a certificate calls destroyed are gone.
fn check_keys(
    audit: &Audit<'_>,
    inventory: &Inventory,
    fold: &Fold,
    certificate: &ObjectKey,
    bytes: &[u8],
) {
    let names = match destroyed_keys(bytes) {
        Ok(names) => names,
        Err(error) => return audit.note("certificate", certificate, Mark::Fail, error),
    };
    for name in names {
        let Ok(key) = ObjectKey::new(name.as_str()) else { continue };
        // A key of the name that was made since, for segments that came later, is another key.
        let live = |one: &Live| period_key_object(&one.seal.period_key).is_ok_and(|of| of == key);
        if inventory.keys.contains(&key) && !fold.seals.iter().any(live) {
            audit.note(CHECK, &key, Mark::Fail, "it is there, its destruction was certified");
        }
    }
}
