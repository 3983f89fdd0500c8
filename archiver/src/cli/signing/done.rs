//! What came of an act, as a line and as JSON: every command of officers says it in this shape.

use strongroom_crypto::Digest;
use strongroom_crypto::json::{Members, Value, text};
use strongroom_crypto::name::OfficerId;

use crate::cli::target::Place;
use crate::cli::{EXIT_DONE, Failure, output};

/// What came of an act.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Done {
    /// The type of its entry, or what a command is called that makes none.
    pub(in crate::cli) act: String,
    /// The digest of its statement, if there is one.
    pub(in crate::cli) digest: Option<Digest>,
    /// The entry that was made: the act's, or the signature's.
    pub(in crate::cli) entry: Option<u64>,
    /// Who signed, if anybody did now.
    pub(in crate::cli) officer: Option<OfficerId>,
    /// What is so now.
    pub(in crate::cli) outcome: Outcome,
}

/// What is so now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Outcome {
    /// The statement lies in a file; nothing was signed.
    Written,
    /// The act stands in the log.
    Entered,
    /// The signature does; the act takes another officer's.
    Waiting,
    /// The signature does; a command of its own enters the act.
    Approved,
    /// It was shown; nothing was done.
    Previewed,
    /// An officer has a name.
    Named,
    /// The batch lies in a file.
    Proposed,
    /// There is nothing to propose.
    Nothing,
    /// What was ordered is destroyed, and certified.
    Certified,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Entered => "entered",
            Self::Waiting | Self::Approved => "waiting",
            Self::Previewed => "previewed",
            Self::Named => "named",
            Self::Proposed => "proposed",
            Self::Nothing => "nothing may go",
            Self::Certified => "certified",
        }
    }
}

impl Done {
    /// What enters nothing.
    pub(in crate::cli) fn without_entry(
        act: &str,
        digest: Option<Digest>,
        outcome: Outcome,
    ) -> Self {
        Self { act: act.to_owned(), digest, entry: None, officer: None, outcome }
    }

    /// Says what came of it as JSON alone, with `more` beside it.
    pub(in crate::cli) fn json<const N: usize>(
        &self,
        next: Option<String>,
        more: [(&str, Value); N],
    ) -> Result<u8, Failure> {
        let mut members = Members::default();
        members.insert("act", self.act.as_str());
        members.insert("digest", self.digest.map(text));
        members.insert("entry", self.entry);
        members.insert("next", next);
        members.insert("officer", self.officer.as_ref().map(text));
        members.insert("outcome", self.outcome.as_str());
        for (name, value) in more {
            members.insert(name, value);
        }
        output::json(&Value::Object(members))?;
        Ok(EXIT_DONE)
    }

    /// How another officer signs the same.
    pub(in crate::cli) fn another(&self, place: &Place) -> String {
        let (digest, to) = (self.digest.map(|one| one.to_string()).unwrap_or_default(), place.to());
        format!(
            "another officer in another role: strongroom officers sign {digest} --to {to} --officer ID --officer-key FILE"
        )
    }

    /// How a statement that was written down is signed on another machine and comes back.
    fn elsewhere(&self) -> String {
        // These say the same each time; the others are sealed anew by every run of their command.
        let again =
            ["disposition.order", "officers.set", "policy.set"].contains(&self.act.as_str());
        let enter = if again {
            "run this command again with `--signature FILE.sig` in place of `--statement FILE`"
        } else {
            "enter it with `strongroom officers sign --statement-file FILE --signature FILE.sig --officer ID`"
        };
        format!(
            "sign it with `ssh-keygen -Y sign -n strongroom -O hashalg=sha256 -f KEY FILE`, then {enter}"
        )
    }

    /// Says what came of it, and what to do next. `more` stands in the JSON alone.
    pub(in crate::cli) fn report<const N: usize>(
        &self,
        json: bool,
        next: Option<String>,
        more: [(&str, Value); N],
    ) -> Result<u8, Failure> {
        let next = if self.outcome == Outcome::Written { Some(self.elsewhere()) } else { next };
        if json {
            return self.json(next, more);
        }
        let entry = self.entry.map(|entry| format!(", entry {entry}")).unwrap_or_default();
        let became = match self.outcome {
            Outcome::Written => "the statement was written, nothing was signed",
            Outcome::Entered => "entered in the log",
            Outcome::Approved => "approved",
            Outcome::Waiting => "signed; it takes another officer in another role",
            other => other.as_str(),
        };
        output::line(format!("{}: {became}{entry}", self.act))?;
        if let Some(digest) = self.digest {
            output::line(format!("statement   sha256:{digest}"))?;
        }
        if let Some(next) = next {
            output::line(format!("next        {next}"))?;
        }
        Ok(EXIT_DONE)
    }
}
