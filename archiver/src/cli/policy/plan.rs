//! `strongroom policy plan`, `approve` and `apply`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::json::{array, text};
use strongroom_crypto::name::{ClassName, OfficerId, OfficerRole};
use strongroom_crypto::time::Instant;
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::period::{Counting, Cutoff};
use strongroom_retention::policy::{Context, Policy};
use strongroom_retention::schedule::Dated;

use super::{Law, read};
use crate::act::{ActError, enter, pending};
use crate::cli::officers::open;
use crate::cli::signing::{Act, Done, Outcome, Signing, Stop};
use crate::cli::target::{Place, Target};
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::document::Document;
use crate::log::{Log, instant, timestamp};
use crate::plan::{self, Setting, StreamPlan};

#[derive(Args, Debug)]
pub(super) struct Plan {
    /// The policy file
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    law: Law,
    /// Write the plan here, to be approved and applied
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Approve {
    /// The plan
    plan: PathBuf,
    /// The policy file that it is about
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    law: Law,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Args, Debug)]
pub(super) struct Apply {
    /// The plan
    plan: PathBuf,
    /// The policy file that it is about
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    law: Law,
    /// How many locks nobody can undo: the number that the plan shows, where it is not 0
    #[arg(long, value_name = "N")]
    confirm_count: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A policy that can be planned for, and what it takes.
struct Candidate {
    text: String,
    policy: Arc<Policy>,
    digest: Digest,
    catalogue: Arc<Catalogue>,
}

impl Candidate {
    fn read(file: &Path, law: &Law, log: &Log, now: Timestamp) -> Result<Self, Failure> {
        let catalogue = law.read()?;
        let text = read(file)?;
        let previous = log.state().policies().last();
        let previous = previous.map(|record| (record.version, record.policy));
        let context = Context { now, previous, catalogue: &catalogue };
        let checked = Policy::check(&text, &context).map_err(|complaints| {
            let first = complaints.first().map(ToString::to_string).unwrap_or_default();
            let next = "`strongroom policy check`, with the policy before as `--previous FILE`, shows everything that is wrong";
            Failure::input(format!("{}:{first}", file.display()), next)
        })?;
        let (policy, digest) = (Arc::new(checked.policy), checked.digest);
        Ok(Self { text, policy, digest, catalogue })
    }

    fn dated(&self, approved: Timestamp) -> Result<Dated, Failure> {
        let (policy, catalogue) = (Arc::clone(&self.policy), Arc::clone(&self.catalogue));
        Dated::new(policy, self.digest, catalogue, approved)
            .map_err(|error| Failure::input(error.to_string(), "give another effective date"))
    }

    fn setting(&self, log: &Log, now: Timestamp) -> Result<Setting, Failure> {
        let policy = &self.policy;
        let bad = |what: &str| {
            let next = "give it in a-z 0-9 . _ -, as officers are registered";
            Failure::input(format!("`{what}` is no role that an officer can have"), next)
        };
        let mut roles: Vec<OfficerRole> = Vec::new();
        for role in &policy.defaults.disposal.roles {
            roles.push(role.parse().map_err(|_| bad(role))?);
        }
        roles.sort();
        let roles = <[OfficerRole; 2]>::try_from(roles).map_err(|_| bad("disposal.roles"))?;
        let approved = policy.streams.iter().filter(|stream| stream.pre_approved);
        let mut pre_approved: Vec<ClassName> = approved.map(|one| one.class.clone()).collect();
        pre_approved.sort();
        pre_approved.dedup();
        let zone = policy.defaults.zone.clone();
        let counting = Counting { zone, cutoff: Cutoff::None };
        let ttl = policy.defaults.disposal.approval_ttl;
        let expires = counting
            .until(now, ttl)
            .map_err(|error| Failure::input(error.to_string(), "give a shorter `approval_ttl`"))?;
        Ok(Setting {
            catalogue: self.catalogue.digest(),
            effective: instant(self.dated(now)?.effective()),
            expires_at: instant(expires),
            policy: self.digest,
            pre_approved,
            roles,
            supersedes: log.state().policies().last().map(|record| record.policy),
            version: policy.version,
        })
    }
}

/// Makes a plan from the first `size` entries of a log.
fn make(
    place: &Place,
    log: &mut Log,
    candidate: &Candidate,
    set: Setting,
    size: u64,
    as_of: Instant,
) -> Result<plan::Plan, Failure> {
    log.load_all_pages()?;
    let policies = place.policies(log)?.with(candidate.dated(timestamp(as_of))?);
    let (plan, _) = plan::Plan::make(log, &policies, set, size, as_of)?;
    Ok(plan)
}

pub(super) fn plan(arguments: &Plan, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let candidate = Candidate::read(&arguments.file, &arguments.law, &log, now)?;
    let set = candidate.setting(&log, now)?;
    let size = log.state().size();
    let plan = make(&place, &mut log, &candidate, set, size, instant(now))?;
    let document = plan.to_json();
    if let Some(path) = &arguments.output {
        std::fs::write(path, document.to_canonical()).map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::input(message, "name another file with `--output FILE`")
        })?;
    }
    warn_of_untimed(&log, &candidate.policy);
    if arguments.json {
        output::json(&document)?;
        return Ok(EXIT_DONE);
    }
    show(&plan)?;
    let policy = arguments.file.display();
    let to = place.to();
    output::line(match &arguments.output {
        Some(path) => format!(
            "next        strongroom policy approve {} --policy {policy} --to {to} --officer ID --officer-key FILE",
            path.display()
        ),
        None => "next        write it down with `--output FILE` to have it approved".to_owned(),
    })?;
    Ok(EXIT_DONE)
}

