//! Entries: the leaves of the log, each one change of the archive (`FORMAT.md`, section 6).
//!
//! An entry lives for ever, so nothing in it can be a person's: every field is a number, a time,
//! a digest, a key or a name of a closed alphabet.

mod attest;
mod clock;
mod disposition;
mod hold;
mod officers;
mod opening;
mod policy;
mod seal;
mod window;

pub use attest::{Attest, Attested};
pub use clock::{ClockChange, ClockEvent};
pub use disposition::{DispositionCertificate, DispositionOrder};
pub use hold::{HoldPlace, HoldRelease, Standing};
pub use officers::{OfficerAct, OfficersSet, Verdict};
pub use opening::{KeyChange, KeySet, LogOpen, RegisteredKey};
pub use policy::PolicySet;
pub use seal::{EventTree, Seal, TimeRange};
pub use window::{Locked, WindowClose};

pub(crate) use policy::{take_classes, take_roles};

use crate::{
    digest::Digest,
    id::{ArchiveId, SegmentId},
    json::{JsonError, Members, ObjectReader, Value, parse, text},
    officer::{self, Signatures},
    time::Instant,
};

/// Longest entry in bytes: a full bundle of 256 entries stays at one mebibyte.
pub const MAX_ENTRY_BYTES: usize = 4_096;

/// The version of every entry type of this program.
const VERSION: u64 = 1;

/// One leaf of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    at: Instant,
    crit: bool,
    kind: EntryKind,
}

/// What an entry says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EntryKind {
    /// `log.open`: the first entry.
    LogOpen(Box<LogOpen>),
    /// `key.set`: a role key comes or goes.
    KeySet(KeySet),
    /// `officers.set`: other officers decide.
    OfficersSet(OfficersSet),
    /// `policy.set`: segments are kept by another policy.
    PolicySet(Box<PolicySet>),
    /// `hold.place`: segments are held.
    HoldPlace(HoldPlace),
    /// `hold.release`: a hold ends.
    HoldRelease(HoldRelease),
    /// `clock.event`: something happened that periods count from.
    ClockEvent(Box<ClockEvent>),
    /// `officer.act`: an officer said something.
    OfficerAct(OfficerAct),
    /// `disposition.order`: segments are to be destroyed.
    DispositionOrder(Box<DispositionOrder>),
    /// `disposition.certificate`: they are.
    DispositionCertificate(DispositionCertificate),
    /// `segment.seal`: a segment becomes part of the archive.
    SegmentSeal(Box<Seal>),
    /// `segment.abandon`: an upload that no claim named never will be.
    SegmentAbandon(Abandon),
    /// `window.close`: a run ended.
    WindowClose(WindowClose),
    /// `attest`: somebody tried to break the locks.
    Attest(Attest),
    /// A type or version that this program does not know.
    Unknown(UnknownEntry),
}

/// The content of `segment.abandon`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Abandon {
    /// The upload.
    pub segment_id: SegmentId,
    /// End of its settling lock.
    pub until: Instant,
}

/// An entry of another program's making: its bytes are kept, for they are a leaf like any other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownEntry {
    kind: String,
    version: u64,
    bytes: Vec<u8>,
}

impl UnknownEntry {
    /// Its `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its `v`.
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl Entry {
    /// Makes an entry that this program may append. All its types change the state, if only its
    /// greatest time, so `crit` is true: a reader that does not know them must not guess what it is.
    pub const fn new(at: Instant, kind: EntryKind) -> Self {
        Self { at, crit: true, kind }
    }

    /// Reads a leaf.
    ///
    /// # Errors
    ///
    /// Refuses bytes over the limit, JSON that is not canonical, and of a known type every member
    /// that is missing, unknown or not in its one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_ENTRY_BYTES)?;
        let (at, crit) = (members.parsed("at")?, members.bool("crit")?);
        let (kind, version) = (members.text("type")?, members.u64("v")?);
        let known = match version {
            VERSION => EntryKind::take(&kind, &mut members)?,
            _ => None,
        };
        let Some(known) = known else {
            let kind = EntryKind::Unknown(UnknownEntry { kind, version, bytes: bytes.to_vec() });
            return Ok(Self { at, crit, kind });
        };
        if !crit {
            return Err(members.refused("crit", "false where the type changes the state"));
        }
        members.finish()?;
        Ok(Self { at, crit, kind: known })
    }

