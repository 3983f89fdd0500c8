//! Entries: the leaves of the log, each one change of the archive (`FORMAT.md`, section 6).
//!
//! An entry lives for ever, so nothing in it can be a person's: every field is a number, a time,
//! a digest, a key or a name of a closed alphabet.

mod attest;
mod opening;
mod seal;

pub use attest::{Attest, Attested};
pub use opening::{KeyChange, KeySet, LogOpen, RegisteredKey};
pub use seal::{EventTree, Seal, TimeRange};

use crate::{
    digest::Digest,
    id::SegmentId,
    json::{JsonError, Members, ObjectReader, Value, text},
    name::{NameError, Shard},
    time::Instant,
};
use std::str::FromStr;

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

/// The content of `window.close`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WindowClose {
    /// The settling locks of all segments live by then last at least until this time, if the run
    /// extended them.
    pub extended_until: Option<Instant>,
    /// Digest of the snapshot of the size at which this entry stands.
    pub index_sha256: Option<Digest>,
    /// Counts the closes of its shard, from 0.
    pub number: u64,
    /// How many segments were live.
    pub segments: u64,
    /// The shard whose run ended.
    pub shard: Shard,
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
        let known = match (kind.as_str(), version) {
            ("log.open", VERSION) => EntryKind::LogOpen(Box::new(LogOpen::take(&mut members)?)),
            ("key.set", VERSION) => EntryKind::KeySet(KeySet::take(&mut members)?),
            ("segment.seal", VERSION) => {
                EntryKind::SegmentSeal(Box::new(Seal::take(&mut members)?))
            }
            ("segment.abandon", VERSION) => EntryKind::SegmentAbandon(Abandon::take(&mut members)?),
            ("window.close", VERSION) => EntryKind::WindowClose(WindowClose::take(&mut members)?),
            ("attest", VERSION) => EntryKind::Attest(Attest::take(&mut members)?),
            _ => {
                let bytes = bytes.to_vec();
                let kind = EntryKind::Unknown(UnknownEntry { kind, version, bytes });
                return Ok(Self { at, crit, kind });
            }
        };
        if !crit {
            return Err(members.refused("crit", "false where the type changes the state"));
        }
        members.finish()?;
        Ok(Self { at, crit, kind: known })
    }

    /// The canonical bytes: the leaf.
    pub fn encode(&self) -> Vec<u8> {
        let mut members = Members::default();
        match &self.kind {
            EntryKind::Unknown(unknown) => return unknown.bytes.clone(),
            EntryKind::LogOpen(open) => open.put(&mut members),
            EntryKind::KeySet(change) => change.put(&mut members),
            EntryKind::SegmentSeal(seal) => seal.put(&mut members),
            EntryKind::SegmentAbandon(abandon) => abandon.put(&mut members),
            EntryKind::WindowClose(close) => close.put(&mut members),
            EntryKind::Attest(attest) => attest.put(&mut members),
        }
        members.insert("at", text(self.at));
        members.insert("crit", self.crit);
        members.insert("type", self.kind.as_str());
        members.insert("v", VERSION);
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
            Self::Unknown(unknown) => unknown.kind(),
        }
    }
}

/// An array of names, sorted and each once.
fn sorted<T>(
    members: &mut ObjectReader,
    name: &'static str,
    otherwise: &'static str,
) -> Result<Vec<T>, JsonError>
where
    T: FromStr<Err = NameError> + Ord,
{
    let mut names: Vec<T> = Vec::new();
    for item in members.array(name)? {
        let Value::Text(text) = item else { return Err(members.refused(name, otherwise)) };
        let found = text.parse().map_err(|reason| members.refused(name, reason))?;
        if names.last() >= Some(&found) {
            return Err(members.refused(name, "not sorted, or one occurs twice"));
        }
        names.push(found);
    }
    Ok(names)
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

impl WindowClose {
    fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        Ok(Self {
            extended_until: members.nullable("extended_until")?,
            index_sha256: members.nullable("index_sha256")?,
            number: members.u64("number")?,
            segments: members.u64("segments")?,
            shard: members.parsed("shard")?,
        })
    }

    fn put(&self, members: &mut Members) {
        members.insert("extended_until", self.extended_until.map(text));
        members.insert("index_sha256", self.index_sha256.map(text));
        members.insert("number", self.number);
        members.insert("segments", self.segments);
        members.insert("shard", text(self.shard));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        id::ArchiveId,
        keys::{Role, RoleKey},
        name::LogRole,
    };

    pub(crate) fn at(ms: i64) -> Instant {
        Instant::from_unix_ms(ms.saturating_add(1_795_000_000_000)).unwrap()
    }

    pub(crate) fn id(n: u64) -> SegmentId {
        format!("01a1cd4b-0000-7000-8000-{n:012x}").parse().unwrap()
    }

    pub(crate) fn opening(keys: &[(&RoleKey, LogRole)]) -> Entry {
        let keys = keys.iter().map(|(key, role)| RegisteredKey::new(key.public(), *role)).collect();
        let open = LogOpen {
            archive_id: ArchiveId::from_bytes([7; 16]),
            environment: "test".parse().unwrap(),
            keys,
            log_vkey: "strongroom/07+00000000+AQ==".to_owned(),
            min_reader: 1,
            min_writer: 1,
            settle_ms: 604_800_000,
            store: "file:///archive".to_owned(),
        };
        Entry::new(at(0), EntryKind::LogOpen(Box::new(open)))
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
            object: "segments/s/2026/11/21/x.parquet".parse().unwrap(),
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
            extended_until: None,
            index_sha256: Some(Digest::of(b"i")),
            number: 4,
            segments: 5,
            shard: Shard::WHOLE,
        };
        let abandon = Abandon { segment_id: id(2), until: at(9) };
        let checks = [("delete", Attested::Held), ("bypass", Attested::Broken)];
        let checks = checks.map(|(name, outcome)| (name.parse().unwrap(), outcome));
        let attest = Attest::new(checks.into()).unwrap();
        let add = KeySet::add(key.public(), Role::Lock.into());
        let revoke = KeySet { id: key.id(), role: Role::Lock.into(), change: KeyChange::Revoke };
        let kinds = [
            EntryKind::KeySet(add),
            EntryKind::KeySet(revoke),
            EntryKind::SegmentSeal(Box::new(seal())),
            EntryKind::SegmentAbandon(abandon),
            EntryKind::WindowClose(close),
            EntryKind::Attest(attest),
        ];
        let first = opening(&[(&key, Role::Archive.into()), (&key, LogRole::Admin)]);
        let rest = kinds.into_iter().map(|kind| Entry::new(at(5), kind));
        std::iter::once(first).chain(rest).collect()
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
            let Ok(Value::Object(members)) = crate::json::parse(&entry.encode(), 4_096) else {
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
    fn every_member_has_its_kind() {
        for entry in one_of_each() {
            let Ok(Value::Object(members)) = crate::json::parse(&entry.encode(), 4_096) else {
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
        let text = "{\"at\":\"2026-11-21T08:00:00.000Z\",\"crit\":false,\"type\":\"hold.place\",\
                    \"v\":1,\"x\":[1]}";
        let entry = Entry::parse(text.as_bytes()).unwrap();
        assert!(matches!(entry.kind(), EntryKind::Unknown(unknown) if unknown.version() == 1));
        assert_eq!((entry.kind().as_str(), entry.crit()), ("hold.place", false));
        assert_eq!(entry.encode(), text.as_bytes());
        let newer = text.replace("hold.place", "segment.seal").replace("\"v\":1", "\"v\":2");
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
