//! `strongroom archive`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::name::Shard;

use super::target::{Place, Target};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::archive::{Report, Request, archive};
use crate::config::{Source, Stream};
use crate::log::{Keyring, Log};
use crate::source::{Format, StartRule};
use crate::store::LockedStore;
use crate::store::counted::{Counted, Counts};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Stream that the paths belong to; without paths, the one of the configuration to archive
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Files, directories or quoted globs; without them, the sources of the configuration
    #[arg(value_name = "PATH", requires = "stream")]
    paths: Vec<PathBuf>,
    /// Format of the files: auto, ndjson, json-array, cloudtrail, kubernetes-event-list, json, text; or binary: kept as it is, not decompressed, cut only at the longest record, no part counted as rejected
    #[arg(long, value_name = "FORMAT", default_value = "auto", requires = "paths")]
    format: String,
    /// Regular expression: a line that matches begins a record (text only)
    #[arg(long, value_name = "REGEX", requires = "paths")]
    multiline_start: Option<String>,
    /// Put before the names of origins, to tell apart files of one name
    #[arg(long, value_name = "PREFIX", requires = "paths")]
    origin: Option<String>,
    /// The files grow: an unfinished last line waits for the next run
    #[arg(long, requires = "paths")]
    follow: bool,
    /// Streams worked on side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::threads)]
    threads: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let request = request(arguments, &place)?;
    place.key()?;
    let store = place.store(machine)?;
    let keys = place.keys()?;
    let counted = Arc::new(Counted::new(store));
    let store: Arc<dyn LockedStore> = Arc::<Counted<_>>::clone(&counted);
    let mut log = Log::open(Arc::clone(&store), Arc::clone(&keys))?;
    let keyring = Keyring::new(store, keys);
    let bar = output::Bar::new("archive", arguments.json);
    let mut fill = machine.fill;
    let mut report = archive(&mut log, &keyring, &request, &mut fill, &machine.stop, &bar)?;
    drop(bar);
    report.warnings.extend(misfit(&request, &report));
    report.warnings.extend(ahead(&report));
    report.warnings.extend(over_max_span(&report));
    print(&report, &log, &counted.counts(), arguments.json)?;
    for failure in &report.failures {
        output::complain(&failure.message, Some(failure.next));
    }
    for pattern in &report.unmatched {
        output::complain(&format!("`{pattern}` matches no file"), None);
    }
    for line in report.skipped.iter().chain(&report.warnings) {
        output::complain(line, None);
    }
    if report.interrupted {
        output::complain("interrupted: what was read is sealed", Some("run again for the rest"));
    }
    let complete = report.failures.is_empty() && !report.interrupted;
    Ok(if complete { EXIT_DONE } else { EXIT_FINDING })
}

/// A warning where nothing was left to be told from the content, and most of it was none of what was asked for.
fn misfit(request: &Request, report: &Report) -> Option<String> {
    let mut sources = request.streams.iter().flat_map(|stream| &stream.sources);
    let forced = sources.all(|source| source.format != Format::Auto);
    let most = report.events_rejected > report.events_sealed / 2;
    (forced && most).then(|| {
        format!(
            "{} of {} records are kept raw: is the format the right one?",
            output::count(report.events_rejected),
            output::count(report.events_sealed)
        )
    })
}

/// A warning for each stream with events whose clock is wrong.
fn ahead(report: &Report) -> Vec<String> {
    let streams = report.quarantined.iter().filter(|(_, events)| **events > 0);
    let warning = |(stream, events): (&String, &u64)| {
        let events = output::counted(*events, "event says that it", "events say that they");
        format!(
            "stream `{stream}`: {events} happened later than `max_future_skew` (PT5M without a policy) after the receipt: \
             quarantined in segments of their own and kept from the receipt; correct the clock of the source"
        )
    };
    streams.map(warning).collect()
}

/// A warning where events came in an order that the policy's segments cannot follow.
fn over_max_span(report: &Report) -> Option<String> {
    let segments = output::counted(report.over_max_span, "segment spans", "segments span");
    (report.over_max_span > 0).then(|| {
        format!(
            "{segments} more than `max_span` of the policy: a source goes back and forth in time, and its events go \
             when the last one of their segment may"
        )
    })
}

