//! `strongroom quickstart`: the main job on a made-up day, from events to a verified archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::Date;
use strongroom_crypto::name::Shard;

use super::target::{Place, Target};
use super::{EXIT_FINDING, Failure, Machine, init, output, verify};
use crate::archive::{Report, Request, archive};
use crate::config::Config;
use crate::limits::Limits;
use crate::log::{About, Keyring, Log, walk};
use crate::read::open_sealed;
use crate::sample::Day;
use crate::segment::{DecodeError, Decoded};
use crate::verify::Verdict;

/// Events of the day, by source.
const CLOUDTRAIL: usize = 14_000;
const KUBERNETES: usize = 18_000;
const POSTGRESQL: usize = 8_000;
const APPLICATION: usize = 10_000;
/// `CloudTrail` delivers files of about this many events.
const DELIVERY: usize = 500;
/// The sample company.
const SEED: u64 = 20_261_121;
/// Rows of the who-did-what table.
const SHOWN: usize = 6;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where to put everything
    #[arg(value_name = "DIR", default_value = "strongroom-quickstart")]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let dir = std::path::absolute(&arguments.dir)?;
    let date = yesterday((machine.now)());
    if dir.join("strongroom.yaml").exists() {
        let next = format!(
            "name another directory, or look at it: strongroom status --config {}",
            dir.join("strongroom.yaml").display()
        );
        return Err(Failure::input(
            format!("`{}` holds a quickstart already", dir.display()),
            next,
        ));
    }
    let config_path = dir.join("strongroom.yaml");
    let begun = begin(&dir, &config_path, date);
    let gzipped = begun.map_err(|error| {
        Failure::input(
            format!("cannot write to `{}`: {error}", dir.display()),
            "name a new directory, `strongroom quickstart DIR`",
        )
    })?;
    let target = Target { config: Some(config_path), ..Target::default() };
    let place = target.resolve()?;
    let log = init::create(&place, &About::test(Limits::TEST_LOCK), machine)?;
    drop(log);
    output::line(format!(
        "A made-up day of a made-up company ({date}), archived in {}",
        dir.display()
    ))?;
    output::line("")?;
    let (report, mut log) = seal(&place, machine)?;
    if report.interrupted {
        return Err(Failure {
            code: EXIT_FINDING,
            message: "interrupted: what was read is sealed".to_owned(),
            next: Some(format!("remove `{}` to begin again", dir.display())),
        });
    }
    show_segments(&place, &log)?;
    show_sizes(&report, gzipped)?;
    let verdict = verify::check(&place, machine, true)?;
    log.follow()?;
    output::line("")?;
    output::line(format!("log         {} entries, root {}", log.head().size, log.head().root))?;
    output::line(format!("checkpoint  {}", log.head().note.lines().last().unwrap_or_default()))?;
    output::line(format!(
        "verify      {} (--deep: every record, leaf, lock and tile)",
        verdict.verdict
    ))?;
    show_actors(&place, machine)?;
    show_next(&dir)?;
    Ok(if verdict.verdict == Verdict::Pass { super::EXIT_DONE } else { EXIT_FINDING })
}

/// Writes sources and configuration into a new or empty directory; returns the events' size as gzip.
fn begin(dir: &Path, config: &Path, date: Date) -> io::Result<u64> {
    fs::create_dir_all(dir)?;
    if fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::other("it is not empty"));
    }
    let gzipped = write_events(&dir.join("events"), date)?;
    fs::write(config, configuration(dir))?;
    Ok(gzipped)
}

fn yesterday(now: Timestamp) -> Date {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    today.yesterday().unwrap_or(today)
}

/// Writes a source of the day.
type Writer = fn(&Day, &mut dyn Write, usize) -> io::Result<()>;

