//! `strongroom report`

mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use strongroom_crypto::keys::KeyFile;

use super::target::{Place, Target};
use super::{EXIT_DONE, EXIT_FINDING, EXIT_INPUT, Failure, Machine, hold, output};
use crate::config::parse_duration;
use crate::hold::Placed;
use crate::policies::labels;
use crate::prices::{DEFAULT_STORAGE_CLASS, PriceError, Prices};
use crate::report::coverage::Expected;
use crate::report::table::Table;
use crate::report::{AsOf, ReportError, cost, coverage, dispositions, holds, pci, retention};
use crate::store::{Covered, LockedStore};

#[derive(Args, Debug)]
#[command(
    after_help = "A report reads and changes nothing: duty `verify` may all of it, and `holds --details` decrypts, as duty `audit` may. Objects and locks are shown as the store has them now, everything else as of `--at`. Exit code 0 also where a report shows what should not be: `strongroom verify` is the check"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is kept until when, by stream, class and policy, and what stands in the way of its going
    Retention(Retention),
    /// What is held since when, by hold and class, and what a release left held
    Holds(Holds),
    /// Which streams are unclassified, silent, never archived, or have days without events
    Coverage(Coverage),
    /// What was destroyed by whose order, what waits for approval, and what officers refused
    Dispositions(Asked),
    /// What keeping it costs, in a month and until it may go
    Cost(Cost),
    /// PCI DSS 10.5.1: 12 months kept, the last three immediately available
    #[command(name = "pci-10.5.1")]
    Pci(Asked),
}

/// What every report takes.
#[derive(Args, Debug)]
struct Asked {
    #[command(flatten)]
    target: Target,
    /// As of this instant, for example `2026-11-21T08:00:00Z`; as of now, if absent
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print CSV (RFC 4180); its first columns say what each row is a row of
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Retention {
    #[command(flatten)]
    asked: Asked,
    /// List the segments one by one
    #[arg(long)]
    segments: bool,
}

#[derive(Args, Debug)]
struct Holds {
    #[command(flatten)]
    asked: Asked,
    /// Decrypt matters and custodians and show them: they are personal data
    #[arg(long)]
    details: bool,
}

#[derive(Args, Debug)]
struct Coverage {
    #[command(flatten)]
    asked: Asked,
    /// A stream, or a source of one, of which nothing was received for longer is silent (ISO 8601)
    #[arg(long, value_name = "DURATION", default_value = "P1D", value_parser = duration)]
    silent_after: Duration,
}

#[derive(Args, Debug)]
struct Cost {
    #[command(flatten)]
    asked: Asked,
    /// The table of prices; infra/prices.yaml is a sample with made-up figures
    #[arg(long, value_name = "FILE")]
    prices: PathBuf,
    /// The storage class that segments are in
    #[arg(long, value_name = "NAME", default_value = DEFAULT_STORAGE_CLASS)]
    storage_class: String,
    /// A row for each month until the last segment may go
    #[arg(long)]
    by_month: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as `PT6H` or `P2D`".to_owned())
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Retention(Retention { asked, segments }) => {
            let of = if *segments { retention::segments } else { retention::retention };
            make(asked, machine, |archive, _| Ok(of(archive)?))
        }
        Command::Holds(Holds { asked, details }) => make(asked, machine, |archive, opened| {
            let open =
                |placed: &Placed| hold::matter(opened.store, opened.covered, opened.keys, placed);
            Ok(holds::holds(archive, details.then_some(&open))?)
        }),
        Command::Coverage(Coverage { asked, silent_after }) => {
            make(asked, machine, |archive, opened| {
                let configured = opened.place.config.as_ref();
                let configured =
                    configured.map(|config| labels(&config.streams).into_keys().collect());
                let expected = Expected { configured, silent_after: *silent_after };
                Ok(coverage::coverage(archive, &expected)?)
            })
        }
        Command::Dispositions(asked) => {
            make(asked, machine, |archive, _| Ok(dispositions::dispositions(archive)?))
        }
        Command::Cost(arguments) => {
            let prices = Prices::read(&arguments.prices).map_err(ReportError::from)?;
            let storage_class = arguments.storage_class.clone();
            prices.require(&storage_class).map_err(ReportError::from)?;
            let tariff = cost::Tariff { prices, storage_class };
            let of = if arguments.by_month { cost::by_month } else { cost::cost };
            make(&arguments.asked, machine, |archive, _| Ok(of(archive, &tariff)?))
        }
        Command::Pci(asked) => make(asked, machine, |archive, opened| {
            let streams = opened.place.config.iter().flat_map(|config| labels(&config.streams));
            Ok(pci::pci(archive, &streams.map(|(name, _)| name).collect())?)
        }),
    }
}

/// An archive that was opened to be read.
struct Opened<'a> {
    place: &'a Place,
    store: &'a dyn LockedStore,
    keys: &'a KeyFile,
    covered: &'a Covered,
}

/// Reads an archive, makes a report of it and prints that.
fn make(
    asked: &Asked,
    machine: &Machine,
    report: impl FnOnce(&AsOf<'_>, &Opened<'_>) -> Result<Table, Failure>,
) -> Result<u8, Failure> {
    let place = asked.target.resolve()?;
    place.key()?;
    let (store, keys) = (place.store_read_only(machine)?, place.keys()?);
    let covered = Covered::default();
    let streams = place.config.as_ref().map(|config| labels(&config.streams));
    let at = asked.at.map_or_else(|| store.now(), Ok)?;
    let archive = AsOf::read(&*store, &keys, &covered, streams.unwrap_or_default(), at)?;
    let opened = Opened { place: &place, store: &*store, keys: &keys, covered: &covered };
    let (table, stamp) = (report(&archive, &opened)?, archive.stamp());
    if asked.json {
        output::json(&table.to_json(&stamp, covered.warnings()))?;
    } else if asked.csv {
        output::text(&table.to_csv(&stamp))?;
    } else {
        show::show(&table, &stamp)?;
    }
    output::warn(&covered);
    Ok(EXIT_DONE)
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let message = error.to_string();
        let (code, next) = match error {
            ReportError::Log(error) => return error.into(),
            ReportError::Policy(error) => return error.into(),
            ReportError::Prices(PriceError::StorageClass { .. }) => {
                (EXIT_INPUT, Some("name one of these with `--storage-class`"))
            }
            ReportError::Prices(_) => {
                (EXIT_INPUT, Some("correct the table of prices; infra/prices.yaml is a sample"))
            }
            ReportError::Early { .. } => (EXIT_INPUT, Some("give a later time with `--at`")),
            ReportError::Died(_) => (EXIT_FINDING, None),
        };
        Self { code, message, next: next.map(str::to_owned) }
    }
}