/// Says which segments a backfill misses: it counts from what events say, and these say nothing.
fn warn_of_untimed(log: &Log, policy: &Policy) {
    for rule in policy.streams.iter().filter(|rule| rule.backfill.is_some()) {
        let named = &rule.matches.streams;
        let of_rule = |stream| named.is_empty() || named.contains(stream);
        let segments = log.state().segments();
        let untimed = segments.filter(|one| one.event_time.is_none() && of_rule(&one.stream));
        let count = u64::try_from(untimed.count()).unwrap_or(u64::MAX);
        if count == 0 {
            continue;
        }
        let segments = output::counted(count, "segment", "segments");
        let message = format!(
            "`{}`: {segments} of its streams do not say when their events happened: `backfill` does not reach them, they are kept from their receipt",
            rule.id
        );
        let next = "leave it so, which keeps longer; times are mapped for CloudTrail and Kubernetes audit alone";
        output::complain(&message, Some(next));
    }
}

fn show(plan: &plan::Plan) -> Result<(), Failure> {
    let set = &plan.set;
    output::line(format!("policy      version {} sha256:{}", set.version, set.policy))?;
    output::line(format!(
        "in force    from {}; approvals count until {}",
        set.effective, set.expires_at
    ))?;
    let supersedes =
        set.supersedes.map_or_else(|| "none".to_owned(), |digest| format!("sha256:{digest}"));
    output::line(format!("supersedes  {supersedes}"))?;
    for (name, stream) in &plan.streams {
        output::line(format!("stream      {name}"))?;
        for (what, count) in [
            ("locks move later", stream.extended),
            ("locks stay", stream.unchanged),
            ("locked beyond schedule", stream.locked_beyond_schedule),
            ("mode below policy", stream.mode_below_policy),
            ("not in the policy", stream.unclassified),
        ] {
            if count.segments > 0 {
                let segments = output::counted(count.segments, "segment", "segments");
                output::line(format!("  {what:<24} {segments}, {}", output::size(count.bytes)))?;
            }
        }
        if let Some(latest) = stream.latest {
            output::line(format!("  {:<24} {latest}", "latest end of a lock"))?;
        }
    }
    let irreversible = plan.irreversible();
    let bytes = plan.streams.values().map(|stream| stream.irreversible.bytes).sum();
    let until =
        plan.streams.values().filter_map(|stream: &StreamPlan| stream.irreversible_until).max();
    output::line(match until {
        None => "irreversible  nothing".to_owned(),
        Some(until) => format!(
            "irreversible  {}, {}, until {until}: nobody can shorten these locks",
            output::counted(irreversible, "segment", "segments"),
            output::size(bytes)
        ),
    })?;
    Ok(())
}

/// A plan as its file has it.
struct Written {
    bytes: Vec<u8>,
    set: Setting,
    size: u64,
    as_of: Instant,
}

/// What to do about a plan that cannot be used.
const AGAIN: &str = "make a new plan with `strongroom policy plan` and have it approved";

