//! `strongroom hold`

mod list;
mod place;

pub(super) use list::matter;

use clap::{Args, Subcommand};
use strongroom_crypto::entry::{EntryKind, HoldRelease};
use strongroom_crypto::name::HoldId;
use strongroom_crypto::officer::Signatures;

use super::officers::open;
use super::signing::{Outcome, Signing, report};
use super::target::Target;
use super::{Failure, Machine, output};
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
    if !log.state().holds().any(|(id, _)| id == hold) {
        return Err(Failure::input(format!("hold `{hold}` is not active"), SHOWN));
    }
    let kind = match waiting(&log, &keys, hold)? {
        Some(_) if arguments.reason.is_some() => {
            let message = format!("another officer has given a reason to release `{hold}`");
            return Err(Failure::input(message, "sign it without `--reason`"));
        }
        Some(kind) => kind,
        None => {
            arguments.signing.require_no_signature()?;
            let mut fill = machine.fill;
            let seal =
                |reason: &String| Detail::Release.store(&log, &keys, reason.as_bytes(), &mut fill);
            EntryKind::HoldRelease(HoldRelease {
                detail: arguments.reason.as_ref().map(seal).transpose()?,
                expires_at: expires(&log)?,
                hold: hold.clone(),
                signatures: Signatures::default(),
            })
        }
    };
    let outcome = arguments.signing.act(&mut log, &keys, &kind, place.url.file_path(), machine)?;
    let code = report(outcome, "release")?;
    if outcome == Outcome::Entered {
        output::line(format!("next        strongroom sweep --duty hold --to {}", place.to()))?;
    }
    Ok(code)
}

/// The release that another officer has signed, if it still counts: a second statement would say the
/// same with another date, and never be signed by two.
fn waiting(log: &Log, keys: &KeyFile, hold: &HoldId) -> Result<Option<EntryKind>, Failure> {
    let now = log.now()?;
    let same = |kind: &EntryKind| matches!(kind, EntryKind::HoldRelease(release) if release.hold == *hold && release.expires_at >= now);
    Ok(pending(log, keys)?.into_iter().map(|one| one.kind).find(same))
}
