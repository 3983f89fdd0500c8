//! `strongroom officers`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use strongroom_crypto::ArchiveId;
use strongroom_crypto::entry::{EntryKind, OfficersSet};
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::{OfficerKey, Registry, Signatures};
use strongroom_crypto::time::MS_PER_HOUR;

use super::signing::{Signing, officer, report};
use super::target::Target;
use super::{EXIT_DONE, Failure, Machine, output};
use crate::act::{Pending, pending};
use crate::log::Log;
use crate::officer::public_line;

/// How long a change of officers waits for signatures: where the recovery key stands for an officer
/// who is lost, it has to stand in the log for seven days.
const OPEN_FOR_MS: i64 = 30 * 24 * MS_PER_HOUR;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show who decides, and what waits for a second signature
    List(List),
    /// Register officers; two officers in two roles sign
    Add(Add),
    /// Take officers off the registry; two officers in two roles sign
    Remove(Remove),
    /// Sign a statement that waits for another officer, or one that was written to a file
    Sign(Sign),
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Add {
    /// Each as `ID:ROLE:FILE` with an OpenSSH public key (ssh-ed25519)
    #[arg(required = true, value_name = "ID:ROLE:FILE")]
    officers: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args, Debug)]
struct Remove {
    /// The officers' ids
    #[arg(required = true, value_name = "ID")]
    officers: Vec<OfficerId>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args, Debug)]
struct Sign {
    /// The statement's digest, as `officers list` shows it, or its first digits
    #[arg(required_unless_present = "statement_file", conflicts_with = "statement_file")]
    digest: Option<String>,
    /// A file that a command wrote with `--statement`: signed elsewhere, it is entered from here
    /// with `--signature`, also if nobody has signed it before
    #[arg(long, value_name = "FILE")]
    statement_file: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments, machine),
        Command::Add(arguments) => {
            let named = arguments.officers.iter().map(|text| officer(text));
            let added = named.collect::<Result<Vec<OfficerKey>, _>>()?;
            change(&arguments.target, &arguments.signing, machine, |registry| {
                registry.iter().cloned().chain(added).collect()
            })
        }
        Command::Remove(arguments) => {
            change(&arguments.target, &arguments.signing, machine, |registry| {
                let stays = |key: &&OfficerKey| !arguments.officers.contains(&key.id);
                registry.iter().filter(stays).cloned().collect()
            })
        }
        Command::Sign(arguments) => sign(arguments, machine),
    }
}

/// Opens an archive for an officer's act.
pub(super) fn open(
    target: &Target,
    machine: &Machine,
) -> Result<(super::target::Place, Log), Failure> {
    let place = target.resolve()?;
    place.key()?;
    let log = Log::open(place.store(machine)?, place.keys()?)?;
    Ok((place, log))
}

/// Sets the registry that `change` makes of the one there is.
fn change(
    target: &Target,
    signing: &Signing,
    machine: &Machine,
    change: impl FnOnce(&Registry) -> Vec<OfficerKey>,
) -> Result<u8, Failure> {
    let (place, mut log) = open(target, machine)?;
    let state = log.state();
    let refused = |error: strongroom_crypto::officer::RegistryError| {
        Failure::input(error.to_string(), "`strongroom officers list` shows who is registered")
    };
    let officers = Registry::new(change(state.officers())).map_err(refused)?;
    if officers == *state.officers() {
        let next = "`strongroom officers list` shows who is registered";
        return Err(Failure::input("nothing would change", next));
    }
    officers.check_enough(state.environment()).map_err(refused)?;
    let number = state.officers_number().saturating_add(1);
    let (keys, now) = (place.keys()?, log.now()?);
    // A second statement would say the same with another date, and never be signed by two.
    let same = |kind: &EntryKind| match kind {
        EntryKind::OfficersSet(known) => {
            (known.number, &known.officers) == (number, &officers) && known.expires_at >= now
        }
        _ => false,
    };
    let waiting = pending(&log, &keys)?.into_iter().map(|one| one.kind).find(same);
    let kind = match waiting {
        Some(kind) => kind,
        None => {
            signing.require_no_signature()?;
            EntryKind::OfficersSet(OfficersSet {
                expires_at: now.saturating_add_ms(OPEN_FOR_MS),
                number,
                officers,
                signatures: Signatures::default(),
            })
        }
    };
    let outcome = signing.act(&mut log, &keys, &kind, place.url.file_path(), machine)?;
    report(outcome, "officers")
}

