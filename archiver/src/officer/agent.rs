//! Signing through an ssh-agent: the secret key never comes here.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_crypto::keys::RolePublic;
use strongroom_crypto::{Digest, b64};

use super::openssh::{self, Fields};
use super::{OfficerError, Signature, signed_bytes};

/// How long the agent may be silent: it may ask its owner to confirm, or to touch a token.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest answer read: OpenSSH's own bound for messages of the agent.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// The numbers of the messages used (draft-miller-ssh-agent).
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Why an ssh-agent did not sign.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nobody listens.
    #[error(
        "no ssh-agent at `{socket}`: {source}: start one with `eval \"$(ssh-agent)\"`, or give a key file"
    )]
    Unreachable {
        /// Where it was looked for.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It stopped answering.
    #[error("the ssh-agent did not answer within {} seconds: confirm its question, then sign again", PATIENCE.as_secs())]
    Silent,
    /// The connection ended.
    #[error("the ssh-agent ended the connection: {0}: sign again")]
    Lost(io::Error),
    /// It has other keys, or is locked.
    #[error("the ssh-agent does not hold the officer's key `{0}`: add it with `ssh-add FILE`")]
    NotHeld(String),
    /// It has the key and does not use it.
    #[error(
        "the ssh-agent refused: confirm its question, and check that the key was added without restrictions"
    )]
    Refused,
    /// Whatever answers is no ssh-agent.
    #[error("expected {0} from the ssh-agent: check that the socket is an ssh-agent's")]
    Answer(&'static str),
}

/// Signs a statement, given by its SHA-256, with the officer's registered `key` in the agent that
/// listens at `socket`.
///
/// # Errors
///
/// There is no agent, it lacks the key, it refuses, or what it answers is no such signature.
pub fn sign(socket: &Path, key: &RolePublic, statement: Digest) -> Result<Signature, OfficerError> {
    let unreachable = |source| AgentError::Unreachable { socket: socket.to_owned(), source };
    let mut agent = UnixStream::connect(socket).map_err(unreachable)?;
    agent.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    agent.set_write_timeout(Some(PATIENCE)).map_err(unreachable)?;
    sign_through(&mut agent, key, statement)
}

fn sign_through(
    agent: &mut (impl Read + Write),
    key: &RolePublic,
    statement: Digest,
) -> Result<Signature, OfficerError> {
    let blob = openssh::blob_of(key);
    let identities = ask(agent, &[REQUEST_IDENTITIES], IDENTITIES_ANSWER)?;
    if !holds(&identities, &blob).ok_or(AgentError::Answer("a list of keys"))? {
        return Err(AgentError::NotHeld(fingerprint(&blob)).into());
    }
    let mut request = vec![SIGN_REQUEST];
    openssh::put_string(&mut request, &blob);
    openssh::put_string(&mut request, &signed_bytes(statement));
    // No flags: they choose a hash for RSA.
    request.extend_from_slice(&[0; 4]);
    let response = ask(agent, &request, SIGN_RESPONSE)?;
    let mut fields = Fields(&response);
    let signature = fields.string().filter(|_| fields.end().is_some());
    let signature = signature.and_then(openssh::signature_from_blob);
    let signature = signature.ok_or(AgentError::Answer("an Ed25519 signature"))?;
    Signature::verified(key.clone(), signature, statement)
}

/// Whether the agent lists the key; none if that is no list.
fn holds(identities: &[u8], wanted: &[u8]) -> Option<bool> {
    let mut fields = Fields(identities);
    let mut found = false;
    for _ in 0..fields.number()? {
        found |= fields.string()? == wanted;
        // A comment may name a person: it is skipped.
        fields.string()?;
    }
    fields.end()?;
    Some(found)
}

/// The key's name in `ssh-add -l`.
fn fingerprint(blob: &[u8]) -> String {
    let digest = b64::encode(Digest::of(blob).as_bytes());
    format!("SHA256:{}", digest.trim_end_matches('='))
}

/// Sends a message and gives what follows the number of the answer.
fn ask(
    agent: &mut (impl Read + Write),
    message: &[u8],
    expected: u8,
) -> Result<Vec<u8>, AgentError> {
    let mut framed = Vec::new();
    openssh::put_string(&mut framed, message);
    agent.write_all(&framed).map_err(lost)?;
    let mut length = [0; 4];
    agent.read_exact(&mut length).map_err(lost)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_ANSWER_BYTES {
        return Err(AgentError::Answer("an answer of at most 256 KiB"));
    }
    let mut answer = vec![0; length];
    agent.read_exact(&mut answer).map_err(lost)?;
    match answer.split_first() {
        Some((&number, rest)) if number == expected => Ok(rest.to_owned()),
        Some((&FAILURE, _)) => Err(AgentError::Refused),
        _ => Err(AgentError::Answer("the answer to its question")),
    }
}

