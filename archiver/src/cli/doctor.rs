//! `strongroom doctor`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use strongroom_crypto::entry::{Attest, Attested, EntryKind};
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::Role;
use strongroom_crypto::name::{CheckName, NameError};

use super::target::{Place, Target, random};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::doctor::{Capability, Check, Outcome, attest, examine, examine_duty};
use crate::duties::Duty;
use crate::log::{Item, Log};
use crate::store::StoreUrl;
use crate::store::s3::S3Store;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Try whether these credentials may do what this duty needs, and nothing else: archive, lock,
    /// hold, remove, verify or audit
    #[arg(long, value_name = "DUTY", conflicts_with_all = ["attest", "far_dates"])]
    duty: Option<Duty>,
    /// Try to break the locks of canaries in every way, and sign what came of it into the log
    #[arg(long, conflicts_with = "far_dates")]
    attest: bool,
    /// Lock a canary past 2106 too: where the store keeps the date, it stays there
    #[arg(long)]
    far_dates: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    match arguments.duty {
        Some(duty) => permissions(arguments, &place, duty),
        None if arguments.attest => attestation(arguments, &place, machine),
        None => capabilities(arguments, &place, machine),
    }
}

fn pause(time: SignedDuration) {
    std::thread::sleep(Duration::try_from(time).unwrap_or_default());
}

/// What the store can do.
fn capabilities(arguments: &Arguments, place: &Place, machine: &Machine) -> Result<u8, Failure> {
    let (now, run, far) = ((machine.now)(), random(machine.fill), arguments.far_dates);
    let found = match &place.url {
        StoreUrl::File(_) => examine(&*place.store(machine)?, None, run, now, far, &pause)?,
        StoreUrl::S3(at) => {
            let bucket = S3Store::connect(at)?;
            examine(&bucket, Some(&bucket), run, now, far, &pause)?
        }
    };
    let usable = found.iter().all(|one| !one.required || one.outcome == Outcome::Holds);
    if arguments.json {
        let capabilities = array(found.iter().map(to_json));
        output::json(&object([("capabilities", capabilities), ("usable", usable.into())]))?;
    } else {
        for one in &found {
            show(&one.name, one.outcome, &one.detail)?;
        }
        let verdict = if usable { "usable" } else { "not usable as it is" };
        output::line(format!("{} is {verdict}", place.url))?;
    }
    Ok(if usable { EXIT_DONE } else { EXIT_FINDING })
}

/// What these credentials may do.
fn permissions(arguments: &Arguments, place: &Place, duty: Duty) -> Result<u8, Failure> {
    let StoreUrl::S3(at) = &place.url else {
        let next = "give a store in a bucket with `--to s3://bucket/prefix`";
        return Err(Failure::input("a directory has no permissions of duties", next));
    };
    let table = super::duties::table()?;
    let settle = SignedDuration::try_from(place.limits.settle).unwrap_or(SignedDuration::MAX);
    let found = examine_duty(&S3Store::connect(at)?, table, duty, settle)?;
    let count = |outcome| found.iter().filter(|one| one.outcome == outcome).count();
    let holds = count(Outcome::Holds);
    let (missing, excess) = (count(Outcome::Missing), count(Outcome::Excess));
    let as_listed = found.iter().all(|one| !one.required || one.outcome == Outcome::Holds);
    if arguments.json {
        output::json(&object([
            ("as_listed", as_listed.into()),
            ("duty", text(duty)),
            ("permissions", array(found.iter().map(to_json))),
        ]))?;
    } else {
        for one in found.iter().filter(|one| one.outcome != Outcome::Holds) {
            show(&one.name, one.outcome, &one.detail)?;
        }
        let rest = found.len() - holds - missing - excess;
        output::line(format!(
            "duty {duty}: {holds} permissions as listed, {missing} missing, {excess} in excess, {rest} not proven"
        ))?;
    }
    Ok(if as_listed { EXIT_DONE } else { EXIT_FINDING })
}

