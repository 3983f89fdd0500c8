//! `strongroom policy explain`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::Seal;
use strongroom_crypto::json::{object, text};
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::decide;
use strongroom_retention::explain::{Bare, Explanation};
use strongroom_retention::facts::document::Document;
use strongroom_retention::hold::Holds;
use strongroom_retention::period::{Counting, Cutoff, MonthDay, Period, Zone};

use super::{Laws, check_pinned, is_unpinned, read};
use crate::cli::cat::{find_origin, no_generation, segment_id};
use crate::cli::target::{Place, Target};
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::facts::{Entered, Source};
use crate::log::{Keyring, Sealed};
use crate::policies::Policies;
use crate::read::{ReadError, segments_of};
use crate::store::ObjectKey;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A file with the record, the policies, holds and clock events; the program knows nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "to", "key"])]
    facts: Option<PathBuf>,
    /// A segment of an archive, by its id or object key: what the log and the store know of it decides
    #[arg(long, value_name = "SEGMENT", conflicts_with_all = ["facts", "policy", "catalogue"])]
    segment: Option<String>,
    /// The segment with an event of an archive: the event's origin, as `status` prints it
    #[arg(
        long,
        value_name = "NAME",
        requires = "offset",
        conflicts_with_all = ["facts", "segment", "policy", "catalogue"]
    )]
    origin: Option<String>,
    /// Where the event is in its origin: the number of a byte of it, from 0
    #[arg(long, value_name = "N", requires = "origin")]
    offset: Option<u64>,
    /// Generation of the origin; the newest if not given
    #[arg(long, value_name = "N", requires = "origin")]
    generation: Option<u64>,
    /// Stream of the origin, where several have one of this name
    #[arg(long, value_name = "NAME", requires = "origin")]
    stream: Option<String>,
    /// Write what was known of the segment here: `--facts FILE --at TIME` says the same ever after
    #[arg(long, value_name = "FILE", conflicts_with_all = ["facts", "period"])]
    facts_out: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Decide as of this instant; as of now, if absent
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// A policy that the facts name by its digest
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    #[command(flatten)]
    laws: Laws,
    /// Only count: how long (ISO 8601)
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["facts", "segment", "origin"], requires_all = ["zone", "event_time"])]
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
        let now = arguments.at.unwrap_or_else(|| (machine.now)());
        return facts(arguments, &read(path)?, now);
    }
    if arguments.segment.is_some() || arguments.origin.is_some() {
        return segment(arguments, machine);
    }
    let (Some(period), Some(zone), Some(event_time)) =
        (arguments.period, arguments.zone.clone(), arguments.event_time)
    else {
        let next = "give `--segment ID`, `--origin NAME --offset N`, `--facts FILE`, or `--period`, `--zone` and `--event-time`";
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

/// Asks the archive for the facts, and decides from them alone.
fn segment(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let (store, keys) = (place.store_read_only(machine)?, place.keys()?);
    let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(&keys)));
    let from = Source { store: &*store, covered: keyring.covered() };
    let at = arguments.at.map_or_else(|| store.now(), Ok)?;
    let entered = Entered::read(from, &keys, at)?;
    for batch in entered.lost() {
        let message = format!(
            "statement or list of batch sha256:{batch} is missing or damaged: whether the segment stands in it is not known"
        );
        output::complain(&message, Some("put back what is missing from a copy"));
    }
    let seal = find(arguments, &keyring, &entered)?;
    let known = policies(&place, from, &entered, seal)?;
    let labels = known.labels_of(&seal.stream);
    let facts_found = entered.facts(from, seal, &labels, lock_until(from, seal)?)?;
    let bytes = facts_found.to_canonical();
    if let Some(path) = &arguments.facts_out {
        std::fs::write(path, &bytes).map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::input(message, "name another file with `--facts-out FILE`")
        })?;
    }
    output::warn(keyring.covered());
    facts(arguments, &String::from_utf8_lossy(&bytes), at)
}

/// The segment that is asked for.
fn find<'a>(
    arguments: &Arguments,
    keyring: &Arc<Keyring>,
    entered: &'a Entered,
) -> Result<&'a Seal, Failure> {
    let Some(origin) = &arguments.origin else {
        let name = arguments.segment.as_deref().unwrap_or_default();
        let id = segment_id(name)?;
        let missing = || match arguments.at {
            None => ReadError::NoSegment(id.to_string()).into(),
            Some(at) => {
                let next =
                    "give a later `--at`; `strongroom status --segments` lists what there is";
                Failure::input(format!("no segment `{id}` was sealed by {at}"), next)
            }
        };
        return entered.seal(&id).ok_or_else(missing);
    };
    let stream = arguments.stream.as_deref();
    let (handle, newest) = find_origin(keyring, &entered.seals, origin, stream)?;
    let generation = arguments.generation.unwrap_or(newest);
    let segments = segments_of(&entered.seals, handle, generation);
    if segments.is_empty() {
        return Err(no_generation(origin, generation, newest));
    }
    let offset = arguments.offset.unwrap_or_default();
    let has = |sealed: &&&Sealed| {
        let mut ranges = sealed.ranges.as_slice().iter();
        ranges.any(|range| {
            let same = range.origin == handle && range.generation == generation;
            same && (range.start..range.end).contains(&offset)
        })
    };
    let found = segments.iter().find(has).ok_or_else(|| {
        let message = format!("byte {offset} of origin `{origin}` is not sealed");
        Failure::input(message, "`strongroom status` shows how far the origin is sealed")
    })?;
    Ok(&found.seal)
}

/// The policies, if all can be read and the stream's labels are known where one of them asks.
fn policies(
    place: &Place,
    from: Source<'_>,
    entered: &Entered,
    seal: &Seal,
) -> Result<Policies, Failure> {
    let known = place.policies_of(from.store, from.covered, entered.state())?;
    if known.lacks_labels(&seal.stream) {
        let message = format!("a policy asks for labels of stream `{}`", seal.stream);
        return Err(Failure::input(
            message,
            "give the configuration that has them with `--config FILE`",
        ));
    }
    Ok(known)
}

/// The end of the lock that the store shows.
fn lock_until(from: Source<'_>, seal: &Seal) -> Result<Option<Timestamp>, Failure> {
    let object = ObjectKey::new(seal.object.as_str())?;
    let head = from.store.head(&object, from.covered.version(&object).as_ref())?;
    Ok(head.and_then(|head| head.lock).map(|lock| lock.until))
}

fn facts(arguments: &Arguments, facts: &str, now: Timestamp) -> Result<u8, Failure> {
    let given = arguments.laws.read()?;
    let texts: Vec<String> =
        arguments.policy.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let named = |name: &str, of_file: &[Arc<Catalogue>]| {
        let catalogues: Vec<_> = of_file.iter().chain(&given).map(Arc::clone).collect();
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
