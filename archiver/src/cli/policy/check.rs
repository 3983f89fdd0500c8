//! `strongroom policy check`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_retention::catalogue::Catalogue;
use strongroom_retention::policy::Complaint;

use super::{Laws, check_pinned, read};
use crate::cli::{EXIT_DONE, EXIT_INPUT, Failure, Machine, output};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The policy file
    file: PathBuf,
    /// The policy file that it takes the place of
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    laws: Laws,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let catalogues = arguments.laws.read()?;
    let policy = read(&arguments.file)?;
    let previous = match &arguments.previous {
        None => None,
        Some(path) => Some(previous(path, &catalogues)?),
    };
    let checked = check_pinned(&policy, (machine.now)(), previous, &catalogues);
    let checked = checked.map(|(checked, _)| checked);
    let (complaints, advice) = match &checked {
        Ok(checked) => (&[][..], &checked.advice[..]),
        Err(complaints) => (&complaints[..], &[][..]),
    };
    if arguments.json {
        output::json(&object([
            ("advice", array(advice.iter().map(describe))),
            ("complaints", array(complaints.iter().map(describe))),
            ("digest", text(Digest::of(policy.as_bytes()))),
            ("file", arguments.file.display().to_string().into()),
            ("ok", complaints.is_empty().into()),
        ]))?;
    } else {
        let name = arguments.file.display();
        for complaint in complaints.iter().chain(advice) {
            output::line(format!("{name}:{complaint}"))?;
        }
        match &checked {
            Ok(checked) => {
                let streams = u64::try_from(checked.policy.streams.len()).unwrap_or(u64::MAX);
                output::line(format!(
                    "{name}: version {}, {}, in force from {}: no complaint",
                    checked.policy.version,
                    output::counted(streams, "stream", "streams"),
                    checked.policy.effective
                ))?;
                output::line(format!("digest sha256:{}", checked.digest))?;
            }
            Err(complaints) => {
                let count = u64::try_from(complaints.len()).unwrap_or(u64::MAX);
                let message = output::counted(count, "complaint", "complaints");
                let next = "retention/POLICY.md explains every code";
                output::complain(&format!("`{name}`: {message}"), Some(next));
            }
        }
    }
    Ok(if complaints.is_empty() { EXIT_DONE } else { EXIT_INPUT })
}

/// Version and digest of the policy before: its text alone says them.
fn previous(path: &Path, catalogues: &[Arc<Catalogue>]) -> Result<(u64, Digest), Failure> {
    let policy = read(path)?;
    match check_pinned(&policy, Timestamp::UNIX_EPOCH, None, catalogues) {
        Ok((checked, _)) => Ok((checked.policy.version, checked.digest)),
        Err(complaints) => {
            let first = complaints.first().map(ToString::to_string).unwrap_or_default();
            let message = format!("`{}` is no policy: {first}", path.display());
            Err(Failure::input(message, "name the policy that is in force with `--previous FILE`"))
        }
    }
}

fn describe(complaint: &Complaint) -> Value {
    object([
        ("code", complaint.code.as_str().into()),
        ("column", number(complaint.column)),
        ("line", number(complaint.line)),
        ("message", complaint.message.as_str().into()),
        ("path", complaint.path.as_str().into()),
        ("write", complaint.write.as_str().into()),
    ])
}

fn number(count: usize) -> Value {
    u64::try_from(count).unwrap_or(u64::MAX).into()
}
