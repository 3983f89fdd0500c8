//! `strongroom disposition verify` and `list`

use clap::Args;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::json::{Value, array, object, parse, text};
use strongroom_crypto::name::OrderId;

use super::open;
use crate::act::{Pending, pending};
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::disposition::DispositionError;
use crate::disposition::certificate::MAX_CERTIFICATE_BYTES;
use crate::disposition::history::Ordered;
use crate::disposition::verify::verify as check;
use crate::document::Document;

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The order
    #[arg(value_name = "ORDER-ID")]
    order: OrderId,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(arguments: &Verify, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open(&arguments.target, machine)?;
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
            output::pretty(&certificate)?;
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

pub(super) fn list(arguments: &List, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open(&arguments.target, machine)?;
    let waiting = pending(&log, &*place.keys()?)?;
    let waiting: Vec<(&Pending, &OrderId)> = waiting.iter().filter_map(of_order).collect();
    if arguments.json {
        output::json(&object([
            ("orders", array(history.orders.iter().map(describe))),
            ("waiting", array(waiting.iter().map(|(one, order)| describe_waiting(one, order)))),
        ]))?;
        return Ok(EXIT_DONE);
    }
    if history.orders.is_empty() && waiting.is_empty() {
        output::line("no orders, and nothing waits for approval")?;
    }
    for ordered in &history.orders {
        show(ordered)?;
    }
    for (one, order) in waiting {
        let by: Vec<String> =
            one.approvals.iter().map(|(signed, _)| signed.officer.to_string()).collect();
        output::line(format!("waiting     {order}, approved by {}", by.join(", ")))?;
    }
    Ok(EXIT_DONE)
}

fn of_order(one: &Pending) -> Option<(&Pending, &OrderId)> {
    match &one.kind {
        EntryKind::DispositionOrder(order) => Some((one, &order.order)),
        _ => None,
    }
}

fn show(ordered: &Ordered) -> Result<(), Failure> {
    let order = &ordered.order;
    let segments = output::counted(order.count, "segment", "segments");
    output::line(format!(
        "order       {} of {segments}, {}, entry {} at {}",
        order.order,
        output::size(order.bytes),
        ordered.index,
        ordered.at
    ))?;
    output::line(match &ordered.certified {
        Some(done) => format!(
            "certified   entry {} at {}, sha256:{}",
            done.index, done.at, done.certificate
        ),
        None => "open        no certificate yet: run `strongroom disposition execute` with the order's id"
            .to_owned(),
    })?;
    Ok(())
}

fn describe(ordered: &Ordered) -> Value {
    let order = &ordered.order;
    let certified = ordered.certified.map(|done| {
        object([
            ("at", text(done.at)),
            ("certificate", text(done.certificate)),
            ("entry", done.index.into()),
        ])
    });
    object([
        ("at", text(ordered.at)),
        ("bytes", order.bytes.into()),
        ("certified", certified.into()),
        ("entry", ordered.index.into()),
        ("list", text(order.list)),
        ("order", text(&order.order)),
        ("policy", text(order.policy)),
        ("segments", order.count.into()),
        ("signed", array(order.signatures.iter().map(|signed| text(&signed.officer)))),
    ])
}

fn describe_waiting(one: &Pending, order: &OrderId) -> Value {
    let signed = one
        .approvals
        .iter()
        .map(|(signed, at)| object([("at", text(at)), ("officer", text(&signed.officer))]));
    object([("order", text(order)), ("signed", array(signed)), ("statement", text(one.digest))])
}
