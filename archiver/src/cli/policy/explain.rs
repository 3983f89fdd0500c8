//! `strongroom policy explain`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{object, text};
use strongroom_retention::decide;
use strongroom_retention::explain::{Bare, Explanation};
use strongroom_retention::facts::document::Document;
use strongroom_retention::hold::Holds;
use strongroom_retention::period::{Counting, Cutoff, MonthDay, Period, Zone};

use super::{Laws, check_pinned, is_unpinned, read};
use crate::cli::{EXIT_DONE, Failure, Machine, output};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A file with the record, the policies, holds and clock events; the program knows nothing else
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Decide as of this instant; as of now, if absent
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// A policy that the facts name by its digest
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    laws: Laws,
    /// Only count: how long (ISO 8601)
    #[arg(long, value_name = "PERIOD", conflicts_with = "facts", requires_all = ["zone", "event_time"])]
    period: Option<Period>,
    /// Only count: whose dates
    #[arg(long, value_name = "ZONE", requires = "period")]
    zone: Option<Zone>,
    /// Only count: from where
    #[arg(long, value_name = "none|month|year|fiscal", requires = "period")]
    cutoff: Option<String>,
    /// Only count: the last day of the fiscal year
    #[arg(long, value_name = "MM-DD", requires = "cutoff")]
    fiscal_year_end: Option<MonthDay>,
    /// Only count: the instant that starts it
    #[arg(long, value_name = "TIME", requires = "period")]
    event_time: Option<Timestamp>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    if let Some(path) = &arguments.facts {
        return facts(arguments, &read(path)?, machine);
    }
    let (Some(period), Some(zone), Some(event_time)) =
        (arguments.period, arguments.zone.clone(), arguments.event_time)
    else {
        let next = "give `--facts FILE`, or `--period`, `--zone` and `--event-time`";
        return Err(Failure::input("there is nothing to explain", next));
    };
    let counting = Counting { zone, cutoff: cutoff(arguments)? };
    let bare = Bare { period, counting, event_time };
    let until =
        bare.until().map_err(|error| Failure::input(error.to_string(), "give a shorter period"))?;
    let zone = &bare.counting.zone;
    if arguments.json {
        output::json(&object([
            ("event_time", text(event_time)),
            ("keep_until", text(until)),
            ("period", text(period)),
            ("zone", text(zone)),
        ]))?;
    } else {
        output::line(format!("{until}  (the first instant of {} in {zone})", zone.date(until)))?;
    }
    Ok(EXIT_DONE)
}

fn cutoff(arguments: &Arguments) -> Result<Cutoff, Failure> {
    let fiscal = arguments.fiscal_year_end;
    Ok(match (arguments.cutoff.as_deref(), fiscal) {
        (None | Some("none"), None) => Cutoff::None,
        (Some("month"), None) => Cutoff::Month,
        (Some("year"), None) => Cutoff::CalendarYear,
        (Some("fiscal"), Some(end)) => Cutoff::FiscalYear(end),
        (Some("fiscal"), None) => {
            let next = "give `--fiscal-year-end MM-DD`";
            return Err(Failure::input("the end of the fiscal year is missing", next));
        }
        _ => {
            let next = "give none, month, year, or fiscal with `--fiscal-year-end MM-DD`";
            return Err(Failure::input("`--cutoff` is not usable", next));
        }
    })
}

fn facts(arguments: &Arguments, facts: &str, machine: &Machine) -> Result<u8, Failure> {
    let catalogues = arguments.laws.read()?;
    let texts: Vec<String> =
        arguments.policy.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let named = |name: &str| {
        let by_digest = |text: &&String| format!("sha256:{}", Digest::of(text.as_bytes())) == name;
        let text = match (texts.iter().find(by_digest), name.starts_with("sha256:")) {
            (Some(text), _) => text.as_str(),
            (None, true) => return Err(format!("give the policy `{name}` with `--policy FILE`")),
            (None, false) => name,
        };
        // Whether it was fit to be approved is not asked of a policy that was.
        let checked = check_pinned(text, Timestamp::UNIX_EPOCH, None, &catalogues);
        let (checked, catalogue) = checked.map_err(|complaints| {
            let unpinned = complaints.iter().find(|one| is_unpinned(one));
            unpinned.or(complaints.first()).map(ToString::to_string).unwrap_or_default()
        })?;
        Ok((checked.policy, catalogue))
    };
    let document = Document::parse(facts, &named).map_err(|error| {
        let next = "retention/POLICY.md describes the file of facts";
        Failure::input(error.to_string(), next)
    })?;
    let now = arguments.at.unwrap_or_else(|| (machine.now)());
    let holds: Holds = document.holds_at(now);
    let decision = decide(&document.facts, &document.schedule, &holds, &document.clocks, now);
    let explanation = Explanation(&decision);
    if arguments.json {
        output::json(&explanation.to_json())?;
    } else {
        for line in explanation.to_string().lines() {
            output::line(line)?;
        }
    }
    Ok(EXIT_DONE)
}
