//! `strongroom disposition`

mod certificate;
mod execute;
mod list;
mod propose;
mod review;
mod show;
mod verify;

use std::path::Path;

use clap::{Args, Subcommand};

use super::signing::Stop;
use super::target::{Place, Target};
use super::{EXIT_AGAIN, EXIT_FINDING, EXIT_INPUT, Failure, Machine};
use crate::disposition::DispositionError;
use crate::disposition::batch::{Batch, MAX_BATCH_BYTES};
use crate::disposition::dates::Premature;
use crate::disposition::history::History;
use crate::log::Log;
use crate::named_file;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write down what may go, to be reviewed and approved; nothing is changed
    Propose(propose::Arguments),
    /// Say yes, no or not yet to a batch, with a reason that is kept encrypted
    Review(review::Review),
    /// Sign a batch; it takes the two roles that the policy names
    Approve(review::Approve),
    /// Destroy an approved batch, or go on with an order, and certify it
    Execute(execute::Arguments),
    /// Check that what an order destroyed is gone, and show its certificate
    Verify(verify::Arguments),
    /// Show orders, certificates, what waits for approval, what never came to be, and who was refused
    List(list::Arguments),
    /// Show a batch or an order: who said what of it, when and why
    Show(show::Arguments),
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Propose(arguments) => propose::run(arguments, machine),
        Command::Review(arguments) => review::review(arguments, machine),
        Command::Approve(arguments) => review::approve(arguments, machine),
        Command::Execute(arguments) => execute::run(arguments, machine),
        Command::Verify(arguments) => verify::run(arguments, machine),
        Command::List(arguments) => list::run(arguments, machine),
        Command::Show(arguments) => show::run(arguments, machine),
    }
}

/// Opens an archive and reads what its log says of disposals.
fn open(target: &Target, machine: &Machine) -> Result<(Place, Log, History), Failure> {
    let (place, log) = super::officers::open(target, machine)?;
    let history = History::read(&log, &*place.keys()?)?;
    Ok((place, log, history))
}

/// The same of an archive that is only read.
fn open_to_read(target: &Target, machine: &Machine) -> Result<(Place, Log, History), Failure> {
    let (place, log) = super::officers::open_to_read(target, machine)?;
    let history = History::read(&log, &*place.keys()?)?;
    Ok((place, log, history))
}

fn read(path: &Path) -> Result<Batch, Failure> {
    let next = "name the batch that `strongroom disposition propose --output FILE` wrote";
    let bytes = named_file::read(path, MAX_BATCH_BYTES).map_err(|error| {
        Failure::input(format!("cannot read `{}`: {error}", path.display()), next)
    })?;
    Batch::parse(&bytes)
        .map_err(|error| Failure::input(format!("`{}` is no batch: {error}", path.display()), next))
}

impl From<DispositionError> for Stop {
    fn from(error: DispositionError) -> Self {
        // The rest says nothing about whether the batch may go: it is too early, or nobody knows.
        let refused = matches!(
            error,
            DispositionError::Moved(_)
                | DispositionError::Unfit { .. }
                | DispositionError::Expired(_)
                | DispositionError::Lapsed(_)
                | DispositionError::TooLong { .. }
                | DispositionError::Refused { .. }
                | DispositionError::Void(_)
        );
        let failure = Failure::from(error);
        if refused { Self::Refused(failure) } else { Self::Failed(failure) }
    }
}

impl From<DispositionError> for Failure {
    fn from(error: DispositionError) -> Self {
        let again = "propose again with `strongroom disposition propose` and have that approved";
        let message = error.to_string();
        let (code, next) = match error {
            DispositionError::Log(error) => return error.into(),
            DispositionError::Clock { .. } => {
                (EXIT_AGAIN, "nothing was destroyed: correct the clock and run again")
            }
            DispositionError::Left { .. } => (
                EXIT_FINDING,
                "the order stays open: remove what keeps it, then execute the order again",
            ),
            DispositionError::Premature { why: Premature::Undated, .. } => (
                EXIT_FINDING,
                "the order stays open, and nothing of it was destroyed: execute it again with the `--config` that has the stream's labels",
            ),
            DispositionError::Premature { .. } => (
                EXIT_FINDING,
                "the order stays open, and nothing of it was destroyed: find out who entered it with `strongroom disposition show`",
            ),
            DispositionError::NoPolicy => {
                (EXIT_INPUT, "`strongroom policy plan` begins the approval of one")
            }
            DispositionError::Early(_) => (EXIT_INPUT, "nothing was destroyed: run again then"),
            DispositionError::Void(_) => (
                EXIT_INPUT,
                "nothing was destroyed: `strongroom disposition approve` takes an officer of each role that the policy names",
            ),
            DispositionError::OtherOrder { .. } | DispositionError::NoOrder(_) => {
                (EXIT_INPUT, "`strongroom disposition list` shows orders")
            }
            DispositionError::Batch(_)
            | DispositionError::Moved(_)
            | DispositionError::Unfit { .. }
            | DispositionError::Expired(_)
            | DispositionError::Lapsed(_)
            | DispositionError::TooLong { .. }
            | DispositionError::Refused { .. } => (EXIT_INPUT, again),
            DispositionError::Ahead { .. } => (
                EXIT_FINDING,
                "nothing was destroyed: find out who entered it; the order stays open until its time has come",
            ),
        };
        Self { code, message, next: Some(next.to_owned()) }
    }
}
