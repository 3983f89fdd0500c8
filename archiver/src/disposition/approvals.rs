//! Who approved an order: in the role that they had when it was entered, and when each of them signed.

use std::collections::BTreeMap;

use strongroom_crypto::b64;
use strongroom_crypto::entry::{EntryKind, Verdict};
use strongroom_crypto::json::{Value, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::OfficerRole;
use strongroom_crypto::officer::{OfficerSignature, Registry};
use strongroom_crypto::time::Instant;

use super::history::Ordered;
use super::propose::statement;
use crate::log::{Log, LogError, visit};

/// One officer's yes to an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// Who, and the signature as the order has it.
    pub signed: OfficerSignature,
    /// In which role, by the officers of the time of the order.
    pub role: Option<OfficerRole>,
    /// When it was entered.
    pub at: Instant,
    /// In which entry.
    pub entry: u64,
}

impl Approval {
    pub(super) fn to_json(&self) -> Value {
        object([
            ("at", text(self.at)),
            ("entry", self.entry.into()),
            ("officer", text(&self.signed.officer)),
            ("role", self.role.as_ref().map(text).into()),
            ("sig", b64::encode(&self.signed.sig).into()),
        ])
    }
}

/// Reads the approvals of an order from the log; none where the policy itself approves it.
///
/// # Errors
///
/// [`LogError`].
pub fn approvals(log: &Log, keys: &KeyFile, ordered: &Ordered) -> Result<Vec<Approval>, LogError> {
    let kind = EntryKind::DispositionOrder(Box::new(ordered.order.clone()));
    let statement = statement(&kind, log.state().archive_id());
    let (mut registry, mut entered) = (Registry::default(), BTreeMap::new());
    visit(&**log.store(), keys, log.covered(), |index, entry, _| {
        if index >= ordered.index {
            return;
        }
        let at = entry.at();
        match entry.into_kind() {
            EntryKind::LogOpen(open) => registry = open.officers,
            EntryKind::OfficersSet(set) => registry = set.officers,
            EntryKind::OfficerAct(act)
                if act.digest == statement && act.verdict == Verdict::Approve =>
            {
                entered.extend(act.signatures.iter().map(|one| (one.sig, (at, index))));
            }
            _ => {}
        }
    })?;
    // What was never entered by itself came with the order.
    let with_order = (ordered.at, ordered.index);
    let approval = |signed: OfficerSignature| {
        let (at, entry) = entered.get(&signed.sig).copied().unwrap_or(with_order);
        let role = registry.get(&signed.officer).map(|officer| officer.role.clone());
        Approval { signed, role, at, entry }
    };
    Ok(ordered.order.signatures.iter().map(approval).collect())
}
