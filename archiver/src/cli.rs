//! The command line: what users type, what they see, and the exit code.

mod archive;
mod cat;
mod clock;
mod disposition;
#[cfg(feature = "s3")]
mod doctor;
mod duties;
mod hold;
mod init;
mod officers;
mod output;
mod policy;
mod quickstart;
mod report;
mod signing;
mod status;
mod stream;
mod sweep;
mod target;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

use crate::archive::ArchiveError;
use crate::log::{KeyError, LogError};
use crate::policies::PolicyError;
use crate::settings::SettingsError;
use crate::source::SourceError;
use crate::store::{ErrorKind, StoreError};

/// Done.
pub const EXIT_DONE: u8 = 0;
/// A finding, or a part failed.
pub const EXIT_FINDING: u8 = 1;
/// Bad usage or input; or refused: the archive as it stands, or its officers, do not let it.
pub const EXIT_INPUT: u8 = 2;
/// Nothing was acknowledged: try again.
pub const EXIT_AGAIN: u8 = 75;

/// Most threads of a run.
const MAX_THREADS: usize = 256;

/// What the program may use of the machine, beside files.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The clock.
    pub now: fn() -> jiff::Timestamp,
    /// The system's entropy.
    pub fill: fn(&mut [u8]),
    /// Set by SIGTERM and SIGINT.
    pub stop: Arc<AtomicBool>,
}

/// An archive for audit events: sealed, provable, kept under lock for as long as the law says.
#[derive(Debug, Parser)]
#[command(
    name = "strongroom",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 a finding or a part failed, 2 bad usage or input, or refused as the archive stands, 75 nothing acknowledged, try again"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sample events, sealed, verified and shown: no set-up, embedded store
    Quickstart(quickstart::Arguments),
    /// Create an archive: its store, keys and log
    Init(init::Arguments),
    #[cfg(feature = "s3")]
    /// Try every capability that the archive relies on, on canaries in the store
    Doctor(doctor::Arguments),
    /// Show who may do what with the bucket, or print the policies that follow
    Duties(duties::Arguments),
    /// Seal what is new in all sources
    Archive(archive::Arguments),
    /// Extend locks that are about to lapse; delete what no run ever claimed; set and lift hold flags
    Sweep(sweep::Arguments),
    /// Check the archive from outside: log, objects, locks; with --deep every record
    Verify(verify::Arguments),
    /// Show the archive's head, segments and how far each origin is sealed
    Status(status::Arguments),
    /// Check policies, put them in force, and see what they decide
    Policy(policy::Arguments),
    /// Hold segments for a matter, whatever their dates say, and release them
    Hold(hold::Arguments),
    /// Record what happened that periods count from
    Clock(clock::Arguments),
    /// Destroy what may go: proposed, reviewed, approved, certified
    Disposition(disposition::Arguments),
    /// Show and set who decides
    Officers(officers::Arguments),
    /// Report as of an instant what is kept, held, covered, destroyed, and what it costs
    Report(report::Arguments),
    /// Print records as they came: a segment's, or a whole origin byte for byte
    Cat(cat::Arguments),
}

/// Reads a number of threads.
fn threads(text: &str) -> Result<usize, String> {
    let range = 1..=MAX_THREADS;
    let threads = text.parse().ok().filter(|threads| range.contains(threads));
    threads.ok_or_else(|| format!("expected 1 to {MAX_THREADS}"))
}

/// Why a command ends without having done its work, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    /// The next step.
    next: Option<String>,
}

impl Failure {
    fn input(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code: EXIT_INPUT, message: message.into(), next: Some(next.into()) }
    }
}

