//! How an officer signs on the command line.

mod done;

use std::path::{Path, PathBuf};

use clap::Args;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::name::{NameError, OfficerId};
use strongroom_crypto::officer::{OfficerKey, OfficerSignature};

use strongroom_crypto::keys::RolePublic;
use strongroom_crypto::state::Void;

use super::target::Place;
use super::{EXIT_INPUT, Failure, Machine};
use crate::act::refusal::Refusal;
use crate::act::{ActError, Signed, approve, sign, statement};
use crate::detail::{Detail, Unreadable};
use crate::log::Log;
use crate::named_file::read_text;
use crate::officer::{OfficerError, Signature, agent, detached, key_file};

pub(super) use done::{Done, Outcome};

/// How an archive without officers gets them.
pub(super) const FIRST_OFFICERS: &str = "write `strongroom officers add ID:ROLE:FILE ID:ROLE:FILE --statement FILE`, have one of them sign FILE with `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY FILE`, and enter it with the other's key: the same command with `--officer ID --officer-key KEY --with ID=FILE.sig`";

/// Longest public key in bytes: a line of `ssh-keygen -t ed25519` with a comment has about 100.
const MAX_PUBLIC_KEY_BYTES: usize = 4 << 10;

/// The environment variable that ssh-agent is found by.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Who signs, and with what.
#[derive(Args, Clone, Debug)]
pub(super) struct Signing {
    /// The officer's id
    #[arg(long, value_name = "ID")]
    pub(super) officer: Option<OfficerId>,
    /// The officer's OpenSSH key (Ed25519, without a passphrase)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agent", "signature"])]
    officer_key: Option<PathBuf>,
    /// Sign with the officer's key in ssh-agent
    #[arg(long, conflicts_with = "signature")]
    agent: bool,
    /// A signature made elsewhere: ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY STATEMENT
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Write what is to be signed to a file, and do nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["officer_key", "agent", "signature"])]
    statement: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// An act on its way into the log.
pub(super) struct Act<'a> {
    pub(super) log: &'a mut Log,
    pub(super) place: &'a Place,
    /// What would be entered.
    pub(super) kind: &'a EntryKind,
    pub(super) machine: &'a Machine,
}

/// Why an act does not go on.
pub(super) enum Stop {
    /// It is refused, which is recorded.
    Refused(Failure),
    /// Nobody can say yet.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Act<'_> {
    fn done(&self, officer: Option<&OfficerId>, outcome: Outcome) -> Result<Done, Failure> {
        let (_, digest) = statement(self.log, self.kind)?;
        let entered = outcome != Outcome::Written;
        Ok(Done {
            act: self.kind.as_str().to_owned(),
            digest: Some(digest),
            entry: entered.then(|| self.log.state().size().saturating_sub(1)),
            officer: officer.cloned(),
            outcome,
        })
    }

    /// Enters in the log that somebody was not let; the failure then says where.
    pub(super) fn refused(
        &mut self,
        officer: Option<&OfficerId>,
        signed: bool,
        failure: Failure,
    ) -> Failure {
        let refusal = Refusal { officer: officer.cloned(), signed, why: failure.message.clone() };
        let mut fill = self.machine.fill;
        let entered = self.place.keys().map_err(|error| error.message).and_then(|keys| {
            let entered = refusal.enter(self.log, &keys, self.kind, &mut fill);
            entered.map_err(|error| error.to_string())
        });
        let said = match entered {
            Ok(index) => format!("refused, recorded in entry {index}"),
            Err(error) => format!("refused, and that could not be recorded: {error}"),
        };
        Failure { message: format!("{} ({said})", failure.message), ..failure }
    }

    /// What becomes of an act that the log does not take.
    fn stopped(&mut self, officer: &OfficerId, error: ActError) -> Failure {
        let refusal = matches!(
            error,
            ActError::Twice(_)
                | ActError::SameRole(_)
                | ActError::NotAsked { .. }
                | ActError::Void(_)
        );
        if refusal { self.refused(Some(officer), true, error.into()) } else { error.into() }
    }
}

impl Signing {
    /// Signs an act and enters what that allows.
    pub(super) fn enter(&self, act: &mut Act<'_>) -> Result<Done, Failure> {
        let Some(signature) = self.signature(act)? else {
            return act.done(None, Outcome::Written);
        };
        let (keys, mut fill) = (act.place.keys()?, act.machine.fill);
        let officer = signature.officer.clone();
        let outcome = match sign(act.log, &keys, act.kind, signature, &mut fill) {
            Ok(Signed::Entered) => Outcome::Entered,
            Ok(Signed::Waiting) => Outcome::Waiting,
            Err(error) => return Err(act.stopped(&officer, error)),
        };
        act.done(Some(&officer), outcome)
    }