impl Written {
    fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(file).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", file.display());
            Failure::input(
                message,
                "name the plan that `strongroom policy plan --output FILE` wrote",
            )
        })?;
        let (set, size, as_of) = plan::Plan::read(&bytes).map_err(|error| {
            Failure::input(format!("`{}` is no plan: {error}", file.display()), AGAIN)
        })?;
        Ok(Self { bytes, set, size, as_of })
    }

    /// What the plan leads to.
    fn entry(&self) -> EntryKind {
        EntryKind::PolicySet(Box::new(self.set.entry(Digest::of(&self.bytes))))
    }

    /// Makes the plan again from the archive as it is now: refused if anything moved.
    fn again(
        &self,
        place: &Place,
        log: &mut Log,
        (file, law): (&Path, &Law),
        now: Timestamp,
    ) -> Result<(plan::Plan, Candidate), Stop> {
        let refused = |message: String| Stop::Refused(Failure::input(message, AGAIN));
        if timestamp(self.set.expires_at) < now {
            let until = self.set.expires_at;
            return Err(refused(format!("the plan's approvals counted until {until}")));
        }
        let newest = log.state().policies().last().map(|record| record.policy);
        if self.set.supersedes != newest {
            return Err(refused("another policy was set since the plan was made".to_owned()));
        }
        let candidate = Candidate::read(file, law, log, now)?;
        if self.set.policy != candidate.digest {
            return Err(refused("the plan is of another policy file".to_owned()));
        }
        let made = make(place, log, &candidate, self.set.clone(), self.size, self.as_of)?;
        if made.to_json().to_canonical() != self.bytes {
            return Err(refused("the archive is not as it was when the plan was made".to_owned()));
        }
        Ok((made, candidate))
    }
}

pub(super) fn approve(arguments: &Approve, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let written = Written::read(&arguments.plan)?;
    let about = (arguments.policy.as_path(), &arguments.law);
    let (keys, kind) = (place.keys()?, written.entry());
    let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
    let done = arguments
        .signing
        .approve(&mut act, None, |log| written.again(&place, log, about, now).map(|_| ()))?;
    let waiting = pending(&log, &keys)?.into_iter().find(|one| one.digest == done.digest);
    let signed = waiting.map(|one| one.signatures()).unwrap_or_default();
    let by: Vec<OfficerId> = signed.iter().map(|signed| signed.officer).collect();
    if !arguments.signing.json {
        let by: Vec<&str> = by.iter().map(OfficerId::as_str).collect();
        output::line(format!("signed      {}", by.join(", ")))?;
    }
    let next = format!(
        "with two officers in two roles: strongroom policy apply {} --policy {} --to {}",
        arguments.plan.display(),
        arguments.policy.display(),
        place.to()
    );
    done.report(arguments.signing.json, Some(next), [("signed", array(by.iter().map(text)))])
}

pub(super) fn apply(arguments: &Apply, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let written = Written::read(&arguments.plan)?;
    let about = (arguments.policy.as_path(), &arguments.law);
    let kind = written.entry();
    let (plan, candidate) = match written.again(&place, &mut log, about, now) {
        Ok(made) => made,
        Err(Stop::Failed(failure)) => return Err(failure),
        Err(Stop::Refused(failure)) => {
            let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
            return Err(act.refused(None, false, failure));
        }
    };
    let irreversible = plan.irreversible();
    if irreversible > 0 && arguments.confirm_count != Some(irreversible) {
        let message = format!("{irreversible} locks would be moved that nobody can undo");
        let next = format!("if that is meant, give `--confirm-count {irreversible}`");
        return Err(Failure::input(message, next));
    }
    let keys = place.keys()?;
    let digest = Digest::of(&kind.statement(log.state().archive_id()));
    let approved = pending(&log, &keys)?.into_iter().find(|one| one.digest == digest);
    let signatures = approved.map(|one| one.signatures()).unwrap_or_default();
    // A crash here leaves documents that no entry names; the next who applies finds them there.
    Document::Catalogue.store(&log, arguments.law.text()?.as_bytes())?;
    Document::Policy.store(&log, candidate.text.as_bytes())?;
    let mut fill = machine.fill;
    if let Some(reason) = enter(&mut log, kind.clone().with_signatures(signatures), &mut fill)? {
        let next = "have it approved with `strongroom policy approve` by two officers in two roles";
        let failure = Failure { next: Some(next.to_owned()), ..ActError::Void(reason).into() };
        let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
        return Err(act.refused(None, false, failure));
    }
    let record = log.state().policies().last().map(|record| record.policy);
    if record != Some(candidate.digest) {
        output::complain(
            "another policy was set in this moment",
            Some("`strongroom policy show` shows which is in force"),
        );
        return Ok(EXIT_FINDING);
    }
    let entry = log.state().policies().last().map(|record| record.index);
    let (act, officer) = (kind.as_str().to_owned(), None);
    let done = Done { act, digest, entry, officer, outcome: Outcome::Entered };
    let more = [("effective", text(plan.set.effective)), ("version", plan.set.version.into())];
    let next = format!("strongroom sweep --duty lock --to {}", place.to());
    if !arguments.json {
        let (version, from) = (plan.set.version, plan.set.effective);
        output::line(format!("policy      version {version} is entered, in force from {from}"))?;
    }
    done.report(arguments.json, Some(next), more)
}
