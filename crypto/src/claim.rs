//! Claims: the objects that append entries to the log, one after the other (`FORMAT.md`,
//! section 7). Creating claim n is the commit; whoever creates it first has it.

use crate::{
    b64,
    digest::Digest,
    entry::{Entry, EntryKind, LogOpen, MAX_ENTRY_BYTES},
    hex,
    id::ArchiveId,
    json::{self, JsonError, Members, ObjectReader, Value, text},
    keys::{KeyId, Role, RoleKey, RoleKeyError, RolePublic},
    list::SegmentList,
    range::RangeList,
};

/// Longest claim in bytes: read whole, before anything in it is trusted.
pub const MAX_CLAIM_BYTES: usize = 1 << 20;

/// Greatest number of entries of a claim.
pub const MAX_CLAIM_ENTRIES: usize = 1_000;

/// `prev_claim_sha256` of claim 0.
pub const NO_CLAIM: Digest = Digest::from_bytes([0; 32]);

/// Keeps a claim's signature from being one over anything else that a role key signs.
const SIGNED_PREFIX: &[u8] = b"strongroom/claim/v1\0";

/// A claim about to be signed.
#[derive(Clone, Debug)]
pub struct ClaimDraft {
    /// The archive whose log it appends to.
    pub archive_id: ArchiveId,
    /// Its place, without gaps from 0.
    pub seq: u64,
    /// Digest of the claim before, [`NO_CLAIM`] for the first.
    pub prev_claim_sha256: Digest,
    /// Random, so that two writers never make the same bytes: whoever reads a claim back knows
    /// whether it is its own.
    pub nonce: [u8; 16],
    /// The entries, each with what it names by a digest.
    pub items: Vec<(Entry, Option<Attachment>)>,
}

/// A claim as read: nothing in it can be seen before its signature is checked.
#[derive(Debug)]
pub struct UnverifiedClaim {
    message: Vec<u8>,
    signature: [u8; 64],
    content: VerifiedClaim,
}

/// A claim whose signature holds. Whether its signer may append what it says, and whether this is
/// its place, is for the state to decide.
#[derive(Clone, Debug)]
pub struct VerifiedClaim {
    bytes: Vec<u8>,
    digest: Digest,
    archive_id: ArchiveId,
    seq: u64,
    prev_claim_sha256: Digest,
    key_id: KeyId,
    nonce: [u8; 16],
    items: Vec<ClaimItem>,
}

/// One entry of a claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimItem {
    leaf: Vec<u8>,
    attachment: Option<Attachment>,
}

/// What an entry names by its digest and takes to be judged: it stands beside the entry, so that
/// nobody can enter what nobody else could judge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attachment {
    /// What a seal covers.
    Ranges(RangeList),
    /// The segments of a hold or an order.
    List(SegmentList),
}

/// Why a claim is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClaimError {
    /// Not the structure.
    #[error("claim is malformed: {0}")]
    Malformed(#[from] JsonError),
    /// Too long to be stored.
    #[error("claim of {found} bytes where at most {MAX_CLAIM_BYTES} are allowed")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// None, or too many.
    #[error("claim of {found} entries where 1 to {MAX_CLAIM_ENTRIES} are allowed")]
    Entries {
        /// How many there are.
        found: usize,
    },
    /// An entry too long to be a leaf.
    #[error(
        "entry {index} of the claim has {found} bytes where at most {MAX_ENTRY_BYTES} are allowed"
    )]
    EntryTooLong {
        /// Its place in the claim.
        index: usize,
        /// Its length.
        found: usize,
    },
    /// An entry without what its digest names, or something beside an entry that names nothing.
    #[error("entry {index} of the claim and its details do not belong together")]
    Details {
        /// Its place in the claim.
        index: usize,
    },
    /// A signer that the log does not know.
    #[error("claim {seq} is signed by key `{key_id}`, which the log does not register")]
    UnknownKey {
        /// The claim's place.
        seq: u64,
        /// Its signer.
        key_id: KeyId,
    },
    /// A signature that does not hold.
    #[error("claim {seq}: {reason}")]
    Signature {
        /// The claim's place.
        seq: u64,
        /// What failed.
        reason: RoleKeyError,
    },
    /// A first claim that does not open a log, or a later one read as the first.
    #[error("claim {seq} does not open a log of its own archive")]
    Opening {
        /// The claim's place.
        seq: u64,
    },
}