    /// The canonical bytes: the leaf.
    pub fn encode(&self) -> Vec<u8> {
        if let EntryKind::Unknown(unknown) = &self.kind {
            return unknown.bytes.clone();
        }
        let mut members = self.kind.content();
        members.insert("at", text(self.at));
        members.insert("crit", self.crit);
        Value::Object(members).to_canonical()
    }

    /// When its writer made it.
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// Whether a reader that does not know the type must stop deciding.
    pub const fn crit(&self) -> bool {
        self.crit
    }

    /// What it says.
    pub const fn kind(&self) -> &EntryKind {
        &self.kind
    }

    /// What it says, by value.
    pub fn into_kind(self) -> EntryKind {
        self.kind
    }
}

impl EntryKind {
    /// The spelling of `type`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::LogOpen(_) => "log.open",
            Self::KeySet(_) => "key.set",
            Self::SegmentSeal(_) => "segment.seal",
            Self::SegmentAbandon(_) => "segment.abandon",
            Self::WindowClose(_) => "window.close",
            Self::Attest(_) => "attest",
            Self::OfficersSet(_) => "officers.set",
            Self::PolicySet(_) => "policy.set",
            Self::HoldPlace(_) => "hold.place",
            Self::HoldRelease(_) => "hold.release",
            Self::ClockEvent(_) => "clock.event",
            Self::OfficerAct(_) => "officer.act",
            Self::DispositionOrder(_) => "disposition.order",
            Self::DispositionCertificate(_) => "disposition.certificate",
            Self::Unknown(unknown) => unknown.kind(),
        }
    }

    /// The officers' signatures, of a type that has them.
    pub const fn signatures(&self) -> Option<&Signatures> {
        match self {
            Self::KeySet(change) => Some(&change.signatures),
            Self::OfficersSet(set) => Some(&set.signatures),
            Self::PolicySet(set) => Some(&set.signatures),
            Self::HoldPlace(place) => Some(&place.signatures),
            Self::HoldRelease(release) => Some(&release.signatures),
            Self::ClockEvent(event) => Some(&event.signatures),
            Self::OfficerAct(act) => Some(&act.signatures),
            Self::DispositionOrder(order) => Some(&order.signatures),
            Self::LogOpen(_)
            | Self::SegmentSeal(_)
            | Self::SegmentAbandon(_)
            | Self::WindowClose(_)
            | Self::Attest(_)
            | Self::DispositionCertificate(_)
            | Self::Unknown(_) => None,
        }
    }

    /// Until when the officers' signatures under it count.
    pub const fn expires_at(&self) -> Option<Instant> {
        match self {
            Self::KeySet(change) => Some(change.expires_at),
            Self::OfficersSet(set) => Some(set.expires_at),
            Self::PolicySet(set) => Some(set.expires_at),
            Self::HoldPlace(place) => Some(place.expires_at),
            Self::HoldRelease(release) => Some(release.expires_at),
            Self::ClockEvent(event) => Some(event.expires_at),
            Self::DispositionOrder(order) => Some(order.expires_at),
            // What was said of a statement stands, whether that still counts or not.
            _ => None,
        }
    }

    /// The digest of the list of segments that it names.
    pub fn list(&self) -> Option<Digest> {
        match self {
            Self::HoldPlace(place) => place.list,
            Self::DispositionOrder(order) => Some(order.list),
            _ => None,
        }
    }

    /// What officers sign: the content without what the writer of the entry adds.
    /// It does not matter which signatures are there already.
    pub fn statement(&self, archive_id: ArchiveId) -> Vec<u8> {
        let mut members = self.content();
        members.remove(officer::MEMBER);
        members.insert("archive_id", text(archive_id));
        Value::Object(members).to_canonical()
    }

    /// Reads a statement of this archive again; what it says is without signatures.
    ///
    /// # Errors
    ///
    /// Refuses what is no statement of a type that officers sign, or another archive's.
    pub fn from_statement(bytes: &[u8], archive_id: ArchiveId) -> Result<Self, JsonError> {
        let value = parse(bytes, MAX_ENTRY_BYTES)?;
        let Value::Object(mut entry) = value.clone() else {
            return Err(JsonError::refused("document", "not an object"));
        };
        let mut statement = ObjectReader::new(value)?;
        if statement.parsed::<ArchiveId>("archive_id")? != archive_id {
            return Err(statement.refused("archive_id", "another archive's"));
        }
        // What a statement leaves out says nothing that was signed.
        entry.remove("archive_id");
        entry.insert("at", text(Instant::MIN));
        entry.insert("crit", true);
        entry.insert(officer::MEMBER, Value::Array(Vec::new()));
        let known = Entry::parse(&Value::Object(entry).to_canonical())?.into_kind();
        let signed = known.signatures().is_some() && known.statement(archive_id) == bytes;
        if signed { Ok(known) } else { Err(JsonError::refused("type", "none that officers sign")) }
    }

    /// The same with these signatures; what has none stays as it is.
    #[must_use]
    pub fn with_signatures(mut self, signatures: Signatures) -> Self {
        match &mut self {
            Self::KeySet(change) => change.signatures = signatures,
            Self::OfficersSet(set) => set.signatures = signatures,
            Self::PolicySet(set) => set.signatures = signatures,
            Self::HoldPlace(place) => place.signatures = signatures,
            Self::HoldRelease(release) => release.signatures = signatures,
            Self::ClockEvent(event) => event.signatures = signatures,
            Self::OfficerAct(act) => act.signatures = signatures,
            Self::DispositionOrder(order) => order.signatures = signatures,
            Self::LogOpen(_)
            | Self::SegmentSeal(_)
            | Self::SegmentAbandon(_)
            | Self::WindowClose(_)
            | Self::Attest(_)
            | Self::DispositionCertificate(_)
            | Self::Unknown(_) => {}
        }
        self
    }

    /// None of a type that this program does not know.
    fn take(kind: &str, members: &mut ObjectReader) -> Result<Option<Self>, JsonError> {
        Ok(Some(match kind {
            "log.open" => Self::LogOpen(Box::new(LogOpen::take(members)?)),
            "key.set" => Self::KeySet(KeySet::take(members)?),
            "segment.seal" => Self::SegmentSeal(Box::new(Seal::take(members)?)),
            "segment.abandon" => Self::SegmentAbandon(Abandon::take(members)?),
            "window.close" => Self::WindowClose(WindowClose::take(members)?),
            "attest" => Self::Attest(Attest::take(members)?),
            "officers.set" => Self::OfficersSet(OfficersSet::take(members)?),
            "policy.set" => Self::PolicySet(Box::new(PolicySet::take(members)?)),
            "hold.place" => Self::HoldPlace(HoldPlace::take(members)?),
            "hold.release" => Self::HoldRelease(HoldRelease::take(members)?),
            "clock.event" => Self::ClockEvent(Box::new(ClockEvent::take(members)?)),
            "officer.act" => Self::OfficerAct(OfficerAct::take(members)?),
            "disposition.order" => {
                Self::DispositionOrder(Box::new(DispositionOrder::take(members)?))
            }
            "disposition.certificate" => {
                Self::DispositionCertificate(DispositionCertificate::take(members)?)
            }
            _ => return Ok(None),
        }))
    }

    /// The members of the type, with its name and version.
    fn content(&self) -> Members {
        let mut members = Members::default();
        match self {
            Self::LogOpen(open) => open.put(&mut members),
            Self::KeySet(change) => change.put(&mut members),
            Self::SegmentSeal(seal) => seal.put(&mut members),
            Self::SegmentAbandon(abandon) => abandon.put(&mut members),
            Self::WindowClose(close) => close.put(&mut members),
            Self::Attest(attest) => attest.put(&mut members),
            Self::OfficersSet(set) => set.put(&mut members),
            Self::PolicySet(set) => set.put(&mut members),
            Self::HoldPlace(place) => place.put(&mut members),
            Self::HoldRelease(release) => release.put(&mut members),
            Self::ClockEvent(event) => event.put(&mut members),
            Self::OfficerAct(act) => act.put(&mut members),
            Self::DispositionOrder(order) => order.put(&mut members),
            Self::DispositionCertificate(certificate) => certificate.put(&mut members),
            Self::Unknown(_) => {}
        }
        members.insert("type", self.as_str());
        members.insert("v", VERSION);
        members
    }
}

