//! `strongroom status`

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::origin::OriginHandle;

use super::target::Target;
use super::{EXIT_DONE, Failure, Machine, output};
use crate::log::{Keyring, newest_checkpoint, walk};
use crate::read::{OriginStatus, origins};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let store = place.store_read_only(machine)?;
    let keys = place.keys()?;
    let (state, seals) = walk(&*store)?;
    let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(&keys)));
    keyring.check_archive(state.archive_id())?;
    let head = newest_checkpoint(&*store, keys.log().verifier())?;
    let vkey = keys.log().verifier().to_string();
    let origins = origins(&*store, Some(&keyring), &seals)?;
    let events: u64 = seals.iter().map(|sealed| sealed.seal.events.count).sum();
    let bytes: u64 = seals.iter().map(|sealed| sealed.seal.bytes).sum();
    let size = head.as_ref().map_or(0, |head| head.size);
    if arguments.json {
        let origins = array(origins.iter().map(|(handle, origin)| {
            object([
                ("end", origin.end.into()),
                ("generation", origin.generation.into()),
                ("handle", text(handle)),
                (
                    "origin",
                    origin.name.as_ref().map_or(Value::Null, |name| Value::Text(name.clone())),
                ),
                ("stream", origin.stream.as_str().into()),
            ])
        }));
        output::json(&object([
            ("archive_id", text(state.archive_id())),
            ("bytes_segments", bytes.into()),
            ("checkpoint_size", size.into()),
            ("entries", state.size().into()),
            ("environment", text(state.environment())),
            ("events", events.into()),
            ("latest", text(state.latest())),
            ("log_open_sha256", text(state.log_open_sha256())),
            ("origins", origins),
            ("segments", state.live_segments().into()),
            ("store", state.store().into()),
            ("vkey", vkey.into()),
        ]))?;
        return Ok(EXIT_DONE);
    }
    output::line(format!(
        "archive     {} ({} environment)",
        state.archive_id(),
        state.environment()
    ))?;
    output::line(format!("store       {}", state.store()))?;
    output::line(format!("vkey        {vkey}"))?;
    output::line(format!(
        "log         {}, checkpoint at {size}, last entry {}",
        output::counted(state.size(), "entry", "entries"),
        state.latest()
    ))?;
    let (segments, events) = (output::count(state.live_segments()), output::count(events));
    output::line(format!("segments    {segments} live, {events} events, {}", output::size(bytes)))?;
    output::line(
        "retention   no policy in force: every segment is unclassified, under a rolling settling lock",
    )?;
    show_origins(origins)?;
    Ok(EXIT_DONE)
}

fn show_origins(origins: BTreeMap<OriginHandle, OriginStatus>) -> Result<(), Failure> {
    if !origins.is_empty() {
        output::line(format!("\n{:<24} {:>3} {:>14}  ORIGIN", "STREAM", "GEN", "SEALED TO"))?;
    }
    let mut rows: Vec<_> = origins.into_iter().collect();
    rows.sort_by(|(_, a), (_, b)| (&a.stream, &a.name).cmp(&(&b.stream, &b.name)));
    for (handle, origin) in rows {
        let name = origin.name.unwrap_or_else(|| format!("(handle {handle})"));
        output::line(format!(
            "{:<24} {:>3} {:>14}  {name}",
            origin.stream,
            origin.generation,
            output::count(origin.end)
        ))?;
    }
    Ok(())
}
