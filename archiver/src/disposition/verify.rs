//! Whether what an order destroyed is gone, and what is certified of it is so.

use strongroom_crypto::json::ObjectReader;
use strongroom_retention::decision::KeepUntil;
use strongroom_retention::hold::Holds;

use super::DispositionError;
use super::certificate::{MAX_CERTIFICATE_BYTES, differences};
use super::execute::versions;
use super::history::{History, Ordered};
use crate::document::Document;
use crate::log::{Log, LogError, timestamp};
use crate::policies::{About, Policies};
use crate::store::ObjectKey;

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
    let (at, policies) = (timestamp(ordered.at), policies.with_clocks(&history.clocks));
    for id in history.segments(ordered) {
        let Some((_, seal)) = history.seals.get(id) else { continue };
        let decision = policies.decide_about(&About::from(seal), None, &Holds::default(), at);
        match decision.keep_until {
            KeepUntil::Until(until) if until > at => {
                findings.push(format!("segment {id} was kept until {until}, ordered at {at}"));
            }
            KeepUntil::Until(_) => {}
            KeepUntil::Open => findings.push(format!(
                "segment {id}: its date cannot be decided; where the policy matches labels, give `--config`"
            )),
        }
        let key = ObjectKey::new(seal.object.as_str())?;
        let left = versions(log, &key)?.len();
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
    let segments = history.segments(ordered).iter();
    let seals = segments.filter_map(|id| history.seals.get(id));
    let seals = seals.map(|(index, seal)| (*index, seal));
    let differ = differences(bytes, &ordered.order, ordered.index, seals)?;
    findings.extend(differ.into_iter().map(|differs| format!("its certificate: {differs}")));
    let mut members = ObjectReader::from_bytes(bytes, MAX_CERTIFICATE_BYTES)?;
    for mut key in members.objects("keys")? {
        let (name, fate) = (key.text("key")?, key.text("fate")?);
        // A key of the name that was made since, for segments that came later, is another key.
        let live = |name: &str| {
            let mut segments = history.state.segments();
            segments.any(|segment| format!("keys/period/{}", segment.period_key) == name)
        };
        let left = versions(log, &ObjectKey::new(name.as_str())?)?.len();
        if fate == "destroyed" && left > 0 && !live(&name) {
            findings.push(format!("`{name}` is there, its destruction was certified"));
        }
    }
    Ok(findings)
}