/// Writes the day's files and returns what `gzip -6` makes of each stream.
fn write_events(dir: &Path, date: Date) -> io::Result<u64> {
    let day = Day { date, seed: SEED };
    let mut gzipped = 0;
    for name in ["cloudtrail", "kubernetes", "postgresql", "application"] {
        fs::create_dir_all(dir.join(name))?;
    }
    let mut trail = day.cloudtrail(CLOUDTRAIL);
    let mut delivery = Vec::new();
    while let Some(name) = trail.write_delivery(&mut delivery, DELIVERY)? {
        let path = dir.join("cloudtrail").join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        let mut file = GzEncoder::new(File::create(&path)?, Compression::new(6));
        file.write_all(&delivery)?;
        file.finish()?.flush()?;
        gzipped += fs::metadata(&path)?.len();
        delivery.clear();
    }
    let lines: [(&str, Writer, usize); 3] = [
        ("kubernetes/audit.log", Day::write_kubernetes, KUBERNETES),
        ("postgresql/postgresql.json", Day::write_postgresql, POSTGRESQL),
        ("application/audit.ndjson", Day::write_application, APPLICATION),
    ];
    for (name, write, events) in lines {
        let mut out = Doubled {
            file: BufWriter::new(File::create(dir.join(name))?),
            gzip: GzEncoder::new(Counter(0), Compression::new(6)),
        };
        write(&day, &mut out, events)?;
        out.file.flush()?;
        gzipped += out.gzip.finish()?.0;
    }
    Ok(gzipped)
}

/// A file, and how long its gzip would be.
struct Doubled {
    file: BufWriter<File>,
    gzip: GzEncoder<Counter>,
}

impl Write for Doubled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.gzip.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Counts what is written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn configuration(dir: &Path) -> String {
    format!(
        "# What `strongroom quickstart` archived. infra/strongroom.yaml explains every key.\n\
         version: 1\n\
         store: file://{}\n\
         keys: {{ kek: \"file:archive.key\" }}\n\
         streams:\n\
         \x20 - name: cloudtrail\n    sources:\n      - {{ paths: [events/cloudtrail] }}\n\
         \x20 - name: kubernetes-audit\n    sources:\n      - {{ paths: [events/kubernetes] }}\n\
         \x20 - name: postgresql\n    sources:\n      - {{ paths: [events/postgresql] }}\n\
         \x20 - name: application\n    sources:\n      - {{ paths: [events/application] }}\n",
        dir.join("archive").display()
    )
}

fn seal(place: &Place, machine: &Machine) -> Result<(Report, Log), Failure> {
    let store = place.store(machine)?;
    let keys = place.keys()?;
    let mut log = Log::open(Arc::clone(&store), Arc::clone(&keys))?;
    let streams =
        place.config.as_ref().map(|config: &Config| config.streams.clone()).unwrap_or_default();
    let request = Request {
        streams,
        limits: place.limits,
        threads: 2,
        shard: Shard::WHOLE,
        store_root: None,
    };
    let mut fill = machine.fill;
    let bar = output::Bar::new("archive", false);
    let report =
        archive(&mut log, &Keyring::new(store, keys), &request, &mut fill, &machine.stop, &bar)?;
    Ok((report, log))
}

fn show_segments(place: &Place, log: &Log) -> Result<(), Failure> {
    let (_, seals) = walk(&**log.store(), &*place.keys()?, log.covered())?;
    output::line(format!(
        "{:<18} {:>8} {:>10} {:>8}  SEGMENT",
        "STREAM", "EVENTS", "BYTES", "B/EVENT"
    ))?;
    for sealed in seals {
        let seal = &sealed.seal;
        let each = seal.bytes.checked_div(seal.events.count).unwrap_or(0);
        let (events, bytes) = (output::count(seal.events.count), output::count(seal.bytes));
        output::line(format!(
            "{:<18} {events:>8} {bytes:>10} {each:>8}  {}",
            seal.stream.as_str(),
            seal.segment_id
        ))?;
    }
    Ok(())
}

fn show_sizes(report: &Report, gzipped: u64) -> Result<(), Failure> {
    let share = |part: u64, whole: u64| (part * 1_000).checked_div(whole).unwrap_or(0);
    let raw = share(report.bytes_stored, report.bytes_raw);
    let gzip = share(report.bytes_stored, gzipped);
    output::line("")?;
    output::line(format!(
        "events      {} in {} segments, {} kept raw",
        output::count(report.events_sealed),
        report.segments,
        report.events_rejected
    ))?;
    output::line(format!("raw         {}", output::size(report.bytes_raw)))?;
    output::line(format!(
        "gzip -6     {}  (not encrypted, not searchable, not provable)",
        output::size(gzipped)
    ))?;
    output::line(format!(
        "stored      {}  encrypted segments and manifests: {}.{} % of raw, {}.{:02} of gzip",
        output::size(report.bytes_stored),
        raw / 10,
        raw % 10,
        gzip / 1_000,
        gzip % 1_000 / 10
    ))?;
    Ok(())
}

