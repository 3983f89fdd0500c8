//! `strongroom policy plan`, `approve` and `apply`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::state::LiveSegment;
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::period::{Counting, Cutoff};
use strongroom_retention::policy::{Checked, Complaint, Context, Policy};
use strongroom_retention::schedule::Dated;

use super::{Law, read};
use crate::act::{ActError, enter, pending};
use crate::cli::officers::open;
use crate::cli::signing::{Signing, report};
use crate::cli::target::{Place, Target};
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::document::Document;
use crate::log::{Log, instant, timestamp};
use crate::plan::{self, Basis, Change, Lasting, MAX_PRICES_BYTES, PlanError, Setting};
use crate::prices::{PriceError, Prices};
use crate::terms::Terms;

#[derive(Args, Debug)]
pub(super) struct Plan {
    /// The policy file
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    law: Law,
    /// A table of prices, by which the plan says what the policy costs
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
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
}

/// A policy that can be planned for, and what it takes.
struct Candidate {
    text: String,
    policy: Arc<Policy>,
    digest: Digest,
    catalogue: Arc<Catalogue>,
    advice: Vec<Complaint>,
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
            let more = match complaints.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count.saturating_sub(1)),
            };
            let next = "`strongroom policy check`, with the policy before as `--previous FILE`, shows everything that is wrong";
            Failure::input(format!("{}:{first}{more}", file.display()), next)
        })?;
        let Checked { policy, digest, advice } = checked;
        Ok(Self { text, policy: Arc::new(policy), digest, catalogue, advice })
    }

    /// Conflicts that it decides, and advice.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for stream in &self.policy.streams {
            for citation in &stream.citations {
                let Some(decision) = &citation.decision else { continue };
                notes.push(format!(
                    "{} in stream rule {}: `{}` gives way, as {} decided; to be looked at again by {}",
                    decision.code,
                    stream.id,
                    citation.reg,
                    decision.approved_by.join(" and "),
                    decision.review_by
                ));
            }
        }
        let said = |one: &Complaint| format!("{} at {}: {}", one.code, one.path, one.message);
        notes.extend(self.advice.iter().map(said));
        notes
    }

    fn dated(&self, approved: Timestamp) -> Result<Dated, Failure> {
        let (policy, catalogue) = (Arc::clone(&self.policy), Arc::clone(&self.catalogue));
        Dated::new(policy, self.digest, catalogue, approved)
            .map_err(|error| Failure::input(error.to_string(), "give another effective date"))
    }

    /// What its entry says, planned at an instant.
    fn setting(&self, now: Timestamp) -> Result<Setting, Failure> {
        let policy = &self.policy;
        let terms = Terms::of(policy)
            .map_err(|error| Failure::input(error.to_string(), "correct the policy file"))?;
        let zone = policy.defaults.zone.clone();
        let counting = Counting { zone, cutoff: Cutoff::None };
        let ttl = policy.defaults.disposal.approval_ttl;
        let expires = counting
            .until(now, ttl)
            .map_err(|error| Failure::input(error.to_string(), "give a shorter `approval_ttl`"))?;
        Ok(Setting {
            catalogue: terms.catalogue,
            effective: terms.effective(now),
            expires_at: instant(expires),
            policy: self.digest,
            pre_approved: terms.pre_approved,
            roles: terms.roles,
            supersedes: terms.supersedes,
            version: terms.version,
        })
    }
}

/// Makes a plan.
fn make(
    place: &Place,
    log: &mut Log,
    candidate: &Candidate,
    basis: Basis,
) -> Result<plan::Plan, Failure> {
    log.load_all_pages()?;
    let before = place.policies(log)?;
    let after = before.with(candidate.dated(timestamp(basis.as_of))?);
    let change = Change { before: &before, after: &after };
    Ok(plan::Plan::make(log, change, basis, candidate.notes())?)
}

/// The text of a table of prices, which the plan takes up whole.
fn prices(path: &Path) -> Result<String, Failure> {
    let text = read(path)?;
    if text.len() > MAX_PRICES_BYTES {
        let message = format!("`{}` is longer than {MAX_PRICES_BYTES} bytes", path.display());
        return Err(Failure::input(message, "name a table of prices with `--prices FILE`"));
    }
    Prices::parse(path, &text)?;
    Ok(text)
}