    /// Signs an act that is entered later by a command of its own, if a check does not stop it; with
    /// the reason, which is sealed. The signature comes first: then it is known who was refused.
    pub(super) fn approve(
        &self,
        act: &mut Act<'_>,
        reason: Option<&str>,
        check: impl Fn(&mut Log) -> Result<(), Stop>,
    ) -> Result<Done, Failure> {
        if self.statement.is_some() {
            match check(act.log) {
                Ok(()) => {}
                Err(Stop::Refused(failure) | Stop::Failed(failure)) => return Err(failure),
            }
        }
        let Some(signature) = self.signature(act)? else {
            return act.done(None, Outcome::Written);
        };
        let officer = signature.officer.clone();
        match check(act.log) {
            Ok(()) => {}
            Err(Stop::Refused(failure)) => return Err(act.refused(Some(&officer), true, failure)),
            Err(Stop::Failed(failure)) => return Err(failure),
        }
        let (keys, mut fill) = (act.place.keys()?, act.machine.fill);
        let seal =
            |reason: &str| Detail::Review.store(act.log, &keys, reason.as_bytes(), &mut fill);
        let reason = reason.map(seal).transpose()?;
        match approve(act.log, &keys, act.kind, signature, reason, &mut fill) {
            Ok(_) => act.done(Some(&officer), Outcome::Approved),
            Err(error) => Err(act.stopped(&officer, error)),
        }
    }

    /// Refuses a signature made elsewhere under a statement that is only made now, which nobody can
    /// have signed.
    pub(super) fn require_no_signature(&self) -> Result<(), Failure> {
        if self.signature.is_none() {
            return Ok(());
        }
        let next = "write the statement down with `--statement FILE`, sign it, and enter it with `strongroom officers sign --statement-file FILE --signature FILE.sig`";
        Err(Failure::input("the statement differs each time: a signature cannot be over it", next))
    }

    /// Whether the signature is made here, and not elsewhere.
    pub(super) fn signs_here(&self) -> bool {
        self.officer_key.is_some() || self.agent
    }

    /// The officer's signature; none if the statement was only to be written down.
    fn signature(&self, act: &mut Act<'_>) -> Result<Option<OfficerSignature>, Failure> {
        let (bytes, digest) = statement(act.log, act.kind)?;
        if let Some(path) = &self.statement {
            std::fs::write(path, &bytes).map_err(|error| {
                Failure::input(
                    format!("cannot write `{}`: {error}", path.display()),
                    "name another file with `--statement FILE`",
                )
            })?;
            return Ok(None);
        }
        let Some(officer) = &self.officer else {
            let next =
                "name the officer with `--officer ID`; `strongroom officers list` shows them";
            return Err(Failure::input("nobody was named who signs", next));
        };
        let Some(registered) = key_of(act.log, act.kind, officer)? else {
            let next = "`strongroom officers list` shows who is registered";
            let failure = Failure::input(format!("officer `{officer}` is not registered"), next);
            return Err(act.refused(Some(officer), false, failure));
        };
        let signature = match self.sign(digest, &registered, act.place.url.file_path()) {
            Ok(signature) => signature,
            Err(Stop::Refused(failure)) => return Err(act.refused(Some(officer), false, failure)),
            Err(Stop::Failed(failure)) => return Err(failure),
        };
        if *signature.key() != registered {
            let message =
                format!("the signature is not by the registered key of officer `{officer}`");
            let next = "sign with the key that `strongroom officers list` shows for the officer";
            let failure = Failure::input(message, next);
            return Err(act.refused(Some(officer), false, failure));
        }
        Ok(Some(OfficerSignature { officer: officer.clone(), sig: *signature.as_bytes() }))
    }

    fn sign(
        &self,
        digest: Digest,
        registered: &RolePublic,
        store: Option<&Path>,
    ) -> Result<Signature, Stop> {
        if let Some(path) = &self.officer_key {
            return Ok(key_file::sign(path, store, digest).map_err(Failure::from)?);
        }
        if let Some(path) = &self.signature {
            return detached::read(path, digest).map_err(|error| {
                let other = error.is_of_another_statement();
                let failure = Failure::from(error);
                if other { Stop::Refused(failure) } else { Stop::Failed(failure) }
            });
        }
        if self.agent {
            let Some(socket) = std::env::var_os(AGENT_VARIABLE) else {
                let next = "start one with `eval $(ssh-agent)` and `ssh-add KEY`, or sign with `--officer-key FILE`";
                let message = format!("`{AGENT_VARIABLE}` is not set: no ssh-agent runs");
                return Err(Failure::input(message, next).into());
            };
            let signed = agent::sign(Path::new(&socket), registered, digest);
            return Ok(signed.map_err(Failure::from)?);
        }
        let next = "give `--officer-key FILE`, `--agent`, or `--statement FILE` and then `--signature FILE`";
        Err(Failure::input("nothing was named to sign with", next).into())
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Log(error) => error.into(),
            Unreadable::Sealed(error) => {
                Self::input(error.to_string(), "give the archive's own key, and at most 1 MiB")
            }
        }
    }
}

