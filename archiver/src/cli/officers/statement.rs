//! What an officer is asked to sign, in plain words.

use strongroom_crypto::Digest;
use strongroom_crypto::entry::{
    ClockChange, ClockEvent, DispositionOrder, EntryKind, HoldPlace, HoldRelease, KeyChange,
    OfficerAct, OfficersSet, PolicySet, Verdict,
};
use strongroom_crypto::keys::KeyFile;
use strongroom_crypto::name::ClassName;

use crate::cli::{Failure, output};
use crate::detail::Detail;
use crate::document::Document;
use crate::hold::Matter;
use crate::log::{Log, LogError, read_list};
use crate::officer::public_line;

/// A statement in words.
#[derive(Debug, Default)]
pub(super) struct Words {
    lines: Vec<(&'static str, String)>,
    /// What it names and cannot be read: nobody knows then what is signed.
    pub(super) unreadable: Vec<String>,
}

impl Words {
    /// Reads what a statement says, and what it names.
    pub(super) fn of(log: &Log, keys: &KeyFile, kind: &EntryKind) -> Result<Self, Failure> {
        let mut words = Self::default();
        match kind {
            EntryKind::OfficersSet(set) => words.officers(log, set),
            EntryKind::KeySet(change) => {
                let what = match change.change {
                    KeyChange::Add(_) => "may append from now on",
                    KeyChange::Revoke => "may not append any more, and never again",
                };
                words.add("key", format!("`{}` of role `{}` {what}", change.id, change.role));
            }
            EntryKind::PolicySet(set) => words.policy(log, set)?,
            EntryKind::HoldPlace(place) => words.hold(log, keys, place)?,
            EntryKind::HoldRelease(release) => words.release(log, keys, release),
            EntryKind::ClockEvent(event) => words.clock(log, keys, event),
            EntryKind::DispositionOrder(order) => words.order(log, order)?,
            EntryKind::OfficerAct(act) => words.review(log, keys, act),
            _ => words.unreadable.push(format!("no officer signs `{}`", kind.as_str())),
        }
        if let Some(until) = kind.expires_at() {
            words.add("counts", format!("until {until}"));
        }
        Ok(words)
    }

    /// Prints them.
    pub(super) fn print(&self, kind: &EntryKind, digest: Digest) -> Result<(), Failure> {
        output::line(format!("statement   {} sha256:{digest}", kind.as_str()))?;
        for (name, text) in &self.lines {
            output::line(format!("  {name:<11} {text}"))?;
        }
        for what in &self.unreadable {
            output::line(format!("  unreadable  {what}"))?;
        }
        Ok(())
    }

    fn add(&mut self, name: &'static str, text: impl Into<String>) {
        self.lines.push((name, text.into()));
    }

    fn officers(&mut self, log: &Log, set: &OfficersSet) {
        let before = log.state().officers();
        for officer in set.officers.iter() {
            let word = match before.get(&officer.id) {
                Some(known) if known == officer => "stays",
                Some(_) => "changes",
                None => "joins",
            };
            let (id, role) = (&officer.id, &officer.role);
            self.add(word, format!("{id}, role {role}, {}", public_line(&officer.public)));
        }
        let gone = before.iter().filter(|known| set.officers.get(&known.id).is_none());
        gone.for_each(|known| self.add("leaves", format!("{}, role {}", known.id, known.role)));
    }

    fn policy(&mut self, log: &Log, set: &PolicySet) -> Result<(), Failure> {
        self.add("policy", format!("version {} sha256:{}", set.version, set.policy));
        self.add("effective", set.effective.to_string());
        self.add("disposals", format!("approved by {} and {}", set.roles[0], set.roles[1]));
        if !set.pre_approved.is_empty() {
            let classes: Vec<&str> = set.pre_approved.iter().map(ClassName::as_str).collect();
            self.add("approves", format!("disposals of {} by itself", classes.join(", ")));
        }
        let before =
            set.supersedes.map_or_else(|| "none".to_owned(), |one| format!("sha256:{one}"));
        self.add("supersedes", before);
        self.add("plan", format!("sha256:{}", set.plan));
        if Document::Policy.load(&**log.store(), log.covered(), set.policy)?.is_none() {
            self.unreadable.push(
                "the policy and its plan are not in the archive: sign with `strongroom policy approve PLAN --policy FILE`".to_owned(),
            );
        }
        Ok(())
    }

