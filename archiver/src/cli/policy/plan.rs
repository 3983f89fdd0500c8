//! `strongroom policy plan`, `approve` and `apply`

mod shown;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::json::{array, text};
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::state::{LiveSegment, PolicyRecord, State};
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::period::{Counting, Cutoff};
use strongroom_retention::policy::{Checked, Complaint, Context, Policy};
use strongroom_retention::schedule::Dated;

use super::{Law, read};
use crate::act::{ActError, enter, pending};
use crate::cli::officers::open;
use crate::cli::signing::{Act, Done, Outcome, Signing, Stop};
use crate::cli::target::{Place, Target};
use crate::cli::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::disposition::execute::MAX_CLOCK_DIFFERENCE;
use crate::document::Document;
use crate::log::{Log, instant, timestamp};
use crate::named_file;
use crate::plan::{self, Basis, Change, MAX_PLAN_BYTES, PlanError, Setting};
use crate::prices::{PriceError, Prices};
use crate::terms::Terms;
use shown::show;

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
    /// Write the objects here whose locks nobody could undo, one on each line with its bytes and its date;
    /// the plan has the digest of this list
    #[arg(long, value_name = "FILE")]
    objects: Option<PathBuf>,
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
    /// How many locks nobody can undo and segments that go without approval: the number that the plan shows, where it
    /// is not 0
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
    /// The text of the catalogue.
    law: String,
    advice: Vec<Complaint>,
}

impl Candidate {
    fn read(file: &Path, law: &Law, log: &Log, now: Timestamp) -> Result<Self, Failure> {
        let law_text = law.text()?;
        let (catalogue, text) = (law.parse(&law_text)?, read(file)?);
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
        Ok(Self { text, policy: Arc::new(policy), digest, catalogue, law: law_text, advice })
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
    let text = Prices::read_text(path)?;
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
    if let Some(path) = &arguments.objects {
        write_new(path, &plan.lasting.listed())?;
    }
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
    if let Some(path) = &arguments.objects {
        let lines = output::counted(plan.lasting.count(), "line", "lines");
        let digest = plan.lasting.digest();
        output::line(format!("objects     {} has {lines}, sha256:{digest}", path.display()))?;
    }
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

/// Writes a file that is not there yet: a list that somebody looks at is not replaced.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::input(message, "name a file that is not there yet with `--objects FILE`")
    })
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

/// A plan as its file has it.
struct Written {
    bytes: Vec<u8>,
    basis: Basis,
}

/// What to do about a plan that cannot be used.
const AGAIN: &str = "make a new plan with `strongroom policy plan` and have it approved";