impl ClaimDraft {
    /// Signs the claim. A claim just signed counts as verified.
    ///
    /// # Errors
    ///
    /// Refuses a claim that its readers would refuse.
    pub fn sign(self, key: &RoleKey) -> Result<VerifiedClaim, ClaimError> {
        let details = self.items.iter();
        let details = details.map(|(_, detail)| detail.as_ref().map(Attachment::to_value));
        let details = json::array(details);
        let leaves: Vec<Vec<u8>> = self.items.iter().map(|(entry, _)| entry.encode()).collect();
        for (index, leaf) in leaves.iter().enumerate() {
            if leaf.len() > MAX_ENTRY_BYTES {
                return Err(ClaimError::EntryTooLong { index, found: leaf.len() });
            }
        }
        let entries = leaves.iter().map(|leaf| json::parse(leaf, MAX_ENTRY_BYTES));
        let mut members = Members::default();
        members.insert("archive_id", text(self.archive_id));
        members.insert("details", details);
        members.insert("entries", entries.collect::<Result<Vec<_>, _>>()?);
        members.insert("key_id", text(key.id()));
        members.insert("nonce", hex::encode(&self.nonce));
        members.insert("prev_claim_sha256", text(self.prev_claim_sha256));
        members.insert("seq", self.seq);
        members.insert("v", 1);
        let signature = key.sign(&message(members.clone()));
        members.insert("sig", b64::encode(&signature));
        let bytes = Value::Object(members).to_canonical();
        if bytes.len() > MAX_CLAIM_BYTES {
            return Err(ClaimError::TooLong { found: bytes.len() });
        }
        Ok(UnverifiedClaim::parse(&bytes)?.content)
    }
}

impl UnverifiedClaim {
    /// Reads the stored bytes of a claim.
    ///
    /// # Errors
    ///
    /// Refuses other structures, too many or too long entries, and an entry that what its digest
    /// names is not beside.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClaimError> {
        if bytes.len() > MAX_CLAIM_BYTES {
            return Err(ClaimError::TooLong { found: bytes.len() });
        }
        let Value::Object(mut members) = json::parse(bytes, MAX_CLAIM_BYTES)? else {
            return Err(JsonError::refused("document", "not an object").into());
        };
        let mut reader = ObjectReader::new(Value::Object(members.clone()))?;
        let signature = reader.base64("sig")?;
        reader.exactly("v", 1)?;
        let details = reader.array("details")?;
        let entries = reader.array("entries")?;
        let content = VerifiedClaim {
            bytes: bytes.to_vec(),
            digest: Digest::of(bytes),
            archive_id: reader.parsed("archive_id")?,
            seq: reader.u64("seq")?,
            prev_claim_sha256: reader.parsed("prev_claim_sha256")?,
            key_id: reader.parsed("key_id")?,
            nonce: reader.hex("nonce")?,
            items: items(entries, details)?,
        };
        reader.finish()?;
        members.remove("sig");
        Ok(Self { message: message(members), signature, content })
    }

    /// Digest of the stored bytes: what the next claim names.
    pub const fn digest(&self) -> Digest {
        self.content.digest
    }

    /// Checks the signature of any claim but the first. `registered` finds a key that the log
    /// knows, also a revoked one: what was signed stays readable, and the state decides what it
    /// is worth.
    ///
    /// # Errors
    ///
    /// Refuses an unknown signer, a signature that does not hold, and claim 0.
    pub fn verify(
        self,
        registered: impl FnOnce(KeyId) -> Option<RolePublic>,
    ) -> Result<VerifiedClaim, ClaimError> {
        let VerifiedClaim { seq, key_id, .. } = self.content;
        if seq == 0 {
            return Err(ClaimError::Opening { seq });
        }
        let key = registered(key_id).ok_or(ClaimError::UnknownKey { seq, key_id })?;
        self.signed_by(&key)
    }

    /// Checks the first claim, which is signed by a key that it registers itself. This proves no
    /// more than that the writer of the log had the key: whether it is the log expected shows the
    /// digest of its `log.open`.
    ///
    /// # Errors
    ///
    /// Refuses what [`VerifiedClaim::opening`] refuses, and a signature that does not hold.
    pub fn verify_first(self) -> Result<VerifiedClaim, ClaimError> {
        let VerifiedClaim { seq, key_id, .. } = self.content;
        let key = self.content.opening()?.keys.into_iter().find(|key| key.id == key_id);
        let key = key.ok_or(ClaimError::UnknownKey { seq, key_id })?;
        self.signed_by(&key.public)
    }

    fn signed_by(self, key: &RolePublic) -> Result<VerifiedClaim, ClaimError> {
        let seq = self.content.seq;
        let checked = key.verify(&self.message, &self.signature);
        checked.map_err(|reason| ClaimError::Signature { seq, reason })?;
        Ok(self.content)
    }
}

