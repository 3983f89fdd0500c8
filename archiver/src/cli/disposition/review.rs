//! `strongroom disposition review` and `approve`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use strongroom_crypto::detail;
use strongroom_crypto::entry::{EntryKind, OfficerAct, Verdict};
use strongroom_crypto::officer::Signatures;

use super::{open, read};
use crate::act::pending;
use crate::cli::signing::{Signing, report};
use crate::cli::target::{Place, Target};
use crate::cli::{Failure, Machine};
use crate::disposition::DispositionError;
use crate::disposition::batch::Batch;
use crate::disposition::execute::needs_officers;
use crate::disposition::history::History;
use crate::disposition::propose::{check, statement};
use crate::document::Document;
use crate::log::Log;

/// The kind of the encrypted record of a reason.
const REASON: &str = "review";

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
            return sign(
                &place,
                &mut log,
                &history,
                &batch,
                &arguments.signing,
                Some(&arguments.reason),
                machine,
            );
        }
        Said::Reject => Verdict::Reject,
        Said::Extend => Verdict::Extend,
    };
    let kind = batch.entry().map_err(DispositionError::Batch)?;
    let reason = seal(&place, &log, &arguments.reason, machine)?;
    let digest = Document::Detail.store(&log, &reason)?;
    let act = EntryKind::OfficerAct(OfficerAct {
        act: kind.as_str().parse().map_err(|_| bad_kind())?,
        digest: statement(&kind, log.state().archive_id()),
        expires_at: batch.expires_at,
        reason: Some(digest),
        signatures: Signatures::default(),
        verdict,
    });
    let (keys, store) = (place.keys()?, place.url.file_path());
    let outcome = arguments.signing.act(&mut log, &keys, &act, store, machine)?;
    report(outcome, "review")
}

pub(super) fn approve(arguments: &Approve, machine: &Machine) -> Result<u8, Failure> {
    let batch = read(&arguments.batch)?;
    let (place, mut log, history) = open(&arguments.target, machine)?;
    sign(&place, &mut log, &history, &batch, &arguments.signing, None, machine)
}

fn sign(
    place: &Place,
    log: &mut Log,
    history: &History,
    batch: &Batch,
    signing: &Signing,
    reason: Option<&str>,
    machine: &Machine,
) -> Result<u8, Failure> {
    let now = log.store().now()?;
    check(log, history, &place.policies(log)?, batch, now)?;
    if !needs_officers(history, batch) {
        let next = "run `strongroom disposition execute` with it";
        return Err(Failure::input("the policy itself approves this batch", next));
    }
    may_sign(place, log, history, batch, signing)?;
    let kind = batch.entry().map_err(DispositionError::Batch)?;
    let reason = match reason {
        None => None,
        Some(reason) => Some(Document::Detail.store(log, &seal(place, log, reason, machine)?)?),
    };
    // A crash here leaves a list that no entry names.
    let list = batch.list().map_err(DispositionError::Batch)?;
    Document::List.store(log, &list.encode())?;
    let outcome = signing.approve_because(log, &kind, reason, place.url.file_path(), machine)?;
    report(outcome, "batch")
}

/// Refuses a signature that would add nothing: the policy names two roles, each signs once.
fn may_sign(
    place: &Place,
    log: &Log,
    history: &History,
    batch: &Batch,
    signing: &Signing,
) -> Result<(), Failure> {
    let policy = history.state.policies().iter().find(|policy| policy.policy == batch.policy);
    let registry = log.state().officers();
    let (Some(policy), Some(officer)) = (policy, &signing.officer) else { return Ok(()) };
    let Some(registered) = registry.get(officer) else { return Ok(()) };
    let [one, other] = &policy.roles;
    let next = format!("the policy demands an officer of role `{one}` and one of role `{other}`");
    if !policy.roles.contains(&registered.role) {
        let message = format!("officer `{officer}` has role `{}`", registered.role);
        return Err(Failure::input(message, next));
    }
    let kind = batch.entry().map_err(DispositionError::Batch)?;
    let digest = statement(&kind, log.state().archive_id());
    let approved = pending(log, &*place.keys()?)?.into_iter().find(|one| one.digest == digest);
    for (signed, _) in approved.into_iter().flat_map(|one| one.approvals) {
        if signed.officer == *officer {
            let message = format!("officer `{officer}` has approved this batch already");
            return Err(Failure::input(message, next));
        }
        let role = registry.get(&signed.officer).map(|key| &key.role);
        if role == Some(&registered.role) {
            let message = format!("role `{}` has approved this batch already", registered.role);
            return Err(Failure::input(message, next));
        }
    }
    Ok(())
}

fn seal(place: &Place, log: &Log, reason: &str, machine: &Machine) -> Result<Vec<u8>, Failure> {
    let (keys, mut fill) = (place.keys()?, machine.fill);
    let archive = log.state().archive_id();
    detail::seal(keys.kek(), archive, REASON, reason.as_bytes(), &mut fill)
        .map_err(|error| Failure::input(error.to_string(), "give a shorter `--reason`"))
}

fn bad_kind() -> Failure {
    Failure::input("no officer reviews this", "name a batch")
}