fn lost(error: io::Error) -> AgentError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AgentError::Silent,
        _ => AgentError::Lost(error),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::hex;

    use super::super::tests::{SIGNATURE, STATEMENT, test_key};
    use super::*;

    /// What OpenSSH's ssh-agent answered that held two test keys, an ECDSA one and the test key.
    const IDENTITIES: &str = "AAAA1gwAAAACAAAAaAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQ6nSH4NdiX2Go0HovyHi9pZ+i1zQhtY5VkpeV3pLi31dqEtm2/D/nIvkPoNt0CW/eFoXeUFXs+REOgBzsqNlFEAAAAE3Rlc3Qga2V5LCBubyBzZWNyZXQAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIBbAjbEKXvjfN7DTX4gSLVtBm3nwTVWOeHV0DS6dZOXrAAAAE3Rlc3Qga2V5LCBubyBzZWNyZXQ=";

    /// What it answered when the test key was to sign.
    const SIGNED: &str = "AAAAWA4AAABTAAAAC3NzaC1lZDI1NTE5AAAAQEVo0/MqnJxdS0iPwGVAmfAffK0QFVHj4ihfVls3NpukqW4fBUoSmC3Txz7XC+qEuiCiPRxD5mOpKbyPY2eWWwU=";

    /// What it answers to what it does not do.
    const FAILED: [u8; 5] = [0, 0, 0, 1, FAILURE];

    /// A recorded conversation: what the agent said, and what is said to it.
    struct Recorded {
        answers: io::Cursor<Vec<u8>>,
        asked: Vec<u8>,
    }

    impl Recorded {
        fn new(answers: &[&[u8]]) -> Self {
            Self { answers: io::Cursor::new(answers.concat()), asked: Vec::new() }
        }
    }

    impl Read for Recorded {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.answers.read(out)
        }
    }

    impl Write for Recorded {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn identities() -> Vec<u8> {
        b64::decode(IDENTITIES).unwrap()
    }

    fn signed() -> Vec<u8> {
        b64::decode(SIGNED).unwrap()
    }

    fn refused(answers: &[&[u8]]) -> String {
        let mut agent = Recorded::new(answers);
        let error = sign_through(&mut agent, &test_key(), Digest::of(STATEMENT)).unwrap_err();
        error.to_string()
    }

    #[test]
    fn the_agent_is_asked_for_the_officers_key_alone() {
        let mut agent = Recorded::new(&[&identities(), &signed()]);
        let signature = sign_through(&mut agent, &test_key(), Digest::of(STATEMENT)).unwrap();
        assert_eq!(signature.as_bytes(), &SIGNATURE);
        assert_eq!(signature.key(), &test_key());
        let key = "0000000b7373682d656432353531390000002016c08db10a5ef8df37b0d35f88122d5b419b79f04d558e7875740d2e9d64e5eb";
        let message = hex::encode(&signed_bytes(Digest::of(STATEMENT)));
        let asked = format!("000000010b000000860d00000033{key}00000046{message}00000000");
        assert_eq!(hex::encode(&agent.asked), asked);
    }

    #[test]
    fn an_agent_that_does_not_sign_says_why() {
        let none = [0, 0, 0, 5, IDENTITIES_ANSWER, 0, 0, 0, 0];
        assert_eq!(
            refused(&[&none]),
            "the ssh-agent does not hold the officer's key `SHA256:yxhTPCCc3Szmj2lKmMdfs4sq49s6pFNua2/43WYsVww`: add it with `ssh-add FILE`"
        );
        let expected = "the ssh-agent refused: confirm its question, and check that the key was added without restrictions";
        assert_eq!(refused(&[&FAILED]), expected);
        assert_eq!(refused(&[&identities(), &FAILED]), expected);
        assert!(refused(&[&identities()]).starts_with("the ssh-agent ended the connection: "));
        let error = lost(io::ErrorKind::WouldBlock.into()).to_string();
        assert_eq!(
            error,
            "the ssh-agent did not answer within 60 seconds: confirm its question, then sign again"
        );
    }

    #[test]
    fn whatever_is_no_agent_is_not_believed() {
        let expected = |what| {
            format!("expected {what} from the ssh-agent: check that the socket is an ssh-agent's")
        };
        let bounded = expected("an answer of at most 256 KiB");
        assert_eq!(refused(&[&[0, 4, 0, 1]]), bounded);
        assert_eq!(refused(&[b"HTTP/1.1 400"]), bounded);
        let other = expected("the answer to its question");
        assert_eq!(refused(&[&[0; 4]]), other);
        assert_eq!(refused(&[&signed()]), other);
        // One key more is promised than there is.
        let mut more = identities();
        more[8] += 1;
        assert_eq!(refused(&[&more]), expected("a list of keys"));
        let signature = expected("an Ed25519 signature");
        let mut of_type = signed();
        of_type[13] ^= 1;
        assert_eq!(refused(&[&identities(), &of_type]), signature);
        let mut trailing = signed();
        trailing[3] += 1;
        trailing.push(0);
        assert_eq!(refused(&[&identities(), &trailing]), signature);
        let mut altered = signed();
        altered[30] ^= 1;
        assert!(refused(&[&identities(), &altered]).starts_with("the signature is not over"));
    }

    #[test]
    fn an_absent_agent_is_named() {
        let nobody = std::env::temp_dir().join("strongroom-officer-no-agent");
        let error = sign(&nobody, &test_key(), Digest::of(STATEMENT)).unwrap_err().to_string();
        let start = format!("no ssh-agent at `{}`: ", nobody.display());
        assert!(error.starts_with(&start), "{error}");
        assert!(error.ends_with("or give a key file"), "{error}");
    }
}
