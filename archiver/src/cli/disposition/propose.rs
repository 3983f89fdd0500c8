//! `strongroom disposition propose`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::name::{OrderId, StreamName};

use super::open;
use crate::act::dossier::Standing;
use crate::cli::signing::{Done, Outcome};
use crate::cli::stream::require_known;
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::disposition::DispositionError;
use crate::disposition::batch::{Batch, MAX_BATCH_SEGMENTS};
use crate::disposition::history::History;
use crate::disposition::propose::{Selection, propose, statement};
use crate::log::{Log, find_list};

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
    /// Print one JSON object, with the batch in it
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let (place, log, history) = open(&arguments.target, machine)?;
    let archive = (&**log.store(), log.covered(), log.state());
    require_known(&arguments.streams, &place, archive, "`strongroom status` shows the streams")?;
    let policies = place.policies(&log)?;
    let now = log.store().now()?;
    let selection = Selection {
        as_of: arguments.as_of.unwrap_or(now),
        streams: arguments.streams.clone(),
        max_objects: arguments.max_objects,
        pre_approved: None,
    };
    let mut fill = machine.fill;
    let proposal = propose(&log, &history, &policies, &selection, now, &mut fill)?;
    for (id, why) in &proposal.left {
        output::complain(&format!("segment {id} {why}: it was left out"), None);
    }
    let left = proposal
        .left
        .iter()
        .map(|(id, why)| object([("segment", text(id)), ("why", why.to_string().into())]));
    let left = array(left);
    let Some(batch) = proposal.batch else {
        if arguments.json {
            let done = Done::without_entry("disposition.order", None, Outcome::Nothing);
            let none = array::<Value>([]);
            let more = [("batch", Value::Null), ("left", left), ("rejected_before", none)];
            return done.json(None, more);
        }
        output::line("nothing may go")?;
        return Ok(EXIT_DONE);
    };
    let document = batch.to_json().map_err(DispositionError::Batch)?;
    let bytes = document.to_canonical();
    let path = &arguments.output;
    std::fs::write(path, &bytes).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::input(message, "name another file with `--output FILE`")
    })?;
    let before = rejected_before(&log, &history, &batch)?;
    before.iter().for_each(Rejected::complain);
    let next = format!(
        "strongroom disposition approve {} --to {} --officer ID --officer-key FILE",
        path.display(),
        place.to()
    );
    if arguments.json {
        let kind = batch.entry().map_err(DispositionError::Batch)?;
        let digest = statement(&kind, log.state().archive_id());
        let more = [
            ("batch", document),
            ("left", left),
            ("order", text(&batch.order)),
            ("rejected_before", array(before.iter().map(Rejected::to_json))),
            ("sha256", text(Digest::of(&bytes))),
        ];
        let done = Done::without_entry(kind.as_str(), Some(digest), Outcome::Proposed);
        return done.json(Some(next), more);
    }
    output::line(format!("batch       sha256:{}", Digest::of(&bytes)))?;
    print(&batch)?;
    output::line(format!("next        {next}"))?;
    Ok(EXIT_DONE)
}

/// An earlier batch with some of these segments that an officer said no to.
pub(super) struct Rejected {
    order: OrderId,
    segments: u64,
    why: String,
}

impl Rejected {
    pub(super) fn complain(&self) {
        let Self { order, segments, why } = self;
        let segments = output::counted(*segments, "segment", "segments");
        let message = format!("{segments} of this batch stood in batch `{order}`: {why}");
        let next = format!("`strongroom disposition show {order}` shows who said what and why");
        output::complain(&message, Some(&next));
    }

    fn to_json(&self) -> Value {
        let Self { order, segments, why } = self;
        let (segments, why) = ((*segments).into(), why.as_str().into());
        object([("order", text(order)), ("segments", segments), ("why", why)])
    }
}

/// What officers said no to before, and stands in a batch again.
pub(super) fn rejected_before(
    log: &Log,
    history: &History,
    batch: &Batch,
) -> Result<Vec<Rejected>, Failure> {
    let (store, covered) = (&**log.store(), log.covered());
    let mut rejected = Vec::new();
    for one in history.reviewed(store, covered, log.now()?)? {
        let (Standing::Rejected { .. }, Some(before)) = (&one.standing, one.order()) else {
            continue;
        };
        let Some(list) = find_list(store, covered, before.list)? else {
            let message = format!(
                "the list of batch `{}`, which an officer said no to, is missing or damaged: whether segments of this batch stood in it is not known",
                before.order
            );
            output::complain(&message, None);
            continue;
        };
        let again = batch.segments.iter().filter(|segment| list.contains(&segment.id)).count();
        if again > 0 {
            let segments = u64::try_from(again).unwrap_or(u64::MAX);
            let why = one.standing.why().unwrap_or_default();
            rejected.push(Rejected { order: before.order.clone(), segments, why });
        }
    }
    Ok(rejected)
}

/// What a batch would destroy.
pub(super) fn print(batch: &Batch) -> Result<(), Failure> {
    let count = u64::try_from(batch.segments.len()).unwrap_or(u64::MAX);
    let segments = output::counted(count, "segment", "segments");
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
