//! `strongroom sweep`

use clap::{Args, ValueEnum};
use strongroom_crypto::json::{array, object, text};
use strongroom_crypto::name::Shard;

use super::target::Target;
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::log::Log;
use crate::sweep::{Orphans, extend_overdue, remove_orphans};

/// What a sweep does; each needs other permissions of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Duty {
    /// Extend locks that are about to lapse
    Lock,
    /// Abandon and delete uploads that no run ever claimed
    Remove,
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Do only this; without it everything
    #[arg(long, value_name = "DUTY")]
    duty: Option<Duty>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let mut log = Log::open(place.store(machine)?, place.keys()?)?;
    let has = |duty| arguments.duty.is_none_or(|wanted| wanted == duty);
    let mut fill = machine.fill;
    let before = log.state().extended_until();
    let mut missing = Vec::new();
    if has(Duty::Lock) {
        missing = extend_overdue(&mut log)?;
        // The window says how far locks were extended; without news there is none to close.
        if log.is_extended() {
            log.append(&[], Some(Shard::WHOLE), &mut fill)?;
        }
    }
    let orphans =
        if has(Duty::Remove) { remove_orphans(&mut log, &mut fill)? } else { Orphans::default() };
    let extended = log.state().extended_until().filter(|until| Some(*until) != before);
    if arguments.json {
        output::json(&object([
            ("abandoned", orphans.abandoned.into()),
            ("deleted", orphans.deleted.into()),
            ("extended_until", extended.map_or(strongroom_crypto::json::Value::Null, text)),
            ("missing", array(missing.iter().map(text))),
            ("waiting", orphans.waiting.into()),
        ]))?;
    } else {
        let until =
            extended.map_or_else(|| "none was due".to_owned(), |until| format!("all to {until}"));
        output::line(format!("locks       {until}"))?;
        output::line(format!(
            "orphans     {} abandoned, {} deleted, {} still locked",
            output::count(orphans.abandoned),
            output::counted(orphans.deleted, "object", "objects"),
            output::count(orphans.waiting)
        ))?;
    }
    for key in &missing {
        let next = "run `strongroom verify` to see what is damaged";
        output::complain(
            &format!("`{key}` is missing: its lock could not be extended"),
            Some(next),
        );
    }
    Ok(if missing.is_empty() { EXIT_DONE } else { EXIT_FINDING })
}