fn request(arguments: &Arguments, place: &Place) -> Result<Request, Failure> {
    let streams = match (&arguments.stream, &place.config) {
        (Some(name), Some(config)) if arguments.paths.is_empty() => {
            let stream = config.streams.iter().find(|stream| stream.name == *name);
            let stream = stream.ok_or_else(|| {
                Failure::input(
                    format!("the configuration has no stream `{name}`"),
                    "name one of its streams, or give paths for another: `--stream NAME PATH...`",
                )
            })?;
            vec![stream.clone()]
        }
        (Some(_), None) if arguments.paths.is_empty() => {
            return Err(Failure::input(
                "nothing to archive",
                "give paths: `--stream NAME PATH...`",
            ));
        }
        (Some(name), _) => {
            if name.parse::<strongroom_crypto::name::StreamName>().is_err() {
                let next = "use lower-case letters, digits, `.`, `_` and `-`, at most 63, beginning with a letter or digit";
                return Err(Failure::input(format!("`{name}` cannot name a stream"), next));
            }
            let start_rule =
                arguments.multiline_start.as_deref().map(str::parse::<StartRule>).transpose()?;
            let source = Source {
                paths: arguments.paths.clone(),
                format: arguments.format.parse::<Format>()?,
                start_rule,
                follow: arguments.follow,
                origin: arguments.origin.clone(),
            };
            vec![Stream { name: name.clone(), labels: BTreeMap::new(), sources: vec![source] }]
        }
        (None, Some(config)) if !config.streams.is_empty() => config.streams.clone(),
        (None, Some(_)) => {
            return Err(Failure::input(
                "the configuration has no streams",
                "add `streams:`, or give `--stream NAME PATH...`",
            ));
        }
        (None, None) => {
            return Err(Failure::input("nothing to archive", "give `--stream NAME PATH...`"));
        }
    };
    Ok(Request {
        streams,
        limits: place.limits,
        threads: arguments.threads,
        shard: Shard::WHOLE,
        store_root: place.url.file_path().map(std::path::Path::to_owned),
    })
}

/// What a bill counts.
fn by_kind(counts: &Counts) -> Value {
    object([
        ("delete", counts.deletes.into()),
        ("get", counts.gets.into()),
        ("head", counts.heads.into()),
        ("hold", counts.holds.into()),
        ("list", counts.lists.into()),
        ("lock", counts.extends.into()),
        ("put", counts.puts.into()),
    ])
}

fn print(report: &Report, log: &Log, counts: &Counts, as_json: bool) -> Result<(), Failure> {
    let head = log.head();
    if as_json {
        let checkpoint = object([("root", text(head.root)), ("size", head.size.into())]);
        let failures = report.failures.iter();
        let failures = failures.map(|unread| format!("{}; {}", unread.message, unread.next));
        let failures = strings(&failures.collect::<Vec<_>>());
        output::json(&object([
            ("bytes_raw", report.bytes_raw.into()),
            ("bytes_stored", report.bytes_stored.into()),
            ("checkpoint", checkpoint),
            ("duplicates", report.duplicates.into()),
            ("environment", text(log.state().environment())),
            ("events_read", report.events_read.into()),
            ("events_rejected", report.events_rejected.into()),
            ("events_sealed", report.events_sealed.into()),
            ("failures", failures),
            ("interrupted", report.interrupted.into()),
            ("over_max_span", report.over_max_span.into()),
            ("quarantined", report.quarantined.values().sum::<u64>().into()),
            ("requests", counts.requests().into()),
            ("requests_by_kind", by_kind(counts)),
            ("segments", report.segments.into()),
            ("skipped", strings(&report.skipped)),
            ("unmatched", strings(&report.unmatched)),
            ("warnings", strings(&report.warnings)),
        ]))?;
        return Ok(());
    }
    let (events, rejected) =
        (output::count(report.events_sealed), output::count(report.events_rejected));
    if report.segments == 0 {
        output::line("sealed      nothing new")?;
        output::line(format!("checkpoint  size {}, root {}", head.size, head.root))?;
        return Ok(());
    }
    let segments = output::counted(report.segments, "segment", "segments");
    output::line(format!("sealed      {events} events in {segments} ({rejected} kept raw)"))?;
    let share = (report.bytes_stored * 1_000).checked_div(report.bytes_raw).unwrap_or(0);
    let (raw, stored) = (output::size(report.bytes_raw), output::size(report.bytes_stored));
    output::line(format!("stored      {stored} for {raw} ({}.{} %)", share / 10, share % 10))?;
    output::line(format!("checkpoint  size {}, root {}", head.size, head.root))?;
    Ok(())
}

fn strings(items: &[String]) -> Value {
    array(items.iter().map(|item| Value::Text(item.clone())))
}