/// Whether the locks hold, for the log.
fn attestation(arguments: &Arguments, place: &Place, machine: &Machine) -> Result<u8, Failure> {
    let (run, mut fill) = (random(machine.fill), machine.fill);
    // First, for where nothing can be signed nothing has to be tried.
    place.key()?;
    let log = Log::open(place.store(machine)?, place.keys()?)?;
    let mut log = log.on_duty(Role::Remove);
    let checks = match &place.url {
        StoreUrl::File(_) => attest(&**log.store(), None, run, &pause)?,
        StoreUrl::S3(at) => {
            let bucket = S3Store::connect(at)?;
            attest(&bucket, Some(&bucket), run, &pause)?
        }
    };
    let found = checks.iter().map(|check| Ok((check.name.parse()?, check.outcome)));
    let found: Result<BTreeMap<CheckName, Attested>, NameError> = found.collect();
    let attest = found.ok().and_then(Attest::new).ok_or_else(|| unsigned("it has no check"))?;
    let count = |outcome| attest.list(outcome).len();
    let counts = [count(Attested::Held), count(Attested::Broken), count(Attested::NotProven)];
    // Where the controls failed nothing was proven, and nothing is said for ever.
    let works = |name| checks.iter().any(|one| one.name == name && one.outcome == Attested::Held);
    let controlled = works("delete-unlocked");
    let mut entry = None;
    if controlled {
        let item = Item { kind: EntryKind::Attest(attest), beside: None };
        let voided = log.append(&[item], None, &mut fill)?;
        if let Some(void) = voided.first().and_then(|voided| voided.reason.as_ref()) {
            return Err(unsigned(&void.to_string()));
        }
        // It was the only entry of its claim.
        entry = log.state().size().checked_sub(1);
    }
    show_checks(arguments.json, &checks, counts, &log, entry)?;
    Ok(if counts[1] == 0 && controlled { EXIT_DONE } else { EXIT_FINDING })
}

fn unsigned(why: &str) -> Failure {
    Failure {
        code: EXIT_FINDING,
        message: format!("what came of it was not signed into the log: {why}"),
        next: Some("run it again".to_owned()),
    }
}

fn show_checks(
    json: bool,
    checks: &[Check],
    [held, broken, not_proven]: [usize; 3],
    log: &Log,
    entry: Option<u64>,
) -> Result<(), Failure> {
    let word = |outcome| match outcome {
        Attested::Held => "held",
        Attested::Broken => "BROKEN",
        Attested::NotProven => "NOT PROVEN",
    };
    if json {
        let checks = array(checks.iter().map(|one| {
            object([
                ("detail", one.detail.as_str().into()),
                ("name", one.name.as_str().into()),
                ("result", word(one.outcome).into()),
            ])
        }));
        output::json(&object([
            ("checks", checks),
            ("entry", entry.into()),
            ("log_size", log.head().size.into()),
        ]))?;
        return Ok(());
    }
    for one in checks {
        show(&one.name, word(one.outcome), &one.detail)?;
    }
    let counts = format!("{held} held, {broken} broken, {not_proven} not proven");
    match entry {
        Some(entry) => output::line(format!("signed into the log as entry {entry}: {counts}"))?,
        None => output::complain(
            &format!(
                "{counts}: these credentials do not even what is allowed, so that nothing was signed"
            ),
            Some("use those of duty `remove`"),
        ),
    }
    Ok(())
}

fn to_json(one: &Capability) -> Value {
    object([
        ("detail", one.detail.as_str().into()),
        ("name", one.name.as_str().into()),
        ("required", one.required.into()),
        ("result", text(one.outcome)),
    ])
}

fn show(name: &str, outcome: impl std::fmt::Display, detail: &str) -> Result<(), Failure> {
    output::line(format!("{name:<36} {outcome:<11} {detail}"))?;
    Ok(())
}
