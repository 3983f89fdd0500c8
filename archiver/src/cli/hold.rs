//! `strongroom hold`

mod list;
mod place;
mod reading;

pub(super) use list::{matter, standing};

use clap::{Args, Subcommand};
use strongroom_crypto::entry::{EntryKind, HoldRelease};
use strongroom_crypto::json::text;
use strongroom_crypto::name::HoldId;
use strongroom_crypto::officer::Signatures;

use super::officers::{open, require_readable};
use super::signing::{Act, Outcome, Signing};
use super::target::Target;
use super::{Failure, Machine};
use crate::act::{expires, pending};
use crate::detail::Detail;
use crate::log::Log;
use strongroom_crypto::keys::KeyFile;

/// What every command of holds says of a hold that is not there.
const SHOWN: &str = "`strongroom hold list` shows the active holds";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold the segments in scope for a matter; one officer signs. Again with the same id it widens
    Place(place::Arguments),
    /// End a hold; two officers in two roles sign, each with this command
    Release(Release),
    /// Show the holds, what they hold, and their matters
    List(list::Arguments),
}

#[derive(Args, Debug)]
struct Release {
    /// The hold
    #[arg(value_name = "ID")]
    hold: HoldId,
    /// Why, for those who have the archive's keys: the first officer says it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Place(arguments) => place::run(arguments, machine),
        Command::Release(arguments) => release(arguments, machine),
        Command::List(arguments) => list::run(arguments, machine),
    }
}

fn release(arguments: &Release, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let keys = place.keys()?;
    let hold = &arguments.hold;
    let active = log.state().holds().find(|(id, _)| *id == hold).map(|(_, hold)| hold.placed);
    let not_active = || Failure::input(format!("hold `{hold}` is not active"), SHOWN);
    let placed = active.ok_or_else(not_active)?;
    let kind = match waiting(&log, &keys, hold, placed)? {
        Some(kind) if arguments.reason.is_some() => {
            let given =
                matches!(&kind, EntryKind::HoldRelease(release) if release.detail.is_some());
            let reason = if given { "with its reason" } else { "without a reason" };
            let message = format!("a release of `{hold}` waits for another officer, {reason}");
            return Err(Failure::input(message, "sign it without `--reason`"));
        }
        Some(kind) => {
            require_readable(&log, &keys, &kind, &arguments.signing)?;
            kind
        }
        None => {
            arguments.signing.require_no_signature()?;
            let mut fill = machine.fill;
            let seal =
                |reason: &String| Detail::Release.store(&log, &keys, reason.as_bytes(), &mut fill);
            EntryKind::HoldRelease(HoldRelease {
                detail: arguments.reason.as_ref().map(seal).transpose()?,
                expires_at: expires(&log)?,
                hold: hold.clone(),
                placed,
                signatures: Signatures::default(),
            })
        }
    };
    let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
    let done = arguments.signing.enter(&mut act)?;
    let next = match done.outcome {
        Outcome::Entered => format!("strongroom sweep --duty hold --to {}", place.to()),
        _ => format!(
            "another officer in another role: strongroom hold release {hold} --to {} --officer ID --officer-key FILE",
            place.to()
        ),
    };
    done.report(arguments.signing.json, Some(next), [("hold", text(hold))])
}

/// The release that another officer has signed, if it still counts: a second statement would say the
/// same with another date, and never be signed by two.
fn waiting(
    log: &Log,
    keys: &KeyFile,
    hold: &HoldId,
    placed: u64,
) -> Result<Option<EntryKind>, Failure> {
    let now = log.now()?;
    let same = |kind: &EntryKind| match kind {
        EntryKind::HoldRelease(known) => {
            (&known.hold, known.placed) == (hold, placed) && known.expires_at >= now
        }
        _ => false,
    };
    Ok(pending(log, keys)?.into_iter().map(|one| one.kind).find(same))
}
