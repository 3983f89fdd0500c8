//! `strongroom verify`

use std::sync::Arc;

use clap::Args;
use strongroom_crypto::note::VerifierKey;

use super::target::{Place, Target};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::log::Keyring;
use crate::verify::{Options, Report, Verdict, VerifyError, verify};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Also decrypt every segment and recompute every leaf; needs the key
    #[arg(long)]
    deep: bool,
    /// Verifier key of the log, from a source you trust; without it the key file's is used
    #[arg(long, value_name = "VKEY")]
    vkey: Option<String>,
    /// Segments checked side by side
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let vkey = match &arguments.vkey {
        Some(text) => text.parse().map_err(|error| {
            Failure::input(
                format!("`--vkey`: {error}"),
                "give the line that `strongroom init` printed as vkey",
            )
        })?,
        None => place.keys()?.log().verifier().clone(),
    };
    let report =
        examine(&place, machine, &vkey, arguments.deep, arguments.threads, arguments.json)?;
    if arguments.json {
        output::json(&report.to_json())?;
    } else {
        print(&report)?;
    }
    Ok(if report.verdict == Verdict::Pass { EXIT_DONE } else { EXIT_FINDING })
}

/// Checks an archive under its key file's own vkey.
pub(super) fn check(place: &Place, machine: &Machine, deep: bool) -> Result<Report, Failure> {
    let vkey = place.keys()?.log().verifier().clone();
    examine(place, machine, &vkey, deep, 2, false)
}

fn examine(
    place: &Place,
    machine: &Machine,
    vkey: &VerifierKey,
    deep: bool,
    threads: usize,
    quiet: bool,
) -> Result<Report, Failure> {
    let store = place.store_read_only(machine)?;
    let keyring =
        if deep { Some(Arc::new(Keyring::new(Arc::clone(&store), place.keys()?))) } else { None };
    let bar = output::Bar::new("verify", quiet);
    let options = Options { vkey, keys: keyring.as_ref(), deep, threads, now: (machine.now)() };
    Ok(verify(&*store, &options, &bar)?)
}

fn print(report: &Report) -> Result<(), Failure> {
    for finding in &report.findings {
        output::line(format!(
            "{:<11} {:<12} {}  {}",
            finding.result, finding.check, finding.object, finding.detail
        ))?;
    }
    let root = report.root.map_or_else(|| "none".to_owned(), |root| root.to_string());
    let entries = output::counted(report.log_size, "entry", "entries");
    output::line(format!("log         {entries}, root {root}"))?;
    let (segments, events) = (output::count(report.segments), output::count(report.events));
    output::line(format!("segments    {segments}, {events} events"))?;
    let environment = report.environment.map_or_else(|| "unknown".to_owned(), |e| e.to_string());
    output::line(format!("verdict     {} ({environment} environment)", report.verdict))?;
    Ok(())
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::input(error.to_string(), "check the arguments and the key")
    }
}