impl Abandon {
    fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self { segment_id: members.parsed("segment_id")?, until: members.parsed("until")? })
    }

    fn put(&self, members: &mut Members) {
        members.insert("segment_id", text(self.segment_id));
        members.insert("until", text(self.until));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        digest::Digest,
        keys::{Role, RoleKey},
        name::{ObjectKey, Shard},
        officer::{
            Registry,
            tests::{officer_key, registry, signatures},
        },
    };

    pub(crate) fn at(ms: i64) -> Instant {
        Instant::from_unix_ms(ms.saturating_add(1_795_000_000_000)).unwrap()
    }

    pub(crate) fn id(n: u64) -> SegmentId {
        format!("01a1cd4b-0000-7000-8000-{n:012x}").parse().unwrap()
    }

    pub(crate) fn opening(keys: &[(&RoleKey, Role)]) -> Entry {
        let keys = keys.iter().map(|(key, role)| RegisteredKey::new(key.public(), *role)).collect();
        let open = LogOpen {
            archive_id: ArchiveId::from_bytes([7; 16]),
            environment: "test".parse().unwrap(),
            keys,
            log_vkey: "strongroom/07+00000000+AQ==".to_owned(),
            min_reader: 1,
            min_writer: 1,
            officers: registry(),
            settle_ms: 604_800_000,
            store: "file:///archive".to_owned(),
        };
        Entry::new(at(0), EntryKind::LogOpen(Box::new(open)))
    }

    pub(crate) fn window(number: u64, shard: Shard) -> WindowClose {
        WindowClose {
            extended_until: None,
            index_sha256: None,
            locked: None,
            number,
            proof_until: None,
            segments: 0,
            shard,
        }
    }

    pub(crate) fn object_of(id: SegmentId) -> ObjectKey {
        format!("segments/s/2026/11/21/{id}.parquet").parse().unwrap()
    }

    pub(crate) fn seal() -> Seal {
        let digest = Digest::of(b"x");
        Seal {
            bytes: 1_234,
            class: "unclassified".parse().unwrap(),
            event_time: Some(TimeRange::new(at(0), at(1)).unwrap()),
            events: EventTree { count: 3, root: digest },
            hold_epoch: 0,
            holds: Vec::new(),
            late: false,
            manifest_sha256: digest,
            object: object_of(id(1)),
            object_sha256: digest,
            period_key: "00112233445566778899aabbccddeeff/0".parse().unwrap(),
            policy: None,
            ranges_sha256: digest,
            receive_time: TimeRange::new(at(0), at(2)).unwrap(),
            retain_until: None,
            segment_id: id(1),
            settle_until: at(1_000),
            stream: "s".parse().unwrap(),
        }
    }

    fn one_of_each() -> Vec<Entry> {
        let key = RoleKey::from_seed(&[1; 32]);
        let close = WindowClose {
            index_sha256: Some(Digest::of(b"i")),
            locked: Some(Locked { claims: 0, policy: Digest::of(b"p"), size: 3 }),
            proof_until: Some(at(8)),
            ..window(4, Shard::WHOLE)
        };
        let abandon = Abandon { segment_id: id(2), until: at(9) };
        let checks = [("delete", Attested::Held), ("bypass", Attested::Broken)];
        let checks = checks.map(|(name, outcome)| (name.parse().unwrap(), outcome));
        let attest = Attest::new(checks.into()).unwrap();
        let kinds = [
            EntryKind::KeySet(KeySet::add(key.public(), Role::Lock, at(9))),
            EntryKind::KeySet(KeySet::revoke(key.id(), Role::Lock, at(9))),
            EntryKind::SegmentSeal(Box::new(seal())),
            EntryKind::SegmentAbandon(abandon),
            EntryKind::WindowClose(close),
            EntryKind::Attest(attest),
        ];
        let first = opening(&[(&key, Role::Archive), (&key, Role::Export)]);
        let rest = kinds.into_iter().chain(one_of_each_by_officers());
        std::iter::once(first).chain(rest.map(|kind| Entry::new(at(5), kind))).collect()
    }

    pub(crate) fn policy_set() -> PolicySet {
        PolicySet {
            catalogue: Digest::of(b"catalogue"),
            effective: at(0),
            expires_at: at(1_000_000),
            plan: Digest::of(b"plan"),
            policy: Digest::of(b"policy"),
            pre_approved: Vec::new(),
            roles: ["legal", "records"].map(|role| role.parse().unwrap()),
            signatures: Signatures::default(),
            supersedes: None,
            version: 1,
        }
    }

    pub(crate) fn hold_place(hold: &str) -> HoldPlace {
        HoldPlace {
            detail: None,
            expires_at: at(1_000_000),
            hold: hold.parse().unwrap(),
            list: None,
            signatures: Signatures::default(),
            standing: Some(Standing { streams: Vec::new() }),
        }
    }

    pub(crate) fn hold_release(hold: &str) -> HoldRelease {
        HoldRelease {
            detail: None,
            expires_at: at(1_000_000),
            hold: hold.parse().unwrap(),
            placed: 7,
            signatures: Signatures::default(),
        }
    }

    pub(crate) fn clock_event(happened: i64, kind: ClockChange) -> ClockEvent {
        ClockEvent {
            event: "account-closed".parse().unwrap(),
            evidence: None,
            expires_at: at(1_000_000),
            happened: at(happened),
            kind,
            replaces: None,
            signatures: Signatures::default(),
            stream: "s".parse().unwrap(),
        }
    }

    pub(crate) fn officer_act(verdict: Verdict, digest: Digest) -> OfficerAct {
        let act = "policy.set".parse().unwrap();
        let (expires_at, signatures) = (at(1_000_000), Signatures::default());
        OfficerAct { act, digest, expires_at, reason: None, signatures, verdict }
    }

    pub(crate) fn order(id: &str, list: Digest) -> DispositionOrder {
        DispositionOrder {
            bytes: 1_234,
            count: 1,
            destroyable_from: at(0),
            expires_at: at(1_000_000),
            hold_epoch: 0,
            keep_until: at(0),
            list,
            order: id.parse().unwrap(),
            policy: Digest::of(b"policy"),
            signatures: Signatures::default(),
            size: 5,
        }
    }

    fn one_of_each_by_officers() -> Vec<EntryKind> {
        let (x, signed) = (Digest::of(b"x"), signatures(Digest::of(b"x"), &[1, 3]));
        let set = OfficersSet {
            expires_at: at(9),
            number: 1,
            officers: registry(),
            signatures: signed.clone(),
        };
        let certificate = DispositionCertificate { certificate: x, order: "o".parse().unwrap() };
        let classes = ["a", "b"].map(|class| class.parse().unwrap());
        let policy = PolicySet { pre_approved: classes.to_vec(), ..policy_set() };
        let streams = ["a", "b"].map(|stream| stream.parse().unwrap()).to_vec();
        let place = HoldPlace { standing: Some(Standing { streams }), ..hold_place("h") };
        vec![
            EntryKind::OfficersSet(set),
            EntryKind::PolicySet(Box::new(PolicySet { signatures: signed, ..policy })),
            EntryKind::HoldPlace(place),
            EntryKind::HoldRelease(hold_release("h")),
            EntryKind::ClockEvent(Box::new(clock_event(3, ClockChange::Later))),
            EntryKind::OfficerAct(officer_act(Verdict::Refused, x)),
            EntryKind::DispositionOrder(Box::new(order("o", x))),
            EntryKind::DispositionCertificate(certificate),
        ]
    }

    #[test]
    fn every_type_survives_the_round_trip() {
        for entry in one_of_each() {
            let bytes = entry.encode();
            assert_eq!(Entry::parse(&bytes).map(|e| e.encode()), Ok(bytes.clone()));
            assert!(bytes.len() < MAX_ENTRY_BYTES, "{}", bytes.len());
        }
        let bytes = one_of_each()[4].encode();
        let text = "{\"at\":\"2026-11-18T11:06:40.005Z\",\"crit\":true,\
                    \"segment_id\":\"01a1cd4b-0000-7000-8000-000000000002\",\
                    \"type\":\"segment.abandon\",\"until\":\"2026-11-18T11:06:40.009Z\",\"v\":1}";
        assert_eq!(str::from_utf8(&bytes), Ok(text));
    }

    #[test]
    fn every_member_is_needed_and_no_other_is_known() {
        for entry in one_of_each() {
            let Ok(Value::Object(members)) = parse(&entry.encode(), 4_096) else {
                panic!("not an object")
            };
            for (name, _) in members.iter() {
                let mut fewer = members.clone();
                fewer.remove(name);
                let error = Entry::parse(&Value::Object(fewer).to_canonical()).unwrap_err();
                assert_eq!(error, JsonError::Missing { member: name.to_owned() });
            }
            let mut more = members.clone();
            more.insert("note", "x");
            let error = Entry::parse(&Value::Object(more).to_canonical()).unwrap_err();
            assert_eq!(error, JsonError::Unknown { member: "note".to_owned() });
            let mut optional = members.clone();
            optional.insert("crit", false);
            let error = Entry::parse(&Value::Object(optional).to_canonical()).unwrap_err();
            assert!(error.to_string().contains("`crit`"), "{error}");
        }
    }

    #[test]
    fn a_statement_is_the_entry_without_what_its_writer_adds() {
        let archive = ArchiveId::from_bytes([7; 16]);
        let mut place = hold_place("h");
        let text = "{\"archive_id\":\"07070707070707070707070707070707\",\"detail\":null,\
                    \"expires_at\":\"2026-11-18T11:23:20.000Z\",\"hold\":\"h\",\"list\":null,\
                    \"standing\":{\"streams\":[]},\"type\":\"hold.place\",\"v\":1}";
        let statement = EntryKind::HoldPlace(place.clone()).statement(archive);
        assert_eq!(str::from_utf8(&statement), Ok(text));
        let digest = Digest::of(&statement);
        place.signatures = signatures(digest, &[1]);
        // The example of FORMAT.md, section 6.1.
        assert_eq!(
            digest.to_string(),
            "a774c91c1abcc3a2a4f04ae294285300a837496cfd9a13edbcc7a2a6086bac26"
        );
        assert_eq!(
            crate::b64::encode(officer_key(1).public().as_bytes()),
            "1i8Bah79Hk/feT60LNhEceG6nwzwTRKHtcxx9hYofLg="
        );
        let sig = place.signatures.iter().next().unwrap().sig;
        assert_eq!(
            crate::b64::encode(&sig),
            "YrKJhp9gl86fDYAg0R3U0xuknR84J1cQjiQg5VIGxKJaBV0ujVgG+QPFqUbAsVukFJXUAnHA9M2YHnRV79rKAA=="
        );
        assert_eq!(EntryKind::HoldPlace(place).statement(archive), statement);
    }

    #[test]
    fn what_officers_set_up_is_refused_where_it_could_not_work() {
        let refused = |kind: EntryKind| {
            let bytes = Entry::new(at(5), kind).encode();
            Entry::parse(&bytes).map(|_| ()).map_err(|reason| reason.to_string())
        };
        let nothing = HoldPlace { standing: None, ..hold_place("h") };
        let reason = refused(EntryKind::HoldPlace(nothing)).unwrap_err();
        assert!(reason.starts_with("`list`: nothing is held"), "{reason}");
        let mut one_role = policy_set();
        one_role.roles = ["legal", "legal"].map(|role| role.parse().unwrap());
        let reason = refused(EntryKind::PolicySet(Box::new(one_role))).unwrap_err();
        assert!(reason.starts_with("`roles`"), "{reason}");
        let opened = |environment: &str, officers: Registry| {
            let EntryKind::LogOpen(mut open) = opening(&[]).into_kind() else { panic!("not open") };
            open.environment = environment.parse().unwrap();
            open.officers = officers;
            refused(EntryKind::LogOpen(open))
        };
        let of = |n: usize| Registry::new(registry().iter().skip(1).take(n).cloned().collect());
        assert_eq!(opened("test", of(0).unwrap()), Ok(()));
        assert_eq!(opened("test", of(2).unwrap()), Ok(()));
        assert_eq!(opened("production", of(3).unwrap()), Ok(()));
        for few in [opened("test", of(1).unwrap()), opened("production", of(2).unwrap())] {
            assert!(few.unwrap_err().starts_with("`officers`: name at least"));
        }
        assert!(opened("production", of(0).unwrap()).is_err());
    }

    #[test]
    fn every_member_has_its_kind() {
        for entry in one_of_each() {
            let Ok(Value::Object(members)) = parse(&entry.encode(), 4_096) else {
                panic!("not an object")
            };
            for (name, value) in members.iter() {
                for other in [Value::from(-1), "?".into(), Value::Array(vec![7.into()])] {
                    // These two are texts of the operator's; a type `?` is an unknown one.
                    let free = matches!(name, "log_vkey" | "store" | "type" | "v");
                    if free || *value == other {
                        continue;
                    }
                    let mut bad = members.clone();
                    bad.insert(name, other);
                    let bytes = Value::Object(bad).to_canonical();
                    let error = Entry::parse(&bytes).unwrap_err().to_string();
                    assert!(error.starts_with(&format!("`{name}")), "{error}");
                }
            }
        }
    }

    #[test]
    fn what_is_unknown_keeps_its_bytes() {
        let text = "{\"at\":\"2026-11-21T08:00:00.000Z\",\"crit\":false,\"type\":\"hold.notice\",\
                    \"v\":1,\"x\":[1]}";
        let entry = Entry::parse(text.as_bytes()).unwrap();
        assert!(matches!(entry.kind(), EntryKind::Unknown(unknown) if unknown.version() == 1));
        assert_eq!((entry.kind().as_str(), entry.crit()), ("hold.notice", false));
        assert_eq!(entry.encode(), text.as_bytes());
        let newer = text.replace("hold.notice", "segment.seal").replace("\"v\":1", "\"v\":2");
        let entry = Entry::parse(newer.as_bytes()).unwrap();
        assert!(matches!(entry.kind(), EntryKind::Unknown(unknown) if unknown.version() == 2));
        assert_eq!(entry.encode(), newer.as_bytes());
    }

    #[test]
    fn an_entry_has_a_greatest_length() {
        let text = |n: usize| {
            let pad = "x".repeat(n);
            format!(
                "{{\"at\":\"2026-11-21T08:00:00.000Z\",\"crit\":false,\"type\":\"{pad}\",\"v\":1}}"
            )
        };
        let room = MAX_ENTRY_BYTES - text(0).len();
        assert!(Entry::parse(text(room).as_bytes()).is_ok());
        let error = Entry::parse(text(room + 1).as_bytes()).unwrap_err();
        assert_eq!(error, JsonError::TooLong { limit: 4_096, found: 4_097 });
    }
}