/// The key that counts for an officer: of the registry, or of the first registry, which signs
/// for itself.
fn key_of(log: &Log, kind: &EntryKind, officer: &OfficerId) -> Result<Option<RolePublic>, Failure> {
    let registry = log.state().officers();
    let registry = match kind {
        EntryKind::OfficersSet(set) if registry.is_empty() => &set.officers,
        _ if registry.is_empty() => {
            return Err(Failure::input("this archive has no officers", FIRST_OFFICERS));
        }
        _ => registry,
    };
    Ok(registry.get(officer).map(|key| key.public.clone()))
}

/// Reads the signature of another officer, given as `ID=FILE`, over a statement.
pub(super) fn cosigned(
    text: &str,
    log: &Log,
    kind: &EntryKind,
) -> Result<OfficerSignature, Failure> {
    let next = "write `--with ID=FILE.sig`, with what `ssh-keygen -Y sign` wrote for that officer";
    let wrong = || Failure::input(format!("`{text}` is not `ID=FILE.sig`"), next);
    let (id, file) = text.split_once('=').ok_or_else(wrong)?;
    let officer: OfficerId = id.parse().map_err(|_| wrong())?;
    let (_, digest) = statement(log, kind)?;
    let signature = detached::read(Path::new(file), digest)?;
    if key_of(log, kind, &officer)?.as_ref() != Some(signature.key()) {
        let message = format!("`{file}` is not signed by the key of officer `{officer}`");
        return Err(Failure::input(message, next));
    }
    Ok(OfficerSignature { officer, sig: *signature.as_bytes() })
}

/// Reads an officer as `ID:ROLE:FILE`.
pub(super) fn officer(text: &str) -> Result<OfficerKey, Failure> {
    let next =
        "write `ID:ROLE:FILE`, with an id and a role of a-z 0-9 . _ - and an OpenSSH public key";
    let wrong =
        |reason: String| Failure::input(format!("`{text}` names no officer: {reason}"), next);
    let mut parts = text.splitn(3, ':');
    let (Some(id), Some(role), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong("it is not `ID:ROLE:FILE`".to_owned()));
    };
    let id = id.parse().map_err(|error: NameError| wrong(error.to_string()))?;
    let role = role.parse().map_err(|error: NameError| wrong(error.to_string()))?;
    let line = read_text(Path::new(file), MAX_PUBLIC_KEY_BYTES)
        .map_err(|error| wrong(format!("cannot read `{file}`: {error}")))?;
    let public = crate::officer::public_key(&line).map_err(|error| wrong(error.to_string()))?;
    Ok(OfficerKey { id, public, role })
}

impl From<OfficerError> for Failure {
    fn from(error: OfficerError) -> Self {
        let next = match error.cause() {
            OfficerError::Read(_)
            | OfficerError::Malformed(_)
            | OfficerError::TooLong(_)
            | OfficerError::NotRegular => Some(
                "name the officer's key with `--officer-key FILE`, or what `ssh-keygen -Y sign` wrote with `--signature FILE`",
            ),
            // The others say themselves what to do.
            _ => None,
        };
        Self { code: EXIT_INPUT, message: error.to_string(), next: next.map(str::to_owned) }
    }
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Log(error) => error.into(),
            error => {
                let next = match &error {
                    ActError::Void(reason) => after(reason),
                    ActError::Kind(_) => "`strongroom officers list` shows what waits",
                    ActError::AtOnce => FIRST_OFFICERS,
                    _ => "`strongroom officers list` shows who is registered, and who has signed",
                };
                Self::input(error.to_string(), next)
            }
        }
    }
}

/// What to do about an act that the log does not take.
fn after(reason: &Void) -> &'static str {
    match reason {
        Void::Expired { .. } => {
            "run the command that made the statement again, and sign what it makes now"
        }
        Void::HoldReleased { .. } => {
            "place a hold under another id: one that was released is spent"
        }
        Void::HoldNotActive { .. } => "`strongroom hold list` shows the active holds",
        Void::NotYetHappened { .. } => "give the time at which it happened with `--at TIME`",
        Void::Clock { .. } => {
            "`strongroom clock list` shows what is known; `--earlier` corrects it to an earlier time, by two officers"
        }
        Void::Officers(_) | Void::OfficersNumber { .. } | Void::Registry(_) => {
            "`strongroom officers list` shows who is registered and what waits"
        }
        _ => "run the command that made it again: the archive has moved on",
    }
}
