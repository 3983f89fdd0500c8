//! `strongroom officers`

mod list;
mod statement;

pub(super) use list::{Refused, describe_act, refusals};
use statement::Words;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use strongroom_crypto::entry::{EntryKind, MAX_ENTRY_BYTES, OfficersSet};
use strongroom_crypto::json::text;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::{OfficerKey, Registry, Signatures};
use strongroom_crypto::time::{Instant, MS_PER_HOUR};
use strongroom_crypto::{ArchiveId, Digest};

use super::signing::{Act, Done, Outcome, Signing, cosigned, officer};
use super::target::Target;
use super::{EXIT_DONE, Failure, Machine, output};
use crate::act::pending;
use crate::log::Log;
use crate::named_file;
use crate::officer::name::{self, MAX_NAME_BYTES};

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
    /// Show who decides, what waits for a signature, what never came to be, and who was refused
    List(list::Arguments),
    /// Register officers; two officers in two roles sign, each with this command
    Add(Add),
    /// Take officers off the registry; two officers in two roles sign, each with this command
    Remove(Remove),
    /// Say who an officer is; the name is sealed, and never stands in the log
    Name(Name),
    /// Show in plain words a statement that waits or was written to a file, and sign it
    Sign(Sign),
}

#[derive(Args, Debug)]
struct Add {
    /// Each as `ID:ROLE:FILE` with an OpenSSH public key (ssh-ed25519)
    #[arg(required = true, value_name = "ID:ROLE:FILE")]
    officers: Vec<String>,
    /// Who an added officer is; sealed, and never in the log; may be repeated
    #[arg(long = "name", value_name = "ID=NAME")]
    names: Vec<String>,
    /// The signature of another officer over the same statement, made with ssh-keygen -Y sign: an
    /// archive gets its first officers by two signatures at once
    #[arg(long = "with", value_name = "ID=FILE")]
    cosigned: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args, Debug)]
struct Name {
    /// The officer's id
    #[arg(value_name = "ID")]
    officer: OfficerId,
    /// The name
    #[arg(value_name = "NAME")]
    person: String,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
    /// Why, where the statement is approved and entered by a command of its own; sealed
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what would be signed, and do nothing
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::List(arguments) => list::run(arguments, machine),
        Command::Add(arguments) => {
            let named = arguments.officers.iter().map(|text| officer(text));
            let added = named.collect::<Result<Vec<OfficerKey>, _>>()?;
            let named = named_among(&arguments.names, &added)?;
            let more = More { named, cosigned: &arguments.cosigned };
            change(&arguments.target, &arguments.signing, machine, &more, |registry| {
                registry.iter().cloned().chain(added).collect()
            })
        }
        Command::Remove(arguments) => {
            let more = More { named: Vec::new(), cosigned: &[] };
            change(&arguments.target, &arguments.signing, machine, &more, |registry| {
                let stays = |key: &&OfficerKey| !arguments.officers.contains(&key.id);
                registry.iter().filter(stays).cloned().collect()
            })
        }
        Command::Name(arguments) => name_of(arguments, machine),
        Command::Sign(arguments) => sign(arguments, machine),
    }
}

/// The officers whose names were given as `ID=NAME`.
fn named_among(
    names: &[String],
    added: &[OfficerKey],
) -> Result<Vec<(OfficerKey, String)>, Failure> {
    let each = names.iter().map(|text| {
        let next = "write `--name ID=NAME`, with the id of an officer that is added";
        let wrong = || Failure::input(format!("`{text}` names no officer that is added"), next);
        let (id, name) = text.split_once('=').ok_or_else(wrong)?;
        let officer = added.iter().find(|one| one.id.as_str() == id).ok_or_else(wrong)?;
        Ok((officer.clone(), checked(name)?))
    });
    each.collect()
}

fn checked(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let message = format!("a name has 1 to {MAX_NAME_BYTES} bytes");
        return Err(Failure::input(message, "give a shorter one"));
    }
    Ok(name.to_owned())
}

fn name_of(arguments: &Name, machine: &Machine) -> Result<u8, Failure> {
    let name = checked(&arguments.person)?;
    let (place, log) = open(&arguments.target, machine)?;
    let id = &arguments.officer;
    let Some(officer) = log.state().officers().get(id) else {
        let next = "`strongroom officers list` shows who is registered";
        return Err(Failure::input(format!("officer `{id}` is not registered"), next));
    };
    let mut fill = machine.fill;
    name::store(&log, &*place.keys()?, officer, &name, &mut fill)?;
    if arguments.json {
        let done = Done::without_entry("officers.name", None, Outcome::Named);
        return done.json(None, [("id", text(id))]);
    }
    output::line(format!("named       {id}: sealed below `records/officers/`"))?;
    Ok(EXIT_DONE)
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

/// Opens an archive to read its log: a copy too, and nothing is written.
pub(super) fn open_to_read(
    target: &Target,
    machine: &Machine,
) -> Result<(super::target::Place, Log), Failure> {
    let place = target.resolve()?;
    place.key()?;
    let log = Log::open_to_read(place.store_read_only(machine)?, place.keys()?)?;
    Ok((place, log))
}

/// What comes with a registry.
struct More<'a> {
    /// Who the officers are.
    named: Vec<(OfficerKey, String)>,
    /// Signatures made before, each as `ID=FILE`.
    cosigned: &'a [String],
}

