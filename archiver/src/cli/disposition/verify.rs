//! `strongroom disposition verify`

use clap::Args;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, array, object, parse};
use strongroom_crypto::name::OrderId;

use super::certificate::lines;
use super::list::{describe, show};
use super::open_to_read;
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::disposition::DispositionError;
use crate::disposition::certificate::MAX_CERTIFICATE_BYTES;
use crate::disposition::verify::verify as check;
use crate::document::Document;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The order
    #[arg(value_name = "ORDER-ID")]
    order: OrderId,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open_to_read(&arguments.target, machine)?;
    let none = || DispositionError::NoOrder(arguments.order.clone());
    let ordered = history.order(&arguments.order).ok_or_else(none)?;
    let findings = check(&log, &history, &place.policies(&log)?, ordered)?;
    let certificate = ordered.certified.map(|done| done.certificate);
    let certificate = certificate.map(|digest| certificate_of(&log, digest)).transpose()?;
    if arguments.json {
        output::json(&object([
            ("certificate", certificate.flatten().into()),
            ("findings", array(findings.iter().map(String::as_str))),
            ("order", describe(ordered)),
        ]))?;
    } else {
        show(ordered)?;
        if let Some(certificate) = certificate.flatten() {
            for (label, said) in lines(&certificate) {
                output::line(format!("{label:<14}{said}"))?;
            }
        }
    }
    for finding in &findings {
        output::complain(finding, None);
    }
    Ok(if findings.is_empty() { EXIT_DONE } else { EXIT_FINDING })
}

/// The certificate, where it is there and readable: if not, the check has said so.
fn certificate_of(log: &crate::log::Log, digest: Digest) -> Result<Option<Value>, Failure> {
    let read = match Document::Certificate.load(&**log.store(), log.covered(), digest) {
        Err(crate::log::LogError::Damaged { .. }) => None,
        read => read?,
    };
    Ok(read.and_then(|bytes| parse(&bytes, MAX_CERTIFICATE_BYTES).ok()))
}
