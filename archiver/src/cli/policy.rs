//! `strongroom policy`

mod check;
mod explain;
mod plan;
mod regulations;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::policy::{Checked, Code, Complaint, Context, Policy};

use super::{Failure, Machine};
use crate::document::MAX_DOCUMENT_BYTES;
use crate::named_file::read_text;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find everything that is wrong with a policy file; no archive is needed
    Check(check::Arguments),
    /// Show what a policy would change in an archive, and write it down for approval
    Plan(plan::Plan),
    /// Sign a plan; it takes two officers in two roles
    Approve(plan::Approve),
    /// Put a plan that two officers signed in force
    Apply(plan::Apply),
    /// Show the policies of an archive
    Show(show::Arguments),
    /// Show until when something is kept, by every rule, and why
    Explain(explain::Arguments),
    /// Show the rules of the catalogue; not legal advice
    Regulations(regulations::Arguments),
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, machine),
        Command::Plan(arguments) => plan::plan(arguments, machine),
        Command::Approve(arguments) => plan::approve(arguments, machine),
        Command::Apply(arguments) => plan::apply(arguments, machine),
        Command::Show(arguments) => show::run(arguments, machine),
        Command::Explain(arguments) => explain::run(arguments, machine),
        Command::Regulations(arguments) => regulations::run(arguments),
    }
}

/// The rules that policies cite.
#[derive(Args, Clone, Debug)]
struct Law {
    /// Catalogue of regulations in place of the one that comes with the program
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

impl Law {
    /// The catalogue's text, which its digest is over.
    fn text(&self) -> Result<String, Failure> {
        match &self.catalogue {
            None => Ok(Catalogue::shipped_text().to_owned()),
            Some(path) => read(path),
        }
    }

    fn read(&self) -> Result<Arc<Catalogue>, Failure> {
        self.parse(&self.text()?)
    }

    fn parse(&self, text: &str) -> Result<Arc<Catalogue>, Failure> {
        let next = "name a catalogue in the form of `strongroom policy regulations --yaml`";
        let parsed = Catalogue::parse(text).map_err(|error| {
            let name = self.catalogue.as_ref().map(|path| format!("`{}`: ", path.display()));
            Failure::input(format!("{}{error}", name.unwrap_or_default()), next)
        });
        Ok(Arc::new(parsed?))
    }
}

/// The rules of policies that may pin different catalogues.
#[derive(Args, Clone, Debug)]
struct Laws {
    /// A catalogue that a policy pins by its digest, beside the one that comes with the program
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<PathBuf>,
}

impl Laws {
    /// Those that are given, and the program's own.
    fn read(&self) -> Result<Vec<Arc<Catalogue>>, Failure> {
        let given = self.catalogue.iter().cloned().map(Some);
        given.chain([None]).map(|catalogue| Law { catalogue }.read()).collect()
    }
}

/// Checks a policy against the catalogue that it pins. Where it pins none of them, the complaints
/// are those against the first.
fn check_pinned(
    text: &str,
    now: Timestamp,
    previous: Option<(u64, Digest)>,
    catalogues: &[Arc<Catalogue>],
) -> Result<(Checked, Arc<Catalogue>), Vec<Complaint>> {
    let mut first = None;
    for catalogue in catalogues {
        match Policy::check(text, &Context { now, previous, catalogue }) {
            Ok(checked) => return Ok((checked, Arc::clone(catalogue))),
            Err(complaints) if complaints.iter().any(is_unpinned) => {
                first.get_or_insert(complaints);
            }
            Err(complaints) => return Err(complaints),
        }
    }
    Err(first.unwrap_or_default())
}

fn is_unpinned(complaint: &Complaint) -> bool {
    complaint.code == Code::CatalogueNotPinned
}

/// Reads a policy, a catalogue or facts: what no archive could store is not read.
fn read(path: &Path) -> Result<String, Failure> {
    let next = "name another file: a policy, a catalogue or facts";
    read_text(path, MAX_DOCUMENT_BYTES)
        .map_err(|error| Failure::input(format!("cannot read `{}`: {error}", path.display()), next))
}
