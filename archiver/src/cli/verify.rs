//! `strongroom verify`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::checkpoint::Checkpoint;
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::note::{MAX_NOTE_BYTES, VerifierKey};

use super::target::{Place, Target};
use super::{EXIT_DONE, EXIT_FINDING, Failure, Machine, output};
use crate::log::{Keyring, LogError};
use crate::verify::{
    ALARM, Contents, Finding, Keeping, MODE, Mark, Modes, Options, Report, Verdict, VerifyError,
    verify,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Also decrypt every segment and recompute every leaf; needs the key. Without it segments are hashed, not opened
    #[arg(long)]
    deep: bool,
    /// Verifier key of the log, from a source you trust; without it the key file's is used
    #[arg(long, value_name = "VKEY")]
    vkey: Option<String>,
    /// Digest of the log's first entry, which `init` printed as log.open: with the vkey it says which log this must be
    #[arg(long, value_name = "HEX")]
    log_open: Option<String>,
    /// A checkpoint that you kept earlier: fails if the log was rolled back or forked since
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Segments checked side by side
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What the auditor knows of the log beforehand.
struct Known {
    vkey: VerifierKey,
    log_open: Option<Digest>,
    checkpoint: Option<Checkpoint>,
    keys: Option<Arc<KeyFile>>,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    let known = Known::gather(arguments, &place)?;
    let (deep, threads, json) = (arguments.deep, arguments.threads, arguments.json);
    let report = examine(&place, machine, &known, deep, threads, json)?;
    if json {
        output::json(&report.to_json())?;
    } else {
        print(&report)?;
    }
    if report.interrupted {
        output::complain("interrupted: this is no verdict on the archive", Some("run it again"));
    }
    Ok(if report.verdict == Verdict::Pass { EXIT_DONE } else { EXIT_FINDING })
}

/// Checks an archive under its key file's own vkey.
pub(super) fn check(place: &Place, machine: &Machine, deep: bool) -> Result<Report, Failure> {
    let keys = place.keys()?;
    let vkey = keys.log().verifier().clone();
    let known = Known { vkey, log_open: None, checkpoint: None, keys: Some(keys) };
    examine(place, machine, &known, deep, 2, false)
}

impl Known {
    fn gather(arguments: &Arguments, place: &Place) -> Result<Self, Failure> {
        let keys = match (arguments.deep, &arguments.vkey) {
            (true, _) => Some(place.keys()?),
            (false, Some(_)) => None,
            (false, None) => Some(place.keys().map_err(|failure| Failure {
                next: Some("an auditor needs no key: give the log's verifier key with `--vkey`, and `--log-open`".to_owned()),
                ..failure
            })?),
        };
        let vkey = match (&arguments.vkey, &keys) {
            (Some(text), _) => text.parse().map_err(|error| {
                Failure::input(
                    format!("`--vkey`: {error}"),
                    "give the line that `strongroom init` printed as vkey",
                )
            })?,
            (None, Some(keys)) => keys.log().verifier().clone(),
            (None, None) => place.keys()?.log().verifier().clone(),
        };
        let log_open = arguments.log_open.as_deref().map(str::parse).transpose();
        let log_open = log_open.map_err(|error| {
            Failure::input(
                format!("`--log-open`: {error}"),
                "give the digest that `strongroom init` printed as log.open",
            )
        })?;
        let kept = arguments.checkpoint.as_deref().map(|path| read_checkpoint(path, &vkey));
        let checkpoint = kept.transpose()?;
        Ok(Self { vkey, log_open, checkpoint, keys })
    }
}

/// Reads the signed note that an auditor kept.
fn read_checkpoint(path: &Path, vkey: &VerifierKey) -> Result<Checkpoint, Failure> {
    use std::io::Read as _;
    let next =
        "give a copy of `log/checkpoint` that you kept from an earlier verification of this log";
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::input(format!("`--checkpoint {}`: {error}", path.display()), next)
    };
    let file = std::fs::File::open(path).map_err(|error| refuse(&error))?;
    // One byte more than a note has: what is longer is refused, and not read whole.
    let most = u64::try_from(MAX_NOTE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut note = Vec::new();
    file.take(most).read_to_end(&mut note).map_err(|error| refuse(&error))?;
    Checkpoint::open(&note, vkey).map_err(|error| refuse(&error))
}

fn examine(
    place: &Place,
    machine: &Machine,
    known: &Known,
    deep: bool,
    threads: usize,
    quiet: bool,
) -> Result<Report, Failure> {
    let store = place.store_read_only(machine)?;
    let keyring = known.keys.as_ref().filter(|_| deep);
    let keyring = keyring.map(|keys| Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(keys))));
    let bar = output::Bar::new("verify", quiet);
    let options = Options {
        vkey: &known.vkey,
        log_open: known.log_open,
        checkpoint: known.checkpoint.as_ref(),
        key_file: known.keys.as_deref(),
        keys: keyring.as_ref(),
        deep,
        threads,
        stop: &machine.stop,
        now: (machine.now)(),
    };
    Ok(verify(&*store, &options, &bar)?)
}