/// How often somebody did something, and when last.
type Deeds = BTreeMap<(String, String), (u64, String)>;

/// Who did what, out of the archive's own columns.
fn show_actors(place: &Place, machine: &Machine) -> Result<(), Failure> {
    let store = place.store_read_only(machine)?;
    let keyring = Arc::new(Keyring::new(Arc::clone(&store), place.keys()?));
    let (_, seals) = walk(&*store, &*place.keys()?, keyring.covered())?;
    let (mut done, mut refused, mut unmapped) = (Deeds::new(), Deeds::new(), 0_u64);
    for sealed in &seals {
        let reader = open_sealed(&*store, &keyring, sealed)?;
        let read = reader.for_each(|record| -> Result<(), DecodeError> {
            let Some(who) = actor(record) else {
                unmapped += 1;
                return Ok(());
            };
            let what = record.canonical("api_operation").unwrap_or_default();
            let when = record.canonical("time").unwrap_or_default();
            let is = |column, value| record.canonical(column).as_deref() == Some(value);
            // OCSF: status 2 is a failure, activity 2 is reading.
            let deeds = if is("status_id", "2") && !is("activity_id", "2") {
                &mut refused
            } else {
                &mut done
            };
            let deed = deeds.entry((who, what)).or_insert_with(|| (0, when.clone()));
            deed.0 += 1;
            deed.1 = deed.1.clone().max(when);
            Ok(())
        });
        read.map_err(|error| Failure {
            code: EXIT_FINDING,
            message: error.to_string(),
            next: None,
        })?;
    }
    show_deeds("Who did what, most often (from the sealed columns)", done)?;
    show_deeds("Who tried to change something and was refused", refused)?;
    let unmapped = output::count(unmapped);
    output::line("")?;
    output::line(format!(
        "{unmapped} events of the other streams are kept byte for byte and not mapped to columns yet"
    ))?;
    Ok(())
}

/// The name that the source gives whoever acted; `None` where its columns are not mapped.
fn actor(record: &Decoded<'_>) -> Option<String> {
    let name = match record.canonical("source")?.as_str() {
        "aws_cloudtrail" => record.canonical("actor_user_uid"),
        _ => record.canonical("actor_user_name"),
    };
    let name = name.or_else(|| record.canonical("actor_user_type"));
    let name = name.unwrap_or_else(|| "(the source does not say)".to_owned());
    let short = name.split_once(":assumed-role/").or_else(|| name.split_once(":user/"));
    Some(short.map_or(name.clone(), |(_, short)| short.to_owned()))
}

fn show_deeds(title: &str, deeds: Deeds) -> Result<(), Failure> {
    let mut rows: Vec<_> = deeds.into_iter().collect();
    rows.sort_by(|a, b| (b.1.0, &a.0).cmp(&(a.1.0, &b.0)));
    let (times, last, what) = ("TIMES", "LAST (UTC)", "WHAT");
    output::line("")?;
    output::line(title)?;
    output::line(format!("{times:>7}  {last:<19}  {what:<18}  WHO"))?;
    for ((who, what), (times, last)) in rows.into_iter().take(SHOWN) {
        let last = last.split('.').next().unwrap_or_default().replace('T', " ");
        output::line(format!("{:>7}  {last:<19}  {what:<18}  {who}", output::count(times)))?;
    }
    Ok(())
}

fn show_next(dir: &Path) -> Result<(), Failure> {
    let config = dir.join("strongroom.yaml");
    let config = config.display();
    output::line("")?;
    output::line("Next")?;
    output::line(format!("  strongroom status  --config {config}"))?;
    output::line(format!("  strongroom verify  --config {config} --deep"))?;
    output::line(format!(
        "  strongroom cat     --config {config} --origin file:audit.log | head -1"
    ))?;
    output::line(format!(
        "  echo '{{\"hello\":\"archive\"}}' >> {}",
        dir.join("events/application/audit.ndjson").display()
    ))?;
    output::line(format!("  strongroom archive --config {config}"))?;
    Ok(())
}
