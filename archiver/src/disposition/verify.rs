//! Whether what an order destroyed is gone, and what is certified of it is so.

use super::DispositionError;
use super::certificate::{Entered, destroyed_keys};
use super::history::{History, Ordered};
use crate::document::Document;
use crate::log::{Log, LogError, period_key_object};
use crate::policies::Policies;
use crate::store::{ObjectKey, versions_of};

/// Everything that is not as it should be, each in a sentence; nothing, if all is.
///
/// # Errors
///
/// The store's.
pub fn verify(
    log: &Log,
    history: &History,
    policies: &Policies,
    ordered: &Ordered,
) -> Result<Vec<String>, DispositionError> {
    let mut findings = Vec::new();
    let policies = policies.with_clocks(&history.clocks);
    let dates = history.dates(&policies);
    if let Some(lapse) = dates.outlasts(&ordered.order, ordered.at) {
        let until = ordered.order.expires_at;
        findings
            .push(format!("its approvals counted until {until}, under the policy until {lapse}"));
    }
    for (_, seal) in history.sealed(ordered)? {
        if let Some(why) = dates.premature(&ordered.order, ordered.at, seal) {
            let (id, at) = (seal.segment_id, ordered.at);
            findings.push(format!("segment {id} was ordered too early, at {at}: {why}"));
        }
        let key = ObjectKey::new(seal.object.as_str())?;
        let left = versions_of(&**log.store(), &key)?.len();
        if ordered.certified.is_some() && left > 0 {
            findings.push(format!("`{key}` is still there, in {left} versions"));
        }
    }
    match ordered.certified {
        None => findings.push("the order has no certificate yet".to_owned()),
        Some(certified) => {
            match Document::Certificate.load(&**log.store(), log.covered(), certified.certificate) {
                Ok(Some(bytes)) => findings.extend(certificate(log, history, ordered, &bytes)?),
                Ok(None) => findings.push("its certificate is missing".to_owned()),
                Err(LogError::Damaged { object, detail }) => {
                    findings.push(format!("its certificate `{object}`: {detail}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(findings)
}

/// What a certificate says that is not so.
fn certificate(
    log: &Log,
    history: &History,
    ordered: &Ordered,
    bytes: &[u8],
) -> Result<Vec<String>, DispositionError> {
    let mut findings = Vec::new();
    let (Ordered { index, at, order, .. }, state) = (ordered, &history.state);
    let entered = Entered { state, order, index: *index, at: *at };
    let differ = entered.differences(bytes, &history.sealed(ordered)?)?;
    findings.extend(differ.into_iter().map(|differs| format!("its certificate: {differs}")));
    for name in destroyed_keys(bytes)? {
        // A key of the name that was made since, for segments that came later, is another key.
        let key = ObjectKey::new(name.as_str())?;
        let mut live = history.state.segments();
        let live = live.any(|one| period_key_object(&one.period_key).is_ok_and(|of| of == key));
        let left = versions_of(&**log.store(), &key)?.len();
        if left > 0 && !live {
            findings.push(format!("`{name}` is there, its destruction was certified"));
        }
    }
    Ok(findings)
}