    fn hold(&mut self, log: &Log, keys: &KeyFile, place: &HoldPlace) -> Result<(), Failure> {
        self.add("hold", place.hold.to_string());
        if let Some(list) = place.list {
            self.list(log, "holds", list)?;
        }
        if let Some(standing) = &place.standing {
            self.add("standing", crate::cli::hold::standing(&standing.streams));
        }
        match place
            .detail
            .map(|detail| Detail::Hold.load(&**log.store(), log.covered(), keys, detail))
        {
            None => {}
            Some(Ok(Some(bytes))) => match Matter::parse(&bytes) {
                Ok(Matter { matter, custodians, notices, scope }) => {
                    self.add("matter", matter);
                    if !custodians.is_empty() {
                        self.add("custodians", custodians.join(", "));
                    }
                    for notice in notices {
                        for (nth, text) in notice.trim_end().lines().enumerate() {
                            self.add(if nth == 0 { "notice" } else { "" }, text);
                        }
                    }
                    self.add("scope", scope.to_string());
                }
                Err(error) => self.unreadable.push(format!("the matter: {error}")),
            },
            Some(Ok(None)) => self.unreadable.push("the matter was erased".to_owned()),
            Some(Err(error)) => self.unreadable.push(format!("the matter: {error}")),
        }
        Ok(())
    }

    fn release(&mut self, log: &Log, keys: &KeyFile, release: &HoldRelease) {
        self.add("hold", format!("{} ends, for good", release.hold));
        self.text(log, keys, Detail::Release, "reason", release.detail);
    }

    fn clock(&mut self, log: &Log, keys: &KeyFile, event: &ClockEvent) {
        let ClockEvent { stream, event: name, happened, .. } = event;
        let what = match event.kind {
            ClockChange::Later => format!("happened at {happened}"),
            ClockChange::Earlier => format!("happened earlier than was recorded, at {happened}"),
            ClockChange::Reopened => format!("was undone at {happened}: the period has not begun"),
        };
        self.add("event", format!("`{name}` of stream `{stream}` {what}"));
        let Some(evidence) = event.evidence else { return };
        match Detail::Evidence.load(&**log.store(), log.covered(), keys, evidence) {
            Ok(Some(bytes)) => self.add("evidence", format!("sealed, {} bytes", bytes.len())),
            Ok(None) => self.unreadable.push("the evidence was erased".to_owned()),
            Err(error) => self.unreadable.push(format!("the evidence: {error}")),
        }
    }

    fn order(&mut self, log: &Log, order: &DispositionOrder) -> Result<(), Failure> {
        self.add("order", order.order.to_string());
        self.list(log, "destroys", order.list)?;
        self.add("bytes", output::size(order.bytes));
        self.add("kept until", format!("{} at the latest", order.keep_until));
        self.add("policy", format!("sha256:{}", order.policy));
        Ok(())
    }

    fn review(&mut self, log: &Log, keys: &KeyFile, act: &OfficerAct) {
        let said = match act.verdict {
            Verdict::Approve => "yes",
            Verdict::Reject => "no",
            Verdict::Extend => "not yet",
            Verdict::Refused => "refused",
        };
        self.add("says", format!("{said} to {} sha256:{}", act.act, act.digest));
        self.text(log, keys, Detail::Review, "reason", act.reason);
    }

    fn list(&mut self, log: &Log, name: &'static str, list: Digest) -> Result<(), Failure> {
        match read_list(&**log.store(), log.covered(), list) {
            Ok(list) => {
                let count = u64::try_from(list.as_slice().len()).unwrap_or(u64::MAX);
                self.add(name, output::counted(count, "segment", "segments"));
                list.as_slice().iter().for_each(|id| self.add("", id.to_string()));
            }
            Err(LogError::Derived { object, detail }) => {
                self.unreadable.push(format!("the list of segments `{object}`: {detail}"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn text(
        &mut self,
        log: &Log,
        keys: &KeyFile,
        detail: Detail,
        name: &'static str,
        digest: Option<Digest>,
    ) {
        let Some(digest) = digest else { return self.add(name, "none was given") };
        match detail.read_text(&**log.store(), log.covered(), keys, digest) {
            Some(Ok(text)) => self.add(name, text),
            Some(Err(error)) => self.unreadable.push(format!("the {name}: {error}")),
            None => self.unreadable.push(format!("the {name} was erased")),
        }
    }
}
