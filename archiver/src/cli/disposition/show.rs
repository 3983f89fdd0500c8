//! `strongroom disposition show`

use std::path::Path;

use clap::Args;
use strongroom_crypto::entry::{EntryKind, Verdict};
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::{OfficerId, OrderId};

use super::list::{describe, describe_batch, order_of, show};
use super::propose::print as print_batch;
use super::{open_to_read, read};
use crate::act::dossier::{Dossier, Said, Standing, dossiers};
use crate::cli::officers::{Refused, refusals};
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::detail::Detail;
use crate::disposition::DispositionError;
use crate::disposition::batch::Batch;
use crate::disposition::history::Ordered;
use crate::log::Log;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The batch; or the id of the order that it becomes
    #[arg(value_name = "BATCH|ORDER-ID")]
    what: String,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What an officer said of a batch.
struct Opinion<'a> {
    said: &'a Said,
    officer: Option<OfficerId>,
    /// Why, or why that cannot be read; none if nobody gave a reason or it was erased.
    reason: Option<Result<String, String>>,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let path = Path::new(&arguments.what);
    let batch = if path.exists() { Some(read(path)?) } else { None };
    let id: OrderId = match &batch {
        Some(batch) => batch.order.clone(),
        None => arguments.what.parse().map_err(|_| {
            let message = format!("`{}` is no batch and no order", arguments.what);
            Failure::input(message, "`strongroom disposition list` shows orders and batches")
        })?,
    };
    let (place, log, history) = open_to_read(&arguments.target, machine)?;
    let (keys, now) = (place.keys()?, log.now()?);
    let (state, mut found) = dossiers(&**log.store(), &keys, log.covered())?;
    found.retain(|dossier| order_of(dossier) == Some(&id));
    let ordered = history.order(&id);
    if batch.is_none() && found.is_empty() && ordered.is_none() {
        let message = format!("nobody has said anything of `{id}`, and the log has no such order");
        let next = "officers say what they think with `strongroom disposition review` and `approve`; `strongroom disposition list` shows what the log has";
        return Err(Failure::input(message, next));
    }
    let refused = refusals(&**log.store(), log.covered(), &keys, &found);
    if arguments.json {
        let batches = found.iter().map(|dossier| {
            let said = opinions(&log, &keys, dossier);
            let batch = describe_batch(dossier, &dossier.standing(&state, now), &state);
            let Value::Object(mut members) = batch else { return Value::Null };
            members.insert("said", array(said.iter().map(Opinion::to_json)));
            Value::Object(members)
        });
        let batch = batch.as_ref().map(Batch::to_json).transpose();
        output::json(&object([
            ("batch", batch.map_err(DispositionError::Batch)?.into()),
            ("batches", array(batches)),
            ("order", ordered.map(describe).into()),
            ("refused", array(refused.iter().map(Refused::to_json))),
        ]))?;
        output::warn(log.covered());
        return Ok(EXIT_DONE);
    }
    if let Some(batch) = &batch {
        print_batch(batch)?;
    }
    for dossier in &found {
        print(dossier, &dossier.standing(&state, now), ordered)?;
        opinions(&log, &keys, dossier).iter().try_for_each(Opinion::print)?;
    }
    ordered.map_or(Ok(()), show)?;
    refused.iter().try_for_each(Refused::print)?;
    output::warn(log.covered());
    Ok(EXIT_DONE)
}

fn print(dossier: &Dossier, standing: &Standing, ordered: Option<&Ordered>) -> Result<(), Failure> {
    let why = standing.why().map(|why| format!(": {why}")).unwrap_or_default();
    let id = order_of(dossier).map(ToString::to_string).unwrap_or_default();
    output::line(format!("batch       {id}"))?;
    output::line(format!("statement   sha256:{}", dossier.digest))?;
    output::line(format!("standing    {}{why}", standing.as_str()))?;
    if let (Some(EntryKind::DispositionOrder(order)), None) = (&dossier.kind, ordered) {
        let segments = output::counted(order.count, "segment", "segments");
        output::line(format!("destroys    {segments}, {}", output::size(order.bytes)))?;
        output::line(format!("kept until  {} at the latest", order.keep_until))?;
        output::line(format!("approvals   count until {}", order.expires_at))?;
    }
    Ok(())
}

/// What was said of a batch but by the program, in order.
fn opinions<'a>(log: &Log, keys: &KeyFile, dossier: &'a Dossier) -> Vec<Opinion<'a>> {
    let by_officers = dossier.said.iter().filter(|said| said.act.verdict != Verdict::Refused);
    let read = |said: &'a Said| Opinion {
        said,
        officer: said.act.signatures.iter().next().map(|signed| signed.officer),
        reason: said.act.reason.and_then(|digest| {
            Detail::Review.read_text(&**log.store(), log.covered(), keys, digest)
        }),
    };
    by_officers.map(read).collect()
}

impl Opinion<'_> {
    fn print(&self) -> Result<(), Failure> {
        let Said { index, at, act, .. } = self.said;
        let officer = self.officer.as_ref().map_or("?", OfficerId::as_str);
        let reason = match (&self.reason, act.reason) {
            (Some(Ok(reason)), _) => reason.clone(),
            (Some(Err(error)), _) => format!("(the reason is unreadable: {error})"),
            (None, Some(_)) => "(the reason was erased)".to_owned(),
            (None, None) => "(no reason)".to_owned(),
        };
        let verdict = act.verdict.as_str();
        output::line(format!("  {at}  {officer:<12} {verdict:<8} entry {index}: {reason}"))?;
        Ok(())
    }

    fn to_json(&self) -> Value {
        let reason = self.reason.as_ref().and_then(|reason| reason.as_deref().ok());
        object([
            ("at", text(self.said.at)),
            ("entry", self.said.index.into()),
            ("officer", self.officer.as_ref().map(text).into()),
            ("reason", reason.into()),
            ("verdict", self.said.act.verdict.as_str().into()),
        ])
    }
}