fn sign(arguments: &Sign, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let keys = place.keys()?;
    let kind = match &arguments.statement_file {
        Some(path) => written(path, log.state().archive_id())?,
        None => waiting(&log, &keys, arguments.digest.as_deref().unwrap_or_default())?,
    };
    let (signing, root) = (&arguments.signing, place.url.file_path());
    let outcome = match kind {
        // These stand on more than their signatures: a command of their own looks at it and enters them.
        EntryKind::PolicySet(_) | EntryKind::DispositionOrder(_) => {
            signing.approve(&mut log, &kind, root, machine)?
        }
        _ => signing.act(&mut log, &keys, &kind, root, machine)?,
    };
    report(outcome, kind.as_str())
}

/// The one statement that waits under a digest that begins so.
fn waiting(log: &Log, keys: &KeyFile, digest: &str) -> Result<EntryKind, Failure> {
    let waiting = pending(log, keys)?.into_iter();
    let mut found = waiting.filter(|one| one.digest.to_string().starts_with(digest));
    let (Some(one), None) = (found.next(), found.next()) else {
        let message = format!("`{digest}` names no one statement that waits");
        return Err(Failure::input(message, "`strongroom officers list` shows what waits"));
    };
    Ok(one.kind)
}

/// A statement that was written down.
fn written(path: &Path, archive: ArchiveId) -> Result<EntryKind, Failure> {
    let next = "name a file that a command wrote with `--statement FILE`";
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}"), next))?;
    EntryKind::from_statement(&bytes, archive).map_err(|error| {
        Failure::input(format!("`{shown}` is no statement of this archive: {error}"), next)
    })
}

fn list(arguments: &List, machine: &Machine) -> Result<u8, Failure> {
    let (place, log) = open(&arguments.target, machine)?;
    let waiting = pending(&log, &*place.keys()?)?;
    let officers = log.state().officers();
    if arguments.json {
        output::json(&object([
            ("number", log.state().officers_number().into()),
            ("officers", array(officers.iter().map(describe))),
            ("waiting", array(waiting.iter().map(describe_waiting))),
        ]))?;
        return Ok(EXIT_DONE);
    }
    output::line(format!("{:<20} {:<20} PUBLIC KEY", "ID", "ROLE"))?;
    for OfficerKey { id, role, public } in officers.iter() {
        let (id, role) = (id.as_str(), role.as_str());
        output::line(format!("{id:<20} {role:<20} {}", public_line(public)))?;
    }
    for one in &waiting {
        let by: Vec<String> =
            one.approvals.iter().map(|(signed, _)| signed.officer.to_string()).collect();
        output::line(format!(
            "waiting    {} {}, signed by {}",
            one.kind.as_str(),
            one.digest,
            by.join(", ")
        ))?;
    }
    Ok(EXIT_DONE)
}

fn describe(officer: &OfficerKey) -> Value {
    object([
        ("id", text(&officer.id)),
        ("public", public_line(&officer.public).into()),
        ("role", text(&officer.role)),
    ])
}

fn describe_waiting(one: &Pending) -> Value {
    let signed = one
        .approvals
        .iter()
        .map(|(signed, at)| object([("at", text(at)), ("officer", text(&signed.officer))]));
    object([
        ("signed", array(signed)),
        ("statement", text(one.digest)),
        ("type", one.kind.as_str().into()),
    ])
}
