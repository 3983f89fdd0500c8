//! `strongroom disposition propose`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::name::StreamName;

use super::open;
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::disposition::batch::{Batch, MAX_BATCH_SEGMENTS};
use crate::disposition::propose::{Selection, propose};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// What may go at this instant; now, if not given
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    /// Only of this stream; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<StreamName>,
    /// At most so many segments
    #[arg(long, value_name = "N", default_value_t = MAX_BATCH_SEGMENTS)]
    max_objects: usize,
    /// Write the batch here
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print the batch as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open(&arguments.target, machine)?;
    let policies = place.policies(&log)?;
    let now = log.store().now()?;
    let selection = Selection {
        as_of: arguments.as_of.unwrap_or(now),
        streams: arguments.streams.clone(),
        max_objects: arguments.max_objects,
    };
    let mut fill = machine.fill;
    let proposal = propose(&log, &history, &policies, &selection, now, &mut fill)?;
    for (id, why) in &proposal.left {
        output::complain(&format!("segment {id} {why}: it was left out"), None);
    }
    let Some(batch) = proposal.batch else {
        output::line("nothing may go")?;
        return Ok(EXIT_DONE);
    };
    let document = batch.to_json().map_err(crate::disposition::DispositionError::Batch)?;
    let bytes = document.to_canonical();
    let path = &arguments.output;
    std::fs::write(path, &bytes).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::input(message, "name another file with `--output FILE`")
    })?;
    if arguments.json {
        output::json(&document)?;
        return Ok(EXIT_DONE);
    }
    show(&batch, Digest::of(&bytes))?;
    output::line(format!(
        "next        strongroom disposition approve {} --to {} --officer ID --officer-key FILE",
        path.display(),
        place.to()
    ))?;
    Ok(EXIT_DONE)
}

fn show(batch: &Batch, digest: Digest) -> Result<(), Failure> {
    let count = u64::try_from(batch.segments.len()).unwrap_or(u64::MAX);
    let segments = output::counted(count, "segment", "segments");
    output::line(format!("batch       sha256:{digest}"))?;
    output::line(format!("order       {}", batch.order))?;
    output::line(format!("destroys    {segments}, {}", output::size(batch.bytes())))?;
    output::line(format!("kept until  {} at the latest", batch.keep_until()))?;
    output::line(format!("not before  {}", batch.destroyable_from()))?;
    output::line(format!("approvals   count until {}", batch.expires_at))?;
    if batch.expires_at <= batch.destroyable_from() {
        let next = "propose again when the grace is nearly over";
        output::complain("approvals of this batch lapse before the grace is over", Some(next));
    }
    for segment in &batch.segments {
        let rule = segment.deciding_rule.as_deref().unwrap_or("no rule");
        let (id, stream, until) = (segment.id, &segment.stream, segment.keep_until);
        output::line(format!("  {id}  {stream}  kept until {until} by {rule}"))?;
    }
    Ok(())
}
