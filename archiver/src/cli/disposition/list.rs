//! `strongroom disposition list`

use clap::Args;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::name::OrderId;
use strongroom_crypto::state::State;

use super::open_to_read;
use crate::act::dossier::{Dossier, Standing, dossiers};
use crate::cli::officers::{Refused, describe_act, refusals};
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::disposition::history::Ordered;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open_to_read(&arguments.target, machine)?;
    let (keys, now) = (place.keys()?, log.now()?);
    let (state, mut found) = dossiers(&**log.store(), &keys, log.covered())?;
    found.retain(|dossier| order_of(dossier).is_some());
    let refused = refusals(&**log.store(), log.covered(), &keys, &found);
    let standing = |dossier: &Dossier| dossier.standing(&state, now);
    let open: Vec<(&Dossier, Standing)> = found
        .iter()
        .filter(|dossier| dossier.entered.is_none())
        .map(|dossier| (dossier, standing(dossier)))
        .filter(|(_, standing)| *standing != Standing::Refused)
        .collect();
    if arguments.json {
        let of = |waits: bool| {
            let acts = open.iter().filter(move |(_, one)| (*one == Standing::Waiting) == waits);
            array(acts.map(|(dossier, standing)| describe_batch(dossier, standing, &state)))
        };
        output::json(&object([
            ("dead", of(false)),
            ("orders", array(history.orders.iter().map(describe))),
            ("refused", array(refused.iter().map(Refused::to_json))),
            ("waiting", of(true)),
        ]))?;
        output::warn(log.covered());
        return Ok(EXIT_DONE);
    }
    if history.orders.is_empty() && open.is_empty() {
        output::line("no orders, and nothing waits for approval")?;
    }
    for ordered in &history.orders {
        show(ordered)?;
    }
    for (dossier, standing) in &open {
        let signed = dossier.approvals(&state);
        let by: Vec<&str> = signed.iter().map(|(signed, _)| signed.officer.as_str()).collect();
        let by = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
        let order = order_of(dossier).map(ToString::to_string).unwrap_or_default();
        let why = standing.why().map(|why| format!(": {why}")).unwrap_or_default();
        output::line(format!("{:<11} {order}, approved by {by}{why}", standing.as_str()))?;
    }
    refused.iter().try_for_each(Refused::print)?;
    output::warn(log.covered());
    Ok(EXIT_DONE)
}

/// The order that a batch becomes.
pub(super) fn order_of(dossier: &Dossier) -> Option<&OrderId> {
    match &dossier.kind {
        Some(EntryKind::DispositionOrder(order)) => Some(&order.order),
        _ => None,
    }
}

/// A batch as JSON.
pub(super) fn describe_batch(dossier: &Dossier, standing: &Standing, state: &State) -> Value {
    let Value::Object(mut members) = describe_act(dossier, standing, state) else {
        return Value::Null;
    };
    members.insert("order", order_of(dossier).map(text));
    Value::Object(members)
}

/// Prints an order.
pub(super) fn show(ordered: &Ordered) -> Result<(), Failure> {
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

/// An order as JSON.
pub(super) fn describe(ordered: &Ordered) -> Value {
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