impl VerifiedClaim {
    /// The stored bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the stored bytes: what the next claim names.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The archive whose log it appends to.
    pub const fn archive_id(&self) -> ArchiveId {
        self.archive_id
    }

    /// Its place.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Digest of the claim before.
    pub const fn prev_claim_sha256(&self) -> Digest {
        self.prev_claim_sha256
    }

    /// Its signer.
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What makes it its writer's own.
    pub const fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// Its entries in order.
    pub fn items(&self) -> &[ClaimItem] {
        &self.items
    }

    /// The `log.open` of a first claim.
    ///
    /// # Errors
    ///
    /// Refuses everything but one `log.open` of the claim's archive at seq 0 without a
    /// predecessor, whose signer it registers under `archive`.
    pub fn opening(&self) -> Result<LogOpen, ClaimError> {
        let (seq, key_id) = (self.seq, self.key_id);
        let [only] = self.items.as_slice() else { return Err(ClaimError::Opening { seq }) };
        let EntryKind::LogOpen(open) = Entry::parse(only.leaf())?.into_kind() else {
            return Err(ClaimError::Opening { seq });
        };
        if seq != 0 || self.prev_claim_sha256 != NO_CLAIM || open.archive_id != self.archive_id {
            return Err(ClaimError::Opening { seq });
        }
        let archive = Role::Archive;
        if !open.keys.iter().any(|key| key.id == key_id && key.role == archive) {
            return Err(ClaimError::UnknownKey { seq, key_id });
        }
        Ok(*open)
    }
}

impl ClaimItem {
    /// The canonical bytes of the entry.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// What the entry names by its digest.
    pub const fn attachment(&self) -> Option<&Attachment> {
        self.attachment.as_ref()
    }

    /// The ranges, if the entry is a seal.
    pub const fn ranges(&self) -> Option<&RangeList> {
        match &self.attachment {
            Some(Attachment::Ranges(ranges)) => Some(ranges),
            _ => None,
        }
    }
}

impl Attachment {
    /// The list, if it is one.
    pub const fn list(&self) -> Option<&SegmentList> {
        match self {
            Self::List(list) => Some(list),
            Self::Ranges(_) => None,
        }
    }

    /// The ranges, if it is some.
    pub const fn ranges(&self) -> Option<&RangeList> {
        match self {
            Self::Ranges(ranges) => Some(ranges),
            Self::List(_) => None,
        }
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Ranges(ranges) => ranges.digest(),
            Self::List(list) => list.digest(),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Ranges(ranges) => ranges.to_value(),
            Self::List(list) => list.to_value(),
        }
    }
}

impl From<RangeList> for Attachment {
    fn from(ranges: RangeList) -> Self {
        Self::Ranges(ranges)
    }
}

impl From<SegmentList> for Attachment {
    fn from(list: SegmentList) -> Self {
        Self::List(list)
    }
}

/// What the signature covers; `members` is the claim without it.
fn message(members: Members) -> Vec<u8> {
    [SIGNED_PREFIX, &Value::Object(members).to_canonical()].concat()
}

/// Puts entries and details together. An entry that this program can't read stays a leaf, for the
/// state to call void; but no other stands without what it names: of a seal, later readers find
/// it in the manifest alone, where it must be the same, and of a list in a copy that anybody who
/// may write could leave out.
fn items(entries: Vec<Value>, details: Vec<Value>) -> Result<Vec<ClaimItem>, ClaimError> {
    let found = entries.len();
    if found == 0 || found > MAX_CLAIM_ENTRIES || details.len() != found {
        return Err(ClaimError::Entries { found });
    }
    let pairs = entries.into_iter().zip(details).enumerate();
    pairs.map(|(index, (entry, detail))| item(index, &entry, detail)).collect()
}