/// Runs a command.
pub fn run(arguments: impl IntoIterator<Item = OsString>, machine: &Machine) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap knows which stream each belongs on.
            let code = if error.use_stderr() { EXIT_INPUT } else { EXIT_DONE };
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::from(EXIT_INPUT)
            };
        }
    };
    let done = match arguments.command {
        Command::Quickstart(arguments) => quickstart::run(&arguments, machine),
        Command::Init(arguments) => init::run(&arguments, machine),
        #[cfg(feature = "s3")]
        Command::Doctor(arguments) => doctor::run(&arguments, machine),
        Command::Duties(arguments) => duties::run(&arguments),
        Command::Archive(arguments) => archive::run(&arguments, machine),
        Command::Sweep(arguments) => sweep::run(&arguments, machine),
        Command::Verify(arguments) => verify::run(&arguments, machine),
        Command::Status(arguments) => status::run(&arguments, machine),
        Command::Policy(arguments) => policy::run(&arguments, machine),
        Command::Hold(arguments) => hold::run(&arguments, machine),
        Command::Clock(arguments) => clock::run(&arguments, machine),
        Command::Disposition(arguments) => disposition::run(&arguments, machine),
        Command::Officers(arguments) => officers::run(&arguments, machine),
        Command::Report(arguments) => report::run(&arguments, machine),
        Command::Cat(arguments) => cat::run(&arguments, machine),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure.message, failure.next.as_deref());
            ExitCode::from(failure.code)
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Whoever read the output has seen enough.
        let code =
            if error.kind() == std::io::ErrorKind::BrokenPipe { EXIT_DONE } else { EXIT_INPUT };
        let message = if code == EXIT_DONE {
            String::new()
        } else {
            format!("cannot write the output: {error}")
        };
        Self { code, message, next: None }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, next) = match error.kind() {
            ErrorKind::Retry => {
                let next = if matches!(error, StoreError::Full { .. }) {
                    "nothing was acknowledged: free space, then run again"
                } else {
                    "nothing was acknowledged: run again later"
                };
                (EXIT_AGAIN, Some(next))
            }
            ErrorKind::ReadBack | ErrorKind::FixData => {
                (EXIT_FINDING, Some("run `strongroom verify --deep` to see what is damaged"))
            }
            ErrorKind::Refused => (
                EXIT_INPUT,
                Some(
                    "check credentials and permissions: `strongroom doctor --duty NAME` tries them, `strongroom duties` prints policies",
                ),
            ),
            ErrorKind::Unidentified => (
                EXIT_INPUT,
                Some(
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile (`profile=NAME` in the store's address, or AWS_PROFILE), or run where a web identity, a container or an instance has a role",
                ),
            ),
            ErrorKind::DistrustStore => (
                EXIT_INPUT,
                Some(
                    "nothing was acknowledged: run `strongroom doctor` to see what the store does",
                ),
            ),
            ErrorKind::Missing | ErrorKind::FixInput => (EXIT_INPUT, None),
        };
        Self { code, message: error.to_string(), next: next.map(str::to_owned) }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let message = error.to_string();
        let (code, next) = match error {
            LogError::Store(error) => return error.into(),
            LogError::Missing(ref store) => (
                EXIT_INPUT,
                Some(if store.starts_with("file:") {
                    target::create(store)
                } else {
                    format!("check bucket and prefix; {}", target::create(store))
                }),
            ),
            LogError::Key(KeyError::Missing(_)) => (
                EXIT_INPUT,
                Some("put the object back from a copy of the store; `strongroom verify` names what else is missing".into()),
            ),
            LogError::WrongKey { .. } | LogError::Key(KeyError::Wrapped { .. }) => {
                (EXIT_INPUT, Some("give the archive's own key with `--key FILE`".into()))
            }
            LogError::Opening(_) => (
                EXIT_FINDING,
                Some("somebody began another log in this store: run `strongroom verify --deep`, and write nothing more to it".into()),
            ),
            LogError::Moved { .. } => (
                EXIT_INPUT,
                Some(
                    "mount or link it where the log says it is; `verify` and `cat` also work on a copy"
                        .into(),
                ),
            ),
            LogError::Clock { .. } | LogError::Newer(_) | LogError::UnknownCritical(_) => {
                (EXIT_AGAIN, None)
            }
            LogError::Fold(strongroom_crypto::state::FoldError::Reader { .. }) => {
                (EXIT_AGAIN, Some("use a newer version of strongroom".into()))
            }
            LogError::Unconfirmed { .. } => {
                (EXIT_AGAIN, Some("nothing was acknowledged: run again".into()))
            }
            LogError::Claim(_)
            | LogError::Fold(_)
            | LogError::Snapshot(_)
            | LogError::Damaged { .. }
            | LogError::Derived { .. } => {
                (EXIT_FINDING, Some("run `strongroom verify` to see what is damaged".into()))
            }
        };
        Self { code, message, next }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Partly { events, source } => Self {
                code: EXIT_FINDING,
                next: Some(format!(
                    "{events} events were sealed before that: run again for the rest"
                )),
                ..Self::from(*source)
            },
            ArchiveError::Log(error) => error.into(),
            ArchiveError::Source(error) => error.into(),
            ArchiveError::Policy(error) => error.into(),
            ArchiveError::Contended => Self {
                code: EXIT_AGAIN,
                message: error.to_string(),
                next: Some("run again".into()),
            },
            ArchiveError::Encode(_)
            | ArchiveError::Append(_)
            | ArchiveError::Format(_)
            | ArchiveError::Worker(_) => {
                Self { code: EXIT_FINDING, message: error.to_string(), next: None }
            }
        }
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Log(error) => error.into(),
            error @ PolicyError::Differs { .. } => Self {
                code: EXIT_FINDING,
                message: error.to_string(),
                next: Some(
                    "run `strongroom verify`, and ask the officers who signed the entry".into(),
                ),
            },
            error @ PolicyError::Unusable { .. } => Self {
                code: EXIT_AGAIN,
                message: error.to_string(),
                next: Some("use a newer version of strongroom".into()),
            },
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let next = match error {
            SourceError::UnknownFormat { .. } => {
                Some("give one of these with `--format`, or leave it out")
            }
            SourceError::StartRule { .. } => {
                Some("give a regular expression with `--multiline-start`")
            }
            // The message says what to do.
            SourceError::SameOrigin { .. } => None,
            _ => Some("check the paths to archive"),
        };
        Self { code: EXIT_INPUT, message: error.to_string(), next: next.map(str::to_owned) }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self {
            code: EXIT_INPUT,
            message: error.to_string(),
            next: Some("correct the configuration".into()),
        }
    }
}
