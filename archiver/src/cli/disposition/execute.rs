//! `strongroom disposition execute`

use std::path::Path;

use clap::Args;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::json::text;
use strongroom_crypto::keys::Role;
use strongroom_crypto::name::OrderId;

use super::read;
use crate::cli::signing::{Act, Done, Outcome, Stop};
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, officers, output};
use crate::disposition::DispositionError;
use crate::disposition::execute::{Clocks, carry_out, order};
use crate::disposition::history::History;
use crate::disposition::propose::statement;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The approved batch; or the id of an order that was interrupted
    #[arg(value_name = "BATCH|ORDER-ID")]
    what: String,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let path = Path::new(&arguments.what);
    let batch = if path.exists() { Some(read(path)?) } else { None };
    let id: OrderId = match &batch {
        Some(batch) => batch.order.clone(),
        None => arguments.what.parse().map_err(|_| {
            let message = format!("`{}` is no batch and no order", arguments.what);
            Failure::input(message, "`strongroom disposition list` shows orders")
        })?,
    };
    let (place, log) = officers::open(&arguments.target, machine)?;
    let mut log = log.on_duty(Role::Remove);
    let (keys, policies) = (place.keys()?, place.policies(&log)?);
    let clocks = Clocks { local: (machine.now)(), store: log.store().now()? };
    let mut fill = machine.fill;
    if let Some(batch) = &batch {
        let kind = batch.entry().map_err(DispositionError::Batch)?;
        let ordered = order(&mut log, &keys, &policies, batch, clocks, &mut fill);
        match ordered.map_err(Stop::from) {
            Ok(()) => {}
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::Refused(failure)) => {
                let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
                return Err(act.refused(None, false, failure));
            }
        }
    }
    // The certificate has the time of the destruction, which is after the order.
    let clocks = Clocks { local: (machine.now)(), store: log.store().now()? };
    let done = carry_out(&mut log, &keys, &policies, &id, clocks, &mut fill)?;
    let next = format!("strongroom disposition verify {id} --to {}", place.to());
    if arguments.json {
        let history = History::read(&log, &keys)?;
        let archive = log.state().archive_id();
        let digest = history.order(&id).map(|ordered| {
            let kind = EntryKind::DispositionOrder(Box::new(ordered.order.clone()));
            statement(&kind, archive)
        });
        let more =
            [("at", text(done.at)), ("certificate", text(done.certificate)), ("order", text(&id))];
        let (act, entry) = ("disposition.order".to_owned(), Some(done.index));
        let done = Done { act, digest, entry, officer: None, outcome: Outcome::Certified };
        return done.json(Some(next), more);
    }
    output::line(format!("order       {id} is carried out"))?;
    output::line(format!("certificate sha256:{} in entry {}", done.certificate, done.index))?;
    output::line(format!("next        {next}"))?;
    Ok(EXIT_DONE)
}
