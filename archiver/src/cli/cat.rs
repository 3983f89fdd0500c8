//! `strongroom cat`

use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use strongroom_crypto::json::{Members, Value};
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::{SegmentId, b64};

use super::target::Target;
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::log::{Keyring, Sealed, walk};
use crate::read::{ReadError, open_sealed, segments_of};
use crate::segment::{DecodeError, Decoded, SegmentReader, StoredRange};
use crate::store::LockedStore;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Segment id or object key: each record and a line feed
    #[arg(value_name = "SEGMENT", required_unless_present = "origin", conflicts_with = "origin")]
    segment: Option<String>,
    /// Origin as `status` prints it: its decoded bytes, as far as they are sealed
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Stream of the origin, where several have one of this name
    #[arg(long, value_name = "NAME", requires = "origin")]
    stream: Option<String>,
    /// Generation of the origin; the newest if not given
    #[arg(long, value_name = "N", requires = "origin")]
    generation: Option<u64>,
    /// One JSON object for each record: origin, generation, offset, columns, raw
    #[arg(long)]
    json: bool,
}

/// Reading or writing failed.
enum Stop {
    Asked,
    Read(ReadError),
    Decode(DecodeError),
    Write(io::Error),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Asked => Self {
                code: EXIT_FINDING,
                message: "interrupted: the output is not complete".to_owned(),
                next: None,
            },
            Stop::Read(error) => error.into(),
            Stop::Write(error) => error.into(),
            Stop::Decode(error) => {
                Self { code: EXIT_FINDING, message: error.to_string(), next: None }
            }
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Log(error) => error.into(),
            ReadError::NoSegment(_) => {
                Self::input(error.to_string(), "`strongroom status --segments` lists what there is")
            }
            ReadError::Gone { .. } => Self {
                code: EXIT_FINDING,
                message: error.to_string(),
                next: Some("`strongroom disposition list` shows orders and certificates".into()),
            },
            ReadError::Decode { .. } | ReadError::Altered(_) => {
                let next = Some("run `strongroom verify --deep` to see what is damaged".to_owned());
                Self { code: EXIT_FINDING, message: error.to_string(), next }
            }
        }
    }
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let store = place.store_read_only(machine)?;
    let keys = place.keys()?;
    let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(&keys)));
    let (_, seals) = walk(&*store, &keys, keyring.covered())?;
    let mut out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    let mut code = EXIT_DONE;
    match (&arguments.segment, &arguments.origin) {
        (Some(segment), _) => {
            let id = segment_id(segment)?;
            let sealed = seals.iter().find(|sealed| sealed.seal.segment_id == id);
            let sealed = sealed.ok_or_else(|| ReadError::NoSegment(id.to_string()))?;
            let reader = open_sealed(&*store, &keyring, sealed)?;
            records(reader, arguments.json, None, &machine.stop, &mut out)?;
        }
        (None, Some(origin)) => {
            let out = (&*machine.stop, &mut out);
            if !cat_origin(&*store, &keyring, &seals, arguments, origin, out)? {
                code = EXIT_FINDING;
            }
        }
        (None, None) => {}
    }
    out.flush()?;
    output::warn(keyring.covered());
    Ok(code)
}

/// A segment is named by its id, alone or at the end of its object key.
pub(super) fn segment_id(name: &str) -> Result<SegmentId, Failure> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let id = last.strip_suffix(".parquet").unwrap_or(last);
    id.parse().map_err(|_| {
        Failure::input(
            format!("`{name}` is no segment id"),
            "give a UUID such as those below `segments/`, or `--origin NAME`",
        )
    })
}

/// Prints an origin; false if segments of it are destroyed.
fn cat_origin(
    store: &dyn LockedStore,
    keyring: &Arc<Keyring>,
    seals: &[Sealed],
    arguments: &Arguments,
    origin: &str,
    (stop, out): (&AtomicBool, &mut impl io::Write),
) -> Result<bool, Failure> {
    let (handle, newest) = find_origin(keyring, seals, origin, arguments.stream.as_deref())?;
    let generation = arguments.generation.unwrap_or(newest);
    if arguments.generation.is_none() && newest > 0 {
        let next = "earlier ones of this origin: `--generation N`";
        output::complain(&format!("this is generation {newest}"), Some(next));
    }
    let segments: Vec<&Sealed> = segments_of(seals, handle, generation);
    if segments.is_empty() {
        return Err(no_generation(origin, generation, newest));
    }
    let mut whole = true;
    for sealed in segments {
        if let Some(gone) = sealed.gone {
            whole = false;
            let next = Some("its bytes are left out of the output");
            output::complain(&format!("segment {} {gone}", sealed.seal.segment_id), next);
            continue;
        }
        let reader = open_sealed(store, keyring, sealed)?;
        records(reader, arguments.json, Some((origin, generation)), stop, out)?;
    }
    Ok(whole)
}

