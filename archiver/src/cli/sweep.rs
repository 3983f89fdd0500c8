//! `strongroom sweep`

use clap::{Args, ValueEnum};
use strongroom_crypto::entry::Locked;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::Role;
use strongroom_crypto::name::Shard;
use strongroom_crypto::time::Instant;

use super::target::{Place, Target};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::disposition::batch::MAX_BATCH_SEGMENTS;
use crate::disposition::execute::Clocks;
use crate::disposition::propose::Unfit;
use crate::disposition::unattended::{Unattended, dispose};
use crate::hold::Ledger;
use crate::log::{Log, LogError};
use crate::store::{Covered, ObjectKey};
use crate::sweep::{Orphans, extend_overdue, extend_undecided, remove_orphans, sweep_holds};

/// What a sweep does; each needs other permissions of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Duty {
    /// Extend locks that are about to lapse
    Lock,
    /// Set and lift legal-hold flags as the log orders: every segment is looked at, so that it is
    /// done only where it is named
    Hold,
    /// Abandon and delete uploads that no run ever claimed, and canaries of `doctor`; carry out open
    /// orders of disposal, and destroy what the policy approves by itself
    Remove,
}

impl Duty {
    /// Whose key signs what it says in the log.
    const fn role(self) -> Role {
        match self {
            Self::Lock => Role::Lock,
            Self::Hold => Role::Hold,
            Self::Remove => Role::Remove,
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Do only this, under its own key; without it `lock` and `remove`
    #[arg(long, value_name = "DUTY")]
    duty: Option<Duty>,
    /// Destroy at most so many segments that the policy approves by itself
    #[arg(long, value_name = "N", default_value_t = MAX_BATCH_SEGMENTS)]
    max_objects: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What a sweep did.
struct Swept {
    /// Until when all locks were extended, if they were.
    extended: Option<Instant>,
    /// How far dates were set, if they were.
    locked: Option<Locked>,
    /// Objects whose locks could not be extended.
    missing: Vec<ObjectKey>,
    orphans: Orphans,
    disposal: Unattended,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    if arguments.duty == Some(Duty::Hold) {
        return holds(arguments, &place, machine);
    }
    place.key()?;
    let mut log = Log::open(place.store(machine)?, place.keys()?)?;
    if let Some(duty) = arguments.duty {
        log = log.on_duty(duty.role());
    }
    let has = |duty| arguments.duty.is_none_or(|wanted| wanted == duty);
    let policies = place.policies(&log);
    let mut fill = machine.fill;
    let (before, dated) = (log.state().extended_until(), log.state().locked());
    let mut missing = Vec::new();
    if has(Duty::Lock) {
        missing = match &policies {
            Ok(policies) => extend_overdue(&mut log, policies)?,
            Err(_) => extend_undecided(&mut log)?,
        };
        // The window says how far locks were extended; without news there is none to close.
        if log.is_extended() {
            log.append(&[], Some(Shard::WHOLE), &mut fill)?;
        }
    }
    let policies = policies?;
    let (mut orphans, mut disposal) = (Orphans::default(), Ok(Unattended::default()));
    if has(Duty::Remove) {
        let keys = place.keys()?;
        orphans = remove_orphans(&mut log, &keys, &mut fill)?;
        log = log.on_duty(Role::Remove);
        let clocks = Clocks { local: (machine.now)(), store: log.store().now()? };
        let most = arguments.max_objects;
        disposal = dispose(&mut log, &keys, &policies, clocks, most, &mut fill);
    }
    let extended = log.state().extended_until().filter(|until| Some(*until) != before);
    let locked = log.state().locked().filter(|locked| Some(*locked) != dated);
    let (disposal, failed) = match disposal {
        Ok(disposal) => (disposal, None),
        Err(error) => (Unattended::default(), Some(error)),
    };
    let swept = Swept { extended, locked, missing, orphans, disposal };
    if arguments.json {
        print_json(&swept, &log)?;
    } else {
        print(&swept)?;
    }
    let clean = complain(&swept);
    output::warn(log.covered());
    // What was done before stands, and was said.
    failed.map_or(Ok(()), Err)?;
    Ok(if clean { EXIT_DONE } else { EXIT_FINDING })
}

fn print_json(swept: &Swept, log: &Log) -> Result<(), Failure> {
    let Swept { extended, locked, missing, orphans, disposal } = swept;
    let disposed = disposal.carried_out.iter().map(|(order, certified)| {
        object([
            ("at", text(certified.at)),
            ("certificate", text(certified.certificate)),
            ("entry", certified.index.into()),
            ("order", text(order)),
        ])
    });
    let stopped = disposal.stopped.iter();
    let stopped = stopped.map(|(order, why)| object([("order", text(order)), ("why", text(why))]));
    let left = disposal.left.iter();
    let left = left.map(|(segment, why)| object([("segment", text(segment)), ("why", text(why))]));
    output::json(&object([
        ("abandoned", orphans.abandoned.into()),
        ("canaries", orphans.canaries.into()),
        ("deleted", orphans.deleted.into()),
        ("dates_set_before", locked.map(|locked| Value::from(locked.size)).into()),
        ("disposals", array(disposed)),
        ("disposals_left", array(left)),
        ("disposals_stopped", array(stopped)),
        ("extended_until", extended.map_or(Value::Null, text)),
        ("keys_destroyed", orphans.keys.into()),
        ("missing", array(missing.iter().map(text))),
        ("waiting", orphans.waiting.into()),
        ("warnings", array(log.covered().warnings().into_iter().map(Value::Text))),
    ]))?;
    Ok(())
}

fn print(swept: &Swept) -> Result<(), Failure> {
    let Swept { extended, locked, orphans, disposal, .. } = swept;
    if let Some(until) = extended {
        output::line(format!("locks       all to {until}"))?;
    } else if locked.is_none() {
        output::line("locks       none was due")?;
    }
    if let Some(locked) = locked {
        output::line(format!(
            "dates       set for what was sealed before entry {}, by policy {}",
            locked.size, locked.policy
        ))?;
    }
    if orphans.keys > 0 {
        let keys = output::counted(orphans.keys, "key", "keys");
        output::line(format!("keys        {keys} of destroyed segments destroyed"))?;
    }
    output::line(format!(
        "orphans     {} abandoned, {} deleted, {} still locked",
        output::count(orphans.abandoned),
        output::counted(orphans.deleted, "object", "objects"),
        output::count(orphans.waiting)
    ))?;
    for (order, certified) in &disposal.carried_out {
        output::line(format!(
            "disposal    order {order} is carried out, certificate sha256:{} in entry {}",
            certified.certificate, certified.index
        ))?;
    }
    Ok(())
}

/// Says what somebody should look at; false if somebody must. What is held waits, and what is locked is not told.
fn complain(swept: &Swept) -> bool {
    for key in &swept.missing {
        let next = "run `strongroom verify` to see what is damaged";
        output::complain(
            &format!("`{key}` is missing: its lock could not be extended"),
            Some(next),
        );
    }
    for (order, why) in &swept.disposal.stopped {
        let next = "remove what stands in its way: the next sweep tries again";
        output::complain(&format!("order `{order}` was not carried out: {why}"), Some(next));
    }
    let mut altered = false;
    let left = swept.disposal.left.iter();
    for (segment, why) in left.filter(|(_, why)| !matches!(why, Unfit::Locked(_))) {
        let is_altered = matches!(why, Unfit::Altered(_));
        altered |= is_altered;
        let next = is_altered.then_some("run `strongroom verify` to see what is damaged");
        output::complain(&format!("segment {segment} {why}: it was left"), next);
    }
    swept.missing.is_empty() && swept.disposal.stopped.is_empty() && !altered
}

/// Makes legal-hold flags follow the log; nothing is entered.
fn holds(arguments: &Arguments, place: &Place, machine: &Machine) -> Result<u8, Failure> {
    place.key()?;
    let (store, keys, covered) =
        (place.store_for_flags(machine)?, place.keys()?, Covered::default());
    let (ledger, _) = Ledger::read(&*store, &keys, &covered)?;
    let (named, found) = (ledger.state().store(), store.url());
    if named != found {
        return Err(LogError::Moved { named: named.to_owned(), found: found.to_owned() }.into());
    }
    let flags = sweep_holds(&*store, &covered, &ledger)?;
    if arguments.json {
        output::json(&object([
            ("held", flags.held.into()),
            ("held_without_order", array(flags.foreign.iter().map(text))),
            ("lifted", flags.lifted.into()),
            ("missing", array(flags.missing.iter().map(text))),
            ("segments", flags.segments.into()),
            ("set", flags.set.into()),
            ("warnings", array(covered.warnings().into_iter().map(Value::Text))),
        ]))?;
    } else {
        output::line(format!(
            "holds       {} of {} held; {} set, {} lifted",
            output::count(flags.held),
            output::counted(flags.segments, "segment", "segments"),
            output::counted(flags.set, "flag", "flags"),
            output::count(flags.lifted)
        ))?;
    }
    for key in &flags.foreign {
        let next = "find out who set it: it keeps the segment from ever being disposed of";
        let message = format!("`{key}` is under a hold that the log does not order");
        output::complain(&message, Some(next));
    }
    for key in &flags.missing {
        let next = "run `strongroom verify` to see what is damaged";
        output::complain(&format!("`{key}` is held and missing"), Some(next));
    }
    output::warn(&covered);
    let clean = flags.foreign.is_empty() && flags.missing.is_empty();
    Ok(if clean { EXIT_DONE } else { EXIT_FINDING })
}
