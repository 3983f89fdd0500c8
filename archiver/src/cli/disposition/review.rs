//! `strongroom disposition review` and `approve`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, OfficerAct, Verdict};
use strongroom_crypto::json::text;
use strongroom_crypto::officer::Signatures;

use super::propose::{Rejected, print, rejected_before};
use super::{open, read};
use crate::cli::signing::{Act, Outcome, Signing};
use crate::cli::target::{Place, Target};
use crate::cli::{Failure, Machine};
use crate::detail::Detail;
use crate::disposition::DispositionError;
use crate::disposition::batch::Batch;
use crate::disposition::execute::needs_officers;
use crate::disposition::history::History;
use crate::disposition::propose::check;
use crate::document::Document;
use crate::log::{Log, instant};

#[derive(Args, Debug)]
pub(super) struct Review {
    /// The batch
    batch: PathBuf,
    /// What the officer says
    #[arg(long)]
    verdict: Said,
    /// Why: it is kept encrypted, and the log has only its digest
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Said {
    /// Yes: it counts as `disposition approve` does
    Approve,
    /// No
    Reject,
    /// Not yet
    Extend,
}

#[derive(Args, Debug)]
pub(super) struct Approve {
    /// The batch
    batch: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    signing: Signing,
}

pub(super) fn review(arguments: &Review, machine: &Machine) -> Result<u8, Failure> {
    let batch = read(&arguments.batch)?;
    let (place, mut log, history) = open(&arguments.target, machine)?;
    let verdict = match arguments.verdict {
        Said::Approve => {
            let mut desk = Desk { place, log, history, batch, machine };
            return desk.sign(&arguments.signing, Some(&arguments.reason));
        }
        Said::Reject => Verdict::Reject,
        Said::Extend => Verdict::Extend,
    };
    // The reason is sealed anew each time, and its digest stands in what is signed.
    arguments.signing.require_no_signature()?;
    let kind = batch.entry().map_err(DispositionError::Batch)?;
    let (keys, mut fill) = (place.keys()?, machine.fill);
    // A crash here leaves documents that no entry names: who reads the review finds the batch by them.
    let list = batch.list().map_err(DispositionError::Batch)?;
    Document::List.store(&log, &list.encode())?;
    let about = kind.statement(log.state().archive_id());
    Document::Statement.store(&log, &about)?;
    let reason = Detail::Review.store(&log, &keys, arguments.reason.as_bytes(), &mut fill)?;
    let review = EntryKind::OfficerAct(OfficerAct {
        act: kind.as_str().parse().map_err(|_| bad_kind())?,
        digest: Digest::of(&about),
        expires_at: batch.expires_at,
        reason: Some(reason),
        signatures: Signatures::default(),
        verdict,
    });
    let mut act = Act { log: &mut log, place: &place, kind: &review, machine };
    let done = arguments.signing.enter(&mut act)?;
    let next = format!("strongroom disposition show {} --to {}", batch.order, place.to());
    let more = [("order", text(&batch.order)), ("verdict", verdict.as_str().into())];
    done.report(arguments.signing.json, Some(next), more)
}

pub(super) fn approve(arguments: &Approve, machine: &Machine) -> Result<u8, Failure> {
    let batch = read(&arguments.batch)?;
    let (place, log, history) = open(&arguments.target, machine)?;
    let mut desk = Desk { place, log, history, batch, machine };
    desk.sign(&arguments.signing, None)
}

/// A batch that an officer approves.
struct Desk<'a> {
    place: Place,
    log: Log,
    history: History,
    batch: Batch,
    machine: &'a Machine,
}

impl Desk<'_> {
    fn sign(&mut self, signing: &Signing, reason: Option<&str>) -> Result<u8, Failure> {
        let Self { place, log, history, batch, machine } = self;
        if !needs_officers(history, batch) {
            let next = "run `strongroom disposition execute` with it";
            return Err(Failure::input("the policy itself approves this batch", next));
        }
        let kind = batch.entry().map_err(DispositionError::Batch)?;
        let now = log.store().now()?;
        let policies = place.policies(log)?;
        let list = batch.list().map_err(DispositionError::Batch)?;
        let (lapse, from) = (batch.expires_at, batch.destroyable_from());
        if instant(now) <= lapse && lapse <= from {
            let message = format!(
                "approvals of this batch lapse at {lapse}, and nothing of it may go before {from}"
            );
            return Err(Failure::input(message, "propose again when the grace is nearly over"));
        }
        rejected_before(log, history, batch)?.iter().for_each(Rejected::complain);
        let mut act = Act { log, place, kind: &kind, machine };
        let done = signing.approve(&mut act, reason, |log| {
            if !signing.json {
                print(batch)?;
            }
            check(log, history, &policies, batch, now)?;
            // A crash here leaves a list that no entry names.
            Document::List.store(log, &list.encode()).map_err(Failure::from)?;
            Ok(())
        })?;
        let next = match done.outcome {
            Outcome::Written => None,
            _ => Some(format!(
                "with both roles: strongroom disposition execute BATCH --to {}",
                place.to()
            )),
        };
        done.report(signing.json, next, [("order", text(&batch.order))])
    }
}

fn bad_kind() -> Failure {
    Failure::input("no officer reviews this", "name a batch")
}