/// Sets the registry that `change` makes of the one there is.
fn change(
    target: &Target,
    signing: &Signing,
    machine: &Machine,
    more: &More<'_>,
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
    // A second statement would say the same with another date, and never be signed by two.
    let now = log.now()?;
    let same = |kind: &EntryKind| match kind {
        EntryKind::OfficersSet(known) => {
            (known.number, &known.officers) == (number, &officers) && known.expires_at >= now
        }
        _ => false,
    };
    let waiting = pending(&log, &*place.keys()?)?.into_iter().map(|one| one.kind).find(same);
    let kind = if let Some(kind) = waiting {
        kind
    } else {
        // The first officers of a test archive sign at once, each where the statement is written anew.
        let expires_at = if state.officers().is_empty() {
            Instant::MAX
        } else {
            signing.require_no_signature()?;
            now.saturating_add_ms(OPEN_FOR_MS)
        };
        let signatures = Signatures::default();
        EntryKind::OfficersSet(OfficersSet { expires_at, number, officers, signatures })
    };
    let cosigned = more.cosigned.iter().map(|text| cosigned(text, &log, &kind));
    let cosigned = Signatures::new(cosigned.collect::<Result<_, _>>()?).ok_or_else(|| {
        let next = "give at most eight, each officer's once";
        Failure::input("`--with` names an officer twice, or too many", next)
    })?;
    let kind = kind.with_signatures(cosigned);
    let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
    let done = signing.enter(&mut act)?;
    let (keys, mut fill) = (place.keys()?, machine.fill);
    for (officer, name) in &more.named {
        // A crash before this leaves an officer without a name: `officers name` gives one.
        name::store(&log, &keys, officer, name, &mut fill)?;
    }
    let next = (done.outcome == Outcome::Waiting).then(|| done.another(&place));
    done.report(signing.json, next, [("number", number.into())])
}

fn sign(arguments: &Sign, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = if arguments.preview {
        open_to_read(&arguments.target, machine)?
    } else {
        open(&arguments.target, machine)?
    };
    let keys = place.keys()?;
    let kind = match &arguments.statement_file {
        Some(path) => written(path, log.state().archive_id())?,
        None => waiting(&log, &keys, arguments.digest.as_deref().unwrap_or_default())?,
    };
    let signing = &arguments.signing;
    require_readable(&log, &keys, &kind, signing)?;
    if arguments.preview {
        if !signing.json {
            return Ok(EXIT_DONE);
        }
        let digest = Digest::of(&kind.statement(log.state().archive_id()));
        return Done::without_entry(kind.as_str(), Some(digest), Outcome::Previewed).json(None, []);
    }
    let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
    let done = match kind {
        // These stand on more than their signatures: a command of their own looks at it and enters them.
        EntryKind::PolicySet(_) | EntryKind::DispositionOrder(_) => {
            signing.approve(&mut act, arguments.reason.as_deref(), |_| Ok(()))?
        }
        _ if arguments.reason.is_some() => {
            let message = format!("`{}` has its reason in the statement", kind.as_str());
            return Err(Failure::input(message, "sign it without `--reason`"));
        }
        _ => signing.enter(&mut act)?,
    };
    done.report(signing.json, None, [])
}

/// Shows in plain words what is about to be signed, and refuses what cannot be read.
pub(super) fn require_readable(
    log: &Log,
    keys: &KeyFile,
    kind: &EntryKind,
    signing: &Signing,
) -> Result<(), Failure> {
    let words = Words::of(log, keys, kind)?;
    if !signing.json {
        words.print(kind, Digest::of(&kind.statement(log.state().archive_id())))?;
    }
    let (true, Some(what)) = (signing.signs_here(), words.unreadable.first()) else {
        return Ok(());
    };
    let message = format!("nothing was signed: of what would be, not all can be read: {what}");
    let next = "put back what is missing from a copy, or have the statement made again by the command that made it";
    Err(Failure::input(message, next))
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
    let bytes = named_file::read(path, MAX_ENTRY_BYTES)
        .map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}"), next))?;
    EntryKind::from_statement(&bytes, archive).map_err(|error| {
        Failure::input(format!("`{shown}` is no statement of this archive: {error}"), next)
    })
}
