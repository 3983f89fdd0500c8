//! `strongroom clock`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use strongroom_crypto::entry::{ClockChange, ClockEvent, EntryKind};
use strongroom_crypto::json::{array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{EventName, StreamName};
use strongroom_crypto::officer::Signatures;

use super::officers::open;
use super::signing::{Outcome, Signing, report};
use super::target::Target;
use super::{EXIT_DONE, Failure, Machine, output};
use crate::act::{expires, pending};
use crate::detail::Detail;
use crate::log::{Log, instant, visit};
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
        Some(kind) => kind,
        None => {
            arguments.signing.require_no_signature()?;
            let mut fill = machine.fill;
            let seal = |bytes: Vec<u8>| Detail::Evidence.store(&log, &keys, &bytes, &mut fill);
            let evidence = evidence.map(seal).transpose()?;
            EntryKind::ClockEvent(Box::new(arguments.event(&log, evidence)?))
        }
    };
    let outcome = arguments.signing.act(&mut log, &keys, &kind, place.url.file_path(), machine)?;
    let code = report(outcome, "clock")?;
    if outcome == Outcome::Entered {
        output::line(format!("next        strongroom sweep --duty lock --to {}", place.to()))?;
    }
    Ok(code)
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
    std::fs::read(path).map_err(|error| {
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
            output::line(format!(
                "{stream:<20} {event:<20} {word} {happened}, recorded {recorded}, entry {index}"
            ))?;
        }
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}