fn item(index: usize, entry: &Value, detail: Value) -> Result<ClaimItem, ClaimError> {
    let leaf = entry.to_canonical();
    if leaf.len() > MAX_ENTRY_BYTES {
        return Err(ClaimError::EntryTooLong { index, found: leaf.len() });
    }
    let entry = Entry::parse(&leaf).ok();
    let kind = entry.as_ref().map(Entry::kind);
    let named = match kind {
        Some(EntryKind::SegmentSeal(seal)) => Some(seal.ranges_sha256),
        kind => kind.and_then(EntryKind::list),
    };
    let attachment: Option<Attachment> = match (kind, detail) {
        (_, Value::Null) => None,
        (Some(EntryKind::SegmentSeal(_)), ranges) => Some(RangeList::from_value(ranges)?.into()),
        (_, list) => Some(SegmentList::from_value(list)?.into()),
    };
    if attachment.as_ref().map(Attachment::digest) != named {
        return Err(ClaimError::Details { index });
    }
    Ok(ClaimItem { leaf, attachment })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::entry::Abandon;
    use crate::entry::tests::{at, id, opening, seal, window};
    use crate::name::Shard;

    pub(crate) fn key(n: u8) -> RoleKey {
        RoleKey::from_seed(&[n; 32])
    }

    pub(crate) fn archive() -> Role {
        Role::Archive
    }

    fn draft(seq: u64, items: Vec<(Entry, Option<Attachment>)>) -> ClaimDraft {
        let prev_claim_sha256 = if seq == 0 { NO_CLAIM } else { Digest::of(b"before") };
        let archive_id = ArchiveId::from_bytes([7; 16]);
        ClaimDraft { archive_id, seq, prev_claim_sha256, nonce: [9; 16], items }
    }

    fn close(number: u64) -> (Entry, Option<Attachment>) {
        let shard = Shard::WHOLE;
        let close = window(number, shard);
        (Entry::new(at(1), EntryKind::WindowClose(close)), None)
    }

    fn verified(bytes: &[u8]) -> Result<VerifiedClaim, ClaimError> {
        UnverifiedClaim::parse(bytes)?.verify(|id| (id == key(1).id()).then(|| key(1).public()))
    }

    #[test]
    fn a_claim_survives_the_round_trip() {
        let ranges = RangeList::new(Vec::new()).unwrap();
        let seal = crate::entry::Seal { ranges_sha256: ranges.digest(), ..seal() };
        let seal = Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal)));
        let items = vec![(seal.clone(), Some(ranges.clone().into())), close(0)];
        let signed = draft(1, items).sign(&key(1)).unwrap();
        let read = verified(signed.bytes()).unwrap();
        assert_eq!(read.digest(), Digest::of(signed.bytes()));
        assert_eq!(read.items(), signed.items());
        assert_eq!((read.seq(), read.key_id(), read.nonce()), (1, key(1).id(), &[9; 16]));
        assert_eq!(read.items()[0].leaf(), seal.encode());
        assert_eq!(read.items()[0].ranges(), Some(&ranges));
        assert_eq!(read.prev_claim_sha256(), Digest::of(b"before"));
    }

    #[test]
    fn every_flipped_bit_of_a_claim_is_refused() {
        let bytes = draft(1, vec![close(0)]).sign(&key(1)).unwrap().bytes().to_vec();
        for at in 0..bytes.len() {
            for bit in [0, 5, 7] {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(verified(&flipped).is_err(), "byte {at}, bit {bit}");
            }
            assert!(verified(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_signer_is_one_that_the_log_knows() {
        let signed = draft(3, vec![close(0)]).sign(&key(2)).unwrap();
        let error = verified(signed.bytes()).unwrap_err();
        assert_eq!(error, ClaimError::UnknownKey { seq: 3, key_id: key(2).id() });
        let parsed = UnverifiedClaim::parse(signed.bytes()).unwrap();
        let error = parsed.verify(|_| Some(key(1).public())).unwrap_err();
        assert!(matches!(error, ClaimError::Signature { seq: 3, .. }));
    }

    #[test]
    fn the_first_claim_registers_its_own_signer() {
        let open = opening(&[(&key(1), archive()), (&key(2), Role::Export)]);
        let first = |draft: ClaimDraft, signer: &RoleKey| {
            let signed = draft.sign(signer).unwrap();
            UnverifiedClaim::parse(signed.bytes()).unwrap().verify_first().err()
        };
        assert_eq!(first(draft(0, vec![(open.clone(), None)]), &key(1)), None);
        let unknown = |n| Some(ClaimError::UnknownKey { seq: 0, key_id: key(n).id() });
        assert_eq!(first(draft(0, vec![(open.clone(), None)]), &key(2)), unknown(2));
        assert_eq!(first(draft(0, vec![(open.clone(), None)]), &key(3)), unknown(3));
        let refused = |seq| Some(ClaimError::Opening { seq });
        assert_eq!(first(draft(0, vec![close(0)]), &key(1)), refused(0));
        assert_eq!(first(draft(0, vec![(open.clone(), None), close(0)]), &key(1)), refused(0));
        assert_eq!(first(draft(1, vec![(open.clone(), None)]), &key(1)), refused(1));
        let elsewhere = ClaimDraft {
            archive_id: ArchiveId::from_bytes([8; 16]),
            ..draft(0, vec![(open.clone(), None)])
        };
        assert_eq!(first(elsewhere, &key(1)), refused(0));
        let signed = draft(0, vec![(open, None)]).sign(&key(1)).unwrap();
        assert_eq!(verified(signed.bytes()).unwrap_err(), ClaimError::Opening { seq: 0 });
    }

    #[test]
    fn an_entry_and_what_it_names_stand_together_or_not_at_all() {
        let ranges = Attachment::from(RangeList::new(Vec::new()).unwrap());
        let list = SegmentList::new(vec![id(1)]).unwrap();
        let other = Attachment::from(SegmentList::new(vec![id(2)]).unwrap());
        let order = |list: Digest| {
            let order = crate::entry::tests::order("o", list);
            Entry::new(at(1), EntryKind::DispositionOrder(Box::new(order)))
        };
        let signed = draft(1, vec![(order(list.digest()), Some(list.clone().into()))]);
        let read = verified(signed.sign(&key(1)).unwrap().bytes()).unwrap();
        assert_eq!(read.items()[0].attachment().and_then(Attachment::list), Some(&list));
        let sealed = Entry::new(at(1), EntryKind::SegmentSeal(Box::new(seal())));
        let abandon = Abandon { segment_id: id(1), until: at(9) };
        let abandon = Entry::new(at(1), EntryKind::SegmentAbandon(abandon));
        for item in [
            (sealed.clone(), None),
            (sealed, Some(ranges)),
            (abandon, Some(other.clone())),
            (order(list.digest()), None),
            (order(list.digest()), Some(other)),
        ] {
            let error = draft(1, vec![close(0), item]).sign(&key(1)).unwrap_err();
            assert_eq!(error, ClaimError::Details { index: 1 });
        }
    }

    #[test]
    fn a_claim_has_one_to_a_thousand_entries_and_at_most_a_mebibyte() {
        let sign = |count: u64| draft(1, (0..count).map(close).collect()).sign(&key(1)).err();
        assert_eq!(sign(0), Some(ClaimError::Entries { found: 0 }));
        assert_eq!(sign(1_000), None);
        assert_eq!(sign(1_001), Some(ClaimError::Entries { found: 1_001 }));
        let padded = |length: usize| {
            let start = "{\"at\":\"2026-11-21T08:00:00.000Z\",\"crit\":false,\"type\":\"";
            let text = format!("{start}{}\",\"v\":1}}", "x".repeat(length));
            (Entry::parse(text.as_bytes()).unwrap(), None)
        };
        let error = draft(1, vec![padded(4_000); 300]).sign(&key(1)).unwrap_err();
        assert!(matches!(error, ClaimError::TooLong { .. }));
        let error = UnverifiedClaim::parse(&vec![b' '; MAX_CLAIM_BYTES + 1]).unwrap_err();
        assert!(matches!(error, ClaimError::TooLong { found: 1_048_577 }));
    }

    #[test]
    fn an_entry_that_cannot_be_read_stays_a_leaf() {
        let mut members = Members::default();
        members.insert("type", "segment.seal");
        members.insert("v", 1);
        let broken = Value::Object(members);
        let items = items(vec![broken.clone()], vec![Value::Null]).unwrap();
        assert_eq!(items[0].leaf(), broken.to_canonical());
        let long = Value::from("x".repeat(MAX_ENTRY_BYTES));
        let error = super::items(vec![long], vec![Value::Null]).unwrap_err();
        assert_eq!(error, ClaimError::EntryTooLong { index: 0, found: 4_098 });
    }
}