/// An origin has no such generation.
pub(super) fn no_generation(origin: &str, generation: u64, newest: u64) -> Failure {
    let message = format!("origin `{origin}` has no generation {generation}");
    Failure::input(message, format!("the newest is {newest}"))
}

/// The handle of an origin and its newest generation. A name may stand in several streams.
pub(super) fn find_origin(
    keyring: &Arc<Keyring>,
    seals: &[Sealed],
    origin: &str,
    stream: Option<&str>,
) -> Result<(OriginHandle, u64), Failure> {
    let key = keyring.origin()?;
    let mut streams: Vec<&str> = seals.iter().map(|sealed| sealed.seal.stream.as_str()).collect();
    streams.sort_unstable();
    streams.dedup();
    streams.retain(|known| stream.is_none_or(|wanted| wanted == *known));
    let holds = |stream: &&str| {
        key.handle(stream, origin).is_ok_and(|handle| {
            seals
                .iter()
                .any(|sealed| sealed.ranges.as_slice().iter().any(|range| range.origin == handle))
        })
    };
    let found: Vec<&str> = streams.into_iter().filter(holds).collect();
    let stream = match found.as_slice() {
        [stream] => *stream,
        [] => {
            return Err(Failure::input(
                format!("no origin `{origin}`"),
                "`strongroom status` lists the origins",
            ));
        }
        several => {
            let next = format!("add `--stream` with one of: {}", several.join(", "));
            return Err(Failure::input(format!("origin `{origin}` is in several streams"), next));
        }
    };
    let handle = key.handle(stream, origin).map_err(|error| {
        Failure::input(error.to_string(), "`strongroom status` lists the origins")
    })?;
    let generations = seals
        .iter()
        .flat_map(|sealed| sealed.ranges.as_slice())
        .filter(|range| range.origin == handle);
    Ok((handle, generations.map(|range| range.generation).max().unwrap_or(0)))
}

/// Prints the records of a segment; with `only`, the bytes of one of its ranges.
fn records(
    reader: SegmentReader,
    as_json: bool,
    only: Option<(&str, u64)>,
    stop: &AtomicBool,
    out: &mut impl io::Write,
) -> Result<(), Stop> {
    let ranges = reader.ranges.clone();
    let wanted = |range: &StoredRange| {
        only.is_none_or(|(origin, generation)| {
            range.origin == origin && range.generation == generation
        })
    };
    reader.for_each(|record| -> Result<(), Stop> {
        if stop.load(Ordering::Relaxed) {
            return Err(Stop::Asked);
        }
        let range = ranges.get(record.range).ok_or(DecodeError::Malformed("origin"))?;
        if !wanted(range) {
            return Ok(());
        }
        if as_json {
            out.write_all(&describe(record, range).to_canonical())?;
            out.write_all(b"\n")?;
        } else if only.is_some() {
            out.write_all(record.lead)?;
            out.write_all(record.raw)?;
        } else {
            out.write_all(record.raw)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    if only.is_some() && !as_json {
        for range in ranges.iter().filter(|range| wanted(range)) {
            out.write_all(&range.tail)?;
        }
    }
    Ok(())
}

fn describe(record: &Decoded<'_>, range: &StoredRange) -> Value {
    let mut columns = Members::default();
    for (name, value) in record.canonical_columns() {
        columns.insert(name, value);
    }
    let mut members = vec![
        ("columns", Value::Object(columns)),
        ("generation", range.generation.into()),
        ("offset", record.offset.into()),
    ];
    members.push(("origin", range.origin.as_str().into()));
    match std::str::from_utf8(record.raw) {
        Ok(raw) => members.push(("raw", raw.into())),
        Err(_) => members.push(("raw_b64", b64::encode(record.raw).into())),
    }
    let mut described = Members::default();
    for (name, value) in members {
        described.insert(name, value);
    }
    Value::Object(described)
}