impl Written {
    fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = named_file::read(file, MAX_PLAN_BYTES).map_err(|error| {
            let next = "name the plan that `strongroom policy plan --output FILE` wrote";
            Failure::input(format!("cannot read `{}`: {error}", file.display()), next)
        })?;
        let basis = plan::Plan::read(&bytes).map_err(|error| {
            Failure::input(format!("`{}` is no plan: {error}", file.display()), AGAIN)
        })?;
        Ok(Self { bytes, basis })
    }

    /// What the plan leads to.
    fn entry(&self) -> EntryKind {
        EntryKind::PolicySet(Box::new(self.basis.set.entry(Digest::of(&self.bytes))))
    }

    /// Makes the plan again from the archive as it is now: refused if anything moved.
    fn again(
        &self,
        place: &Place,
        log: &mut Log,
        (file, law): (&Path, &Law),
        now: Timestamp,
    ) -> Result<(plan::Plan, Candidate), Stop> {
        let refused = |message: &str| Stop::Refused(Failure::input(message, AGAIN));
        let Basis { set, as_of, claims, size, .. } = &self.basis;
        if timestamp(set.expires_at) < now {
            return Err(refused(&format!("the plan's approvals counted until {}", set.expires_at)));
        }
        // A store tells the time to the second, and never quite the same to two who ask.
        if timestamp(*as_of).duration_since(now) > MAX_CLOCK_DIFFERENCE {
            return Err(refused(&format!("the plan is of {as_of}, which is to come")));
        }
        let newest = log.state().policies().last().map(|record| record.policy);
        if set.supersedes != newest {
            return Err(refused("another policy was set since the plan was made"));
        }
        let candidate = Candidate::read(file, law, log, now)?;
        if set.policy != candidate.digest {
            return Err(refused("the plan is of another policy file"));
        }
        if candidate.setting(timestamp(*as_of))? != *set {
            return Err(refused("the plan says of the policy what its file does not say"));
        }
        if *size > log.state().size() || *claims > log.state().next_claim().seq {
            return Err(refused("the plan is of entries that this log does not have"));
        }
        log.load_all_pages().map_err(Failure::from)?;
        let settling = log.settling();
        let left_out = |segment: &LiveSegment| {
            let settled = timestamp(segment.settle_until);
            segment.index >= *size && !settling.may_claim(settled, timestamp(*as_of))
        };
        if log.state().segments().any(left_out) {
            return Err(refused("the plan leaves out what was sealed before it"));
        }
        let made = make(place, log, &candidate, self.basis.clone())?;
        if made.to_json().to_canonical() != self.bytes {
            return Err(refused("the archive is not as it was when the plan was made"));
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
    let done = arguments.signing.approve(&mut act, None, |log| {
        let (plan, _) = written.again(&place, log, about, now)?;
        if arguments.signing.json { Ok(()) } else { Ok(show(&plan)?) }
    })?;
    let waiting = pending(&log, &keys)?.into_iter().find(|one| Some(one.digest) == done.digest);
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
    let known = |record: &&PolicyRecord| record.policy == written.basis.set.policy;
    if let Some(record) = log.state().policies().iter().find(known) {
        return applied(&kind, log.state(), record, arguments.json);
    }
    let (plan, candidate) = match written.again(&place, &mut log, about, now) {
        Ok(made) => made,
        Err(Stop::Failed(failure)) => return Err(failure),
        Err(Stop::Refused(failure)) => {
            let mut act = Act { log: &mut log, place: &place, kind: &kind, machine };
            return Err(act.refused(None, false, failure));
        }
    };
    let (irreversible, locks) = (plan.irreversible(), plan.lasting.count());
    if irreversible > 0 && arguments.confirm_count != Some(irreversible) {
        let message = match irreversible - locks {
            0 => format!("{locks} locks would be moved that nobody can undo"),
            gone => format!(
                "{locks} locks would be moved that nobody can undo, and {gone} segments go without approval"
            ),
        };
        let next = format!("if that is meant, give `--confirm-count {irreversible}`");
        return Err(Failure::input(message, next));
    }
    let keys = place.keys()?;
    let digest = Digest::of(&kind.statement(log.state().archive_id()));
    let approved = pending(&log, &keys)?.into_iter().find(|one| one.digest == digest);
    let signatures = approved.map(|one| one.signatures()).unwrap_or_default();
    // A crash here leaves documents that no entry names; the next who applies finds them there.
    let law = Document::Catalogue.store(&log, candidate.law.as_bytes())?;
    let policy = Document::Policy.store(&log, candidate.text.as_bytes())?;
    let set = &plan.basis.set;
    if (law, policy) != (set.catalogue, set.policy) {
        return Err(Failure::input("what was stored is not what the plan names", AGAIN));
    }
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
    let done = Done { act, digest: Some(digest), entry, officer, outcome: Outcome::Entered };
    let more = [("effective", text(set.effective)), ("version", set.version.into())];
    let next = format!("strongroom sweep --duty lock --to {}", place.to());
    if !arguments.json {
        let (version, from) = (set.version, set.effective);
        output::line(format!("policy      version {version} is entered, in force from {from}"))?;
    }
    done.report(arguments.json, Some(next), more)
}

/// Says that a policy was entered before: whoever repeats the command changes nothing.
fn applied(
    kind: &EntryKind,
    state: &State,
    record: &PolicyRecord,
    json: bool,
) -> Result<u8, Failure> {
    let (act, digest) = (kind.as_str().to_owned(), Digest::of(&kind.statement(state.archive_id())));
    if !json {
        output::line(format!("policy      version {} was entered before", record.version))?;
    }
    let outcome = Outcome::Entered;
    let done =
        Done { act, digest: Some(digest), entry: Some(record.index), officer: None, outcome };
    let more = [("effective", text(record.effective)), ("version", record.version.into())];
    done.report(json, None, more)
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Log(error) => error.into(),
            PlanError::Prices(error) => error.into(),
            PlanError::TooLong { .. } => {
                let next = "a plan names every stream: seal new ones into another archive";
                Self::input(error.to_string(), next)
            }
        }
    }
}

impl From<PriceError> for Failure {
    fn from(error: PriceError) -> Self {
        Self::input(error.to_string(), "correct the table of prices, or name another")
    }
}