pub(super) fn plan(arguments: &Plan, machine: &Machine) -> Result<u8, Failure> {
    let prices = arguments.prices.as_deref().map(prices).transpose()?;
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let candidate = Candidate::read(&arguments.file, &arguments.law, &log, now)?;
    let set = candidate.setting(now)?;
    let (claims, size) = (log.state().next_claim().seq, log.state().size());
    let basis = Basis { set, as_of: instant(now), claims, size, prices };
    let plan = make(&place, &mut log, &candidate, basis)?;
    let document = plan.to_json();
    if let Some(path) = &arguments.output {
        std::fs::write(path, document.to_canonical()).map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::input(message, "name another file with `--output FILE`")
        })?;
    }
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

fn show(plan: &plan::Plan) -> Result<(), Failure> {
    let Basis { set, as_of, .. } = &plan.basis;
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
    for note in &plan.notes {
        let word = if note.starts_with('C') { "conflict" } else { "advice" };
        output::line(format!("{word:<11} {note}"))?;
    }
    irreversible(&plan.lasting)?;
    cost(plan)?;
    output::line(format!(
        "later       what is sealed after {as_of} follows the policy too, and is not counted here"
    ))?;
    Ok(())
}

fn irreversible(lasting: &Lasting) -> Result<(), Failure> {
    let Some(until) = lasting.until() else {
        output::line("irreversible  nothing")?;
        return Ok(());
    };
    let kinds = lasting.by_kind().into_iter();
    let kinds = kinds.map(|(kind, objects)| {
        format!("{} {kind} ({})", output::count(objects.count), output::size(objects.bytes))
    });
    output::line(format!(
        "irreversible  {}, until {until}: nobody can shorten these locks",
        kinds.collect::<Vec<_>>().join(", ")
    ))?;
    Ok(())
}

fn cost(plan: &plan::Plan) -> Result<(), Failure> {
    let longer = plan.lasting.longer;
    let objects = output::counted(longer.count, "object", "objects");
    let kept = format!("{objects} ({}) kept longer", output::size(longer.bytes));
    output::line(match &plan.cost {
        None => format!("cost        {kept}; `--prices FILE` tells what that costs"),
        Some(cost) => format!(
            "cost        {kept}: {} {currency}, of that {} for storage until the new dates and {} for moving locks",
            cost.total(),
            cost.storage,
            cost.requests,
            currency = cost.currency
        ),
    })?;
    Ok(())
}

/// Reads a plan and makes it again from the archive as it is now: refused if anything moved.
fn again(
    file: &Path,
    place: &Place,
    log: &mut Log,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<plan::Plan, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        let message = format!("cannot read `{}`: {error}", file.display());
        Failure::input(message, "name the plan that `strongroom policy plan --output FILE` wrote")
    })?;
    let next = "make a new plan with `strongroom policy plan` and have it approved";
    let basis = plan::Plan::read(&bytes).map_err(|error| {
        Failure::input(format!("`{}` is no plan: {error}", file.display()), next)
    })?;
    let (set, as_of) = (&basis.set, basis.as_of);
    if set.policy != candidate.digest {
        return Err(Failure::input("the plan is of another policy file", next));
    }
    if timestamp(set.expires_at) < now {
        let message = format!("the plan's approvals counted until {}", set.expires_at);
        return Err(Failure::input(message, next));
    }
    if timestamp(as_of) > now {
        return Err(Failure::input(format!("the plan is of {as_of}, which is to come"), next));
    }
    if candidate.setting(timestamp(as_of))? != *set {
        return Err(Failure::input("the plan says of the policy what its file does not say", next));
    }
    if basis.size > log.state().size() || basis.claims > log.state().next_claim().seq {
        return Err(Failure::input("the plan is of entries that this log does not have", next));
    }
    log.load_all_pages()?;
    let (settling, size) = (log.settling(), basis.size);
    let sealed_before = |segment: &LiveSegment| {
        !settling.may_claim(timestamp(segment.settle_until), timestamp(as_of))
    };
    if log.state().segments().any(|segment| segment.index >= size && sealed_before(segment)) {
        return Err(Failure::input("the plan leaves out what was sealed before it", next));
    }
    let made = make(place, log, candidate, basis)?;
    if made.to_json().to_canonical() != bytes {
        return Err(Failure::input("the archive is not as it was when the plan was made", next));
    }
    Ok(made)
}

