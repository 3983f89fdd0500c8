//! `strongroom clock`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use strongroom_crypto::detail::MAX_DETAIL_BYTES;
use strongroom_crypto::entry::{ClockChange, ClockEvent, EntryKind};
use strongroom_crypto::json::{array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{EventName, StreamName};
use strongroom_crypto::officer::Signatures;

use super::officers::{open, require_readable};
use super::signing::{Act, Outcome, Signing};
use super::stream::require_known;
use super::target::{Place, Target};
use super::{EXIT_DONE, Failure, Machine, output};
use crate::act::{expires, pending};
use crate::detail::Detail;
use crate::log::{Log, instant, visit};
use crate::named_file;
use crate::store::Covered;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record that something happened that periods count from; one officer signs
    Record(Record),
    /// Show what is known
    List(List),
}

#[derive(Args, Debug)]
struct Record {
    /// To which stream
    #[arg(long, value_name = "NAME")]
    stream: StreamName,
    /// What happened, as the policy calls it
    #[arg(long, value_name = "NAME")]
    event: EventName,
    /// When it happened; with `--reopened`, when it was undone
    #[arg(long, value_name = "TIME")]
    at: Timestamp,
    /// It happened earlier than was recorded: what is kept may go sooner, so that two officers in two
    /// roles sign, each with this command
    #[arg(long, conflicts_with = "reopened")]
    earlier: bool,
    /// It was undone: the period has not begun
    #[arg(long)]
    reopened: bool,
    /// Record it though no policy waits for such an event there, or nothing is known of the stream:
    /// a policy that comes later may count from it
    #[arg(long)]
    force: bool,
    /// A file that shows it, of at most 1 MiB; it is sealed
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Record(arguments) => record(arguments, machine),
        Command::List(arguments) => list(arguments, machine),
    }
}

fn record(arguments: &Record, machine: &Machine) -> Result<u8, Failure> {
    let evidence = arguments.evidence.as_deref().map(read).transpose()?;
    let (place, mut log) = open(&arguments.target, machine)?;
    let keys = place.keys()?;
    let kind = match waiting(&log, &keys, arguments)? {
        Some(_) if evidence.is_some() => {
            let message = "another officer has signed this with evidence of their own";
            return Err(Failure::input(message, "sign it without `--evidence`"));
        }
        Some(kind) => {
            require_readable(&log, &keys, &kind, &arguments.signing)?;
            kind
        }
        None => {
            arguments.signing.require_no_signature()?;
            if !arguments.force {
                require_awaited(&place, &log, arguments)?;
            }
            let mut fill = machine.fill;
            let seal = |bytes: Vec<u8>| Detail::Evidence.store(&log, &keys, &bytes, &mut fill);
            let evidence = evidence.map(seal).transpose()?;
            EntryKind::ClockEvent(Box::new(arguments.event(&log, evidence)?))
        }
    };
    let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
    let done = arguments.signing.enter(&mut act)?;
    let next = match done.outcome {
        Outcome::Entered => format!("strongroom sweep --duty lock --to {}", place.to()),
        _ => done.another(&place),
    };
    let more = [
        ("event", text(&arguments.event)),
        ("happened", text(instant(arguments.at))),
        ("kind", arguments.kind().as_str().into()),
        ("stream", text(&arguments.stream)),
    ];
    done.report(arguments.signing.json, Some(next), more)
}

/// Refuses an event that nothing counts from: a name with a slip of the pen would start no period,
/// and nobody would see it.
fn require_awaited(place: &Place, log: &Log, arguments: &Record) -> Result<(), Failure> {
    let Record { stream, event, .. } = arguments;
    let next = "`strongroom status` shows the streams; give `--config FILE` if it is a new one, or `--force` to record it all the same";
    let archive = (&**log.store(), log.covered(), log.state());
    require_known(std::slice::from_ref(stream), place, archive, next)?;
    let awaited = place.policies(log)?.awaited(stream);
    if awaited.contains(event.as_str()) {
        return Ok(());
    }
    let names: Vec<String> = awaited.iter().map(|name| format!("`{name}`")).collect();
    let message = if names.is_empty() {
        format!("no policy waits for an event of stream `{stream}`")
    } else {
        format!("no policy waits for `{event}` of stream `{stream}`, but for {}", names.join(", "))
    };
    let next = "correct `--event`, put the policy in force first, or give `--force` to record it all the same";
    Err(Failure::input(message, next))
}

impl Record {
    fn kind(&self) -> ClockChange {
        match (self.earlier, self.reopened) {
            (true, _) => ClockChange::Earlier,
            (_, true) => ClockChange::Reopened,
            _ => ClockChange::Later,
        }
    }

    fn event(
        &self,
        log: &Log,
        evidence: Option<strongroom_crypto::Digest>,
    ) -> Result<ClockEvent, Failure> {
        Ok(ClockEvent {
            event: self.event.clone(),
            evidence,
            expires_at: expires(log)?,
            happened: instant(self.at),
            kind: self.kind(),
            replaces: log.state().clock(&self.stream, &self.event).map(|clock| clock.index),
            signatures: Signatures::default(),
            stream: self.stream.clone(),
        })
    }
}

/// The same event as another officer has signed it, if that still counts.
fn waiting(log: &Log, keys: &KeyFile, asked: &Record) -> Result<Option<EntryKind>, Failure> {
    let now = log.now()?;
    let same = |kind: &EntryKind| {
        let EntryKind::ClockEvent(known) = kind else { return false };
        let what = (&known.stream, &known.event, known.happened, known.kind);
        what == (&asked.stream, &asked.event, instant(asked.at), asked.kind())
            && known.expires_at >= now
            && known.replaces == log.state().clock(&asked.stream, &asked.event).map(|one| one.index)
    };
    Ok(pending(log, keys)?.into_iter().map(|one| one.kind).find(same))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    named_file::read(path, MAX_DETAIL_BYTES).map_err(|error| {
        let message = format!("cannot read `{}`: {error}", path.display());
        Failure::input(message, "name another file with `--evidence FILE`")
    })
}

fn list(arguments: &List, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let (store, keys, covered) =
        (place.store_read_only(machine)?, place.keys()?, Covered::default());
    let state = visit(&*store, &keys, &covered, |_, _, _| {})?;
    if arguments.json {
        let clocks = state.clocks().map(|(stream, event, clock)| {
            object([
                ("entry", clock.index.into()),
                ("event", text(event)),
                ("happened", text(clock.happened)),
                ("recorded", text(clock.recorded)),
                ("reopened", clock.reopened.into()),
                ("stream", text(stream)),
            ])
        });
        output::json(&object([("clocks", array(clocks))]))?;
    } else {
        if state.clocks().next().is_none() {
            output::line("nothing was recorded: periods that count from an event have not begun")?;
        }
        for (stream, event, clock) in state.clocks() {
            let word = if clock.reopened { "reopened" } else { "happened" };
            let (happened, recorded, index) = (clock.happened, clock.recorded, clock.index);
            let (stream, event) = (stream.as_str(), event.as_str());
            output::line(format!(
                "{stream:<20} {event:<20} {word} {happened}, recorded {recorded}, entry {index}"
            ))?;
        }
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}
