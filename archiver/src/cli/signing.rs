//! How an officer signs on the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::name::{NameError, OfficerId};
use strongroom_crypto::officer::{OfficerKey, OfficerSignature};

use super::{EXIT_DONE, EXIT_INPUT, Failure, Machine, output};
use crate::act::{ActError, Signed, approve, sign, statement};
use crate::detail::Unreadable;
use crate::log::Log;
use crate::officer::{OfficerError, Signature, agent, detached, key_file};
use strongroom_crypto::keys::{KeyFile, RolePublic};

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
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// The statement lies in a file; nothing was signed.
    Written,
    /// The act stands in the log.
    Entered,
    /// The signature does; the act takes another officer's.
    Waiting,
    /// The signature does; the act has a command of its own.
    Approved,
}

impl Signing {
    /// Signs an act and enters what that allows; says what came of it.
    pub(super) fn act(
        &self,
        log: &mut Log,
        keys: &KeyFile,
        kind: &EntryKind,
        store: Option<&Path>,
        machine: &Machine,
    ) -> Result<Outcome, Failure> {
        let Some(signature) = self.signature(log, kind, store)? else {
            return Ok(Outcome::Written);
        };
        let mut fill = machine.fill;
        Ok(match sign(log, keys, kind, signature, &mut fill)? {
            Signed::Entered => Outcome::Entered,
            Signed::Waiting => Outcome::Waiting,
        })
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

    /// Signs an act that is entered later, by a command of its own.
    pub(super) fn approve(
        &self,
        log: &mut Log,
        kind: &EntryKind,
        store: Option<&Path>,
        machine: &Machine,
    ) -> Result<Outcome, Failure> {
        self.approve_because(log, kind, None, store, machine)
    }

    /// The same, with the digest of the encrypted record of the reason.
    pub(super) fn approve_because(
        &self,
        log: &mut Log,
        kind: &EntryKind,
        reason: Option<Digest>,
        store: Option<&Path>,
        machine: &Machine,
    ) -> Result<Outcome, Failure> {
        let Some(signature) = self.signature(log, kind, store)? else {
            return Ok(Outcome::Written);
        };
        let mut fill = machine.fill;
        approve(log, kind, signature, reason, &mut fill)?;
        Ok(Outcome::Approved)
    }

    /// The officer's signature; none if the statement was only to be written down.
    fn signature(
        &self,
        log: &Log,
        kind: &EntryKind,
        store: Option<&Path>,
    ) -> Result<Option<OfficerSignature>, Failure> {
        let (bytes, digest) = statement(log, kind)?;
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
        let Some(registered) = key_of(log, kind, officer) else {
            let next = "`strongroom officers list` shows who is registered";
            return Err(Failure::input(format!("officer `{officer}` is not registered"), next));
        };
        let signature = self.sign(digest, &registered, store)?;
        if *signature.key() != registered {
            let message =
                format!("the signature is not by the registered key of officer `{officer}`");
            let next = "sign with the key that `strongroom officers list` shows for the officer";
            return Err(Failure::input(message, next));
        }
        Ok(Some(OfficerSignature { officer: officer.clone(), sig: *signature.as_bytes() }))
    }

    fn sign(
        &self,
        digest: Digest,
        registered: &RolePublic,
        store: Option<&Path>,
    ) -> Result<Signature, Failure> {
        if let Some(path) = &self.officer_key {
            return Ok(key_file::sign(path, store, digest)?);
        }
        if let Some(path) = &self.signature {
            return Ok(detached::read(path, digest)?);
        }
        if self.agent {
            let Some(socket) = std::env::var_os(AGENT_VARIABLE) else {
                let next = "start one with `eval $(ssh-agent)` and `ssh-add KEY`, or sign with `--officer-key FILE`";
                return Err(Failure::input(
                    format!("`{AGENT_VARIABLE}` is not set: no ssh-agent runs"),
                    next,
                ));
            };
            return Ok(agent::sign(Path::new(&socket), registered, digest)?);
        }
        let next = "give `--officer-key FILE`, `--agent`, or `--statement FILE` and then `--signature FILE`";
        Err(Failure::input("nothing was named to sign with", next))
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
fn key_of(log: &Log, kind: &EntryKind, officer: &OfficerId) -> Option<RolePublic> {
    let registry = log.state().officers();
    let registry = match kind {
        EntryKind::OfficersSet(set) if registry.is_empty() => &set.officers,
        _ => registry,
    };
    registry.get(officer).map(|key| key.public.clone())
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
    let line = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("cannot read `{file}`: {error}")))?;
    let public = crate::officer::public_key(&line).map_err(|error| wrong(error.to_string()))?;
    Ok(OfficerKey { id, public, role })
}

/// Says what came of a signature.
pub(super) fn report(outcome: Outcome, what: &str) -> Result<u8, Failure> {
    output::line(match outcome {
        Outcome::Written => format!("{what}: the statement was written, nothing was signed"),
        Outcome::Entered => format!("{what}: entered in the log"),
        Outcome::Approved => format!("{what}: approved"),
        Outcome::Waiting => format!("{what}: signed; it takes another officer in another role"),
    })?;
    if outcome == Outcome::Written {
        output::line(
            "next        sign it with `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY FILE`",
        )?;
        output::line(
            "            enter it with `strongroom officers sign --statement-file FILE --signature FILE.sig --officer ID`",
        )?;
    }
    Ok(EXIT_DONE)
}

impl From<OfficerError> for Failure {
    fn from(error: OfficerError) -> Self {
        Self { code: EXIT_INPUT, message: error.to_string(), next: None }
    }
}

impl From<ActError> for Failure {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Log(error) => error.into(),
            error @ ActError::Twice(_) => {
                Self::input(error.to_string(), "`strongroom officers list` shows who is registered")
            }
            error => Self { code: EXIT_INPUT, message: error.to_string(), next: None },
        }
    }
}