fn print(report: &Report) -> Result<(), Failure> {
    for mark in [Mark::Fail, Mark::NotProven] {
        report.marked(mark).try_for_each(print_finding)?;
    }
    for mark in [Mark::Pending, Mark::Lapsed, Mark::Rebuildable, Mark::Info] {
        for alarms in [true, false] {
            print_locks(report, mark, alarms)?;
        }
        let is_mode = |finding: &&Finding| finding.check == MODE;
        let others = report.marked(mark).filter(|finding| finding.lock_until.is_none());
        others.filter(|finding| !is_mode(finding)).try_for_each(print_finding)?;
        let modes: Vec<&Finding> = report.marked(mark).filter(is_mode).collect();
        match modes.as_slice() {
            [] => {}
            [only] => print_finding(only)?,
            [first, ..] => {
                let object = format!("{} segments, first {}", modes.len(), first.object);
                print_row(mark, MODE, &object, &first.detail)?;
            }
        }
    }
    let digest = |digest: Option<Digest>| {
        digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
    };
    output::line(format!("log.open    {}", digest(report.log_open_sha256)))?;
    let entries = output::counted(report.log_size, "entry", "entries");
    output::line(format!("log         {entries}, root {}", digest(report.root)))?;
    let (segments, events) = (output::count(report.segments), output::count(report.events));
    output::line(format!("segments    {segments}, {events} events"))?;
    if let Some(modes) = report.modes {
        output::line(format!("locks       {}", undoable(modes)))?;
    }
    if let Some(kept) = report.keeping.map(keeping).filter(|kept| !kept.is_empty()) {
        output::line(format!("retention   {kept}"))?;
    }
    output::line(format!("verdict     {} ({})", report.verdict, manner(report)))?;
    Ok(())
}

/// Who could still undo the locks, and when that was last tried.
fn undoable(modes: Modes) -> String {
    let Modes { governance, compliance, attested } = modes;
    let attested =
        attested.map_or_else(|| "none".to_owned(), |(index, at)| format!("entry {index} of {at}"));
    format!(
        "{} GOVERNANCE (whoever may bypass them can undo them), {} COMPLIANCE; last attestation {attested}",
        output::counted(governance, "object", "objects"),
        output::count(compliance)
    )
}

/// What a policy does not say, or cannot have.
fn keeping(keeping: Keeping) -> String {
    let counts = [
        (keeping.unclassified, "unclassified"),
        (keeping.labels_unknown, "of streams whose labels a policy asks for"),
        (keeping.mode_below_policy, "with locks of a mode below the policy's"),
        (keeping.locked_beyond_schedule, "locked beyond schedule"),
        (keeping.blocked, "BLOCKED"),
        (keeping.overdue, "OVERDUE"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let words = counts.map(|(count, what)| format!("{} {what}", output::count(count)));
    words.collect::<Vec<_>>().join(", ")
}

fn print_finding(finding: &Finding) -> Result<(), Failure> {
    print_row(finding.result, finding.check, &finding.object, &finding.detail)
}

fn print_row(mark: Mark, check: &str, object: &str, detail: &str) -> Result<(), Failure> {
    output::line(format!("{mark:<11} {check:<12} {object}  {detail}"))?;
    Ok(())
}

/// One line for all locks of a mark, and one for those that alarm: an archive has as many as objects, and they end
/// together.
fn print_locks(report: &Report, mark: Mark, alarms: bool) -> Result<(), Failure> {
    let is_of = |finding: &&Finding| {
        finding.lock_until.is_some() && finding.detail.starts_with(ALARM) == alarms
    };
    let locks = || report.marked(mark).filter(is_of);
    let Some(first) = locks().next() else { return Ok(()) };
    let count = locks().count();
    if count == 1 {
        return print_finding(first);
    }
    let ends = || locks().filter_map(|finding| finding.lock_until);
    let ends = ends().min().zip(ends().max());
    let (least, most) = ends.unwrap_or((Timestamp::MIN, Timestamp::MAX));
    let object = format!("{count} objects, first {}", first.object);
    let alarm = if alarms { ALARM } else { "" };
    let detail = match mark {
        Mark::Lapsed => format!("locks ended by {most}: run `archive` to set them anew"),
        _ => format!(
            "{alarm}locks end from {least} on: run `archive` or `sweep --duty lock` to move them on"
        ),
    };
    print_row(mark, first.check, &object, &detail)
}

/// What was verified, and what a reader of the verdict must not take for granted.
fn manner(report: &Report) -> String {
    let environment = report.environment.map_or_else(|| "unknown".to_owned(), |e| e.to_string());
    let contents = match report.contents {
        Contents::Unread => "contents not read",
        Contents::Hashed => "contents hashed, not opened",
        Contents::Opened if report.verdict == Verdict::Pass => "every record opened",
        Contents::Opened => "records opened",
    };
    let lapsed = u64::try_from(report.marked(Mark::Lapsed).count()).unwrap_or(u64::MAX);
    let lapsed = if lapsed == 0 {
        String::new()
    } else {
        format!("; {} lapsed", output::counted(lapsed, "lock", "locks"))
    };
    let interrupted = if report.interrupted { "interrupted; " } else { "" };
    let identified = if report.identified { "" } else { "; log.open not compared" };
    format!("{interrupted}{environment} environment; {contents}{identified}{lapsed}")
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let message = error.to_string();
        match error {
            VerifyError::Store(error) => error.into(),
            VerifyError::Missing(store) => LogError::Missing(store).into(),
            VerifyError::NoKeys | VerifyError::OtherKeys { .. } => {
                Self::input(message, "give the archive's own key with `--key FILE`")
            }
            VerifyError::Worker(_) | VerifyError::Interrupted => {
                Self { code: EXIT_FINDING, message, next: None }
            }
        }
    }
}