pub(super) fn approve(arguments: &Approve, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let candidate = Candidate::read(&arguments.policy, &arguments.law, &log, now)?;
    let plan = again(&arguments.plan, &place, &mut log, &candidate, now)?;
    show(&plan)?;
    let kind = EntryKind::PolicySet(Box::new(plan.entry()));
    let (keys, digest) = (place.keys()?, Digest::of(&kind.statement(log.state().archive_id())));
    let signers = |log: &Log| -> Result<Vec<OfficerId>, Failure> {
        let waiting = pending(log, &keys)?.into_iter().find(|one| one.digest == digest);
        let signed = waiting.map(|one| one.signatures()).unwrap_or_default();
        Ok(signed.iter().map(|signed| signed.officer).collect())
    };
    if let Some(officer) = &arguments.signing.officer
        && signers(&log)?.contains(officer)
    {
        return Err(ActError::Twice(officer.clone()).into());
    }
    let outcome = arguments.signing.approve(&mut log, &kind, place.url.file_path(), machine)?;
    let code = report(outcome, "plan")?;
    let by: Vec<String> = signers(&log)?.iter().map(ToString::to_string).collect();
    output::line(format!("signed      {}", by.join(", ")))?;
    output::line(format!(
        "next        with two officers in two roles: strongroom policy apply {} --policy {} --to {}",
        arguments.plan.display(),
        arguments.policy.display(),
        place.to()
    ))?;
    Ok(code)
}

pub(super) fn apply(arguments: &Apply, machine: &Machine) -> Result<u8, Failure> {
    let (place, mut log) = open(&arguments.target, machine)?;
    let now = log.store().now()?;
    let candidate = Candidate::read(&arguments.policy, &arguments.law, &log, now)?;
    let plan = again(&arguments.plan, &place, &mut log, &candidate, now)?;
    let irreversible = plan.lasting.count();
    if irreversible > 0 && arguments.confirm_count != Some(irreversible) {
        let message = format!("{irreversible} locks would be moved that nobody can undo");
        let next = format!("if that is meant, give `--confirm-count {irreversible}`");
        return Err(Failure::input(message, next));
    }
    let keys = place.keys()?;
    let kind = EntryKind::PolicySet(Box::new(plan.entry()));
    let digest = Digest::of(&kind.statement(log.state().archive_id()));
    let approved = pending(&log, &keys)?.into_iter().find(|one| one.digest == digest);
    let signatures = approved.map(|one| one.signatures()).unwrap_or_default();
    // A crash here leaves documents that no entry names; the next who applies finds them there.
    Document::Catalogue.store(&log, arguments.law.text()?.as_bytes())?;
    Document::Policy.store(&log, candidate.text.as_bytes())?;
    let mut fill = machine.fill;
    if let Some(reason) = enter(&mut log, kind.with_signatures(signatures), &mut fill)? {
        let next = "have it approved with `strongroom policy approve` by two officers in two roles";
        return Err(Failure { next: Some(next.to_owned()), ..ActError::Void(reason).into() });
    }
    let record = log.state().policies().last().map(|record| record.policy);
    if record != Some(candidate.digest) {
        output::complain("another policy was set in this moment", None);
        return Ok(EXIT_FINDING);
    }
    output::line(format!(
        "policy      version {} is entered, in force from {}",
        plan.basis.set.version, plan.basis.set.effective
    ))?;
    output::line(format!("next        strongroom sweep --duty lock --to {}", place.to()))?;
    Ok(EXIT_DONE)
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Log(error) => error.into(),
            PlanError::Prices(error) => error.into(),
        }
    }
}

impl From<PriceError> for Failure {
    fn from(error: PriceError) -> Self {
        Self::input(error.to_string(), "correct the table of prices, or name another")
    }
}
