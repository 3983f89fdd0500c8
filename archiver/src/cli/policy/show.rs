//! `strongroom policy show`

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::state::PolicyRecord;
use strongroom_crypto::time::Instant;

use crate::cli::officers::open_to_read;
use crate::cli::target::Target;
use crate::cli::{EXIT_DONE, Failure, Machine, output};
use crate::document::Document;
use crate::log::instant;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// As of this instant
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print the text of the policy in force
    #[arg(long, conflicts_with = "json")]
    yaml: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let (_, log) = open_to_read(&arguments.target, machine)?;
    let at = instant(arguments.at.unwrap_or_else(|| (machine.now)()));
    let state = log.state();
    let in_force = state.policy_in_force(at).filter(|record| record.approved <= at);
    if arguments.yaml {
        let Some(record) = in_force else {
            let next = "`strongroom policy plan` begins the approval of one";
            return Err(Failure::input("no policy is in force", next));
        };
        let bytes = Document::Policy.require(&**log.store(), log.covered(), record.policy)?;
        for line in String::from_utf8_lossy(&bytes).lines() {
            output::line(line)?;
        }
        return Ok(EXIT_DONE);
    }
    let standing = |record: &PolicyRecord| standing(record, in_force, at);
    if arguments.json {
        let policies = known(state.policies(), at).map(|record| describe(record, standing(record)));
        output::json(&object([
            ("at", text(at)),
            ("in_force", in_force.map(|record| text(record.policy)).into()),
            ("policies", array(policies)),
        ]))?;
        return Ok(EXIT_DONE);
    }
    if state.policies().is_empty() {
        output::line("no policy: every segment is unclassified, under a rolling settling lock")?;
    } else if in_force.is_none() {
        output::line(format!("no policy was in force at {at}"))?;
    }
    for record in known(state.policies(), at) {
        output::line(format!(
            "version {:<4} {:<10} from {}  entry {}  sha256:{}",
            record.version,
            standing(record),
            record.effective,
            record.index,
            record.policy
        ))?;
    }
    Ok(EXIT_DONE)
}

/// Those that were approved by then.
fn known(policies: &[PolicyRecord], at: Instant) -> impl Iterator<Item = &PolicyRecord> {
    policies.iter().filter(move |record| record.approved <= at)
}

fn standing(record: &PolicyRecord, in_force: Option<&PolicyRecord>, at: Instant) -> &'static str {
    match in_force {
        Some(current) if current.index == record.index => "in force",
        _ if record.effective > at => "pending",
        _ => "superseded",
    }
}

fn describe(record: &PolicyRecord, standing: &str) -> Value {
    object([
        ("approved", text(record.approved)),
        ("catalogue", text(record.catalogue)),
        ("effective", text(record.effective)),
        ("entry", record.index.into()),
        ("policy", text(record.policy)),
        ("pre_approved", array(record.pre_approved.iter().map(text))),
        ("roles", array(record.roles.iter().map(text))),
        ("standing", standing.into()),
        ("version", record.version.into()),
    ])
}
