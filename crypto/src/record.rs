//! The leaf of a record: what exactly is hashed, and the salt that keeps it unguessable.
//!
//! ```text
//! salt_i      block i of the AES-256-CTR keystream (zero IV) under
//!             HKDF-SHA-256(no salt, data key, info "strongroom/leaf-salt/v1"); i = row number
//! leaf input  "strongroom/event/v1\0" || salt_i || archive_id[16] || str16 stream || u64 received_us
//!             || str16 origin || u64 generation || u64 offset || str32 lead || u16 n
//!             || n*(u32 pos || u32 len) || str32 sealed raw bytes
//! tail input  "strongroom/tail/v1\0" || salt || archive_id[16] || str16 origin || u64 generation
//!             || u64 offset || str32 bytes
//! leaf hash   SHA-256(0x00 || input), as in RFC 6962
//! ```
//!
//! Numbers are big-endian; strN is a length in N bits, then the bytes.

use std::fmt;

use aes::{
    Aes256, Block,
    cipher::{BlockCipherEncrypt as _, KeyInit as _},
};

use crate::{
    digest::{Digest, Hasher},
    id::ArchiveId,
    keys::{DataKey, derive},
};

const EVENT_LABEL: &[u8] = b"strongroom/event/v1\0";
const TAIL_LABEL: &[u8] = b"strongroom/tail/v1\0";
const SALT_INFO: &[u8] = b"strongroom/leaf-salt/v1";

/// The prefix that RFC 6962 gives leaves.
const LEAF: u8 = 0;

/// Sealed tokens in a record: personal values are not replaced yet.
const NO_TOKENS: u16 = 0;

/// The salt of one leaf.
pub type Salt = [u8; 16];

/// A field that is longer than its length can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} of {found} bytes exceeds the {bits}-bit length of its field")]
pub struct FieldTooLong {
    field: &'static str,
    found: usize,
    bits: u8,
}

/// One record as it is hashed.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// When it was received, in microseconds since 1970.
    pub received_us: u64,
    /// Where it came from.
    pub origin: &'a str,
    /// Which file or object of that name.
    pub generation: u64,
    /// Where it begins there, in decoded bytes.
    pub offset: u64,
    /// The bytes between the record before and this one.
    pub lead: &'a [u8],
    /// The record, byte for byte.
    pub raw: &'a [u8],
}

/// Hashes the leaves of one segment.
pub struct LeafHasher {
    archive: ArchiveId,
    stream: String,
    salts: Salts,
    /// Everything before the raw bytes, kept for its capacity.
    head: Vec<u8>,
}

impl fmt::Debug for LeafHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hasher = f.debug_struct("LeafHasher");
        hasher.field("archive", &self.archive).field("stream", &self.stream);
        hasher.finish_non_exhaustive()
    }
}

impl LeafHasher {
    /// Prepares for the segment that `dek` encrypts.
    pub fn new(dek: &DataKey, archive: ArchiveId, stream: &str) -> Self {
        let salts = Salts::new(dek);
        Self { archive, stream: stream.to_owned(), salts, head: Vec::new() }
    }

    /// The salt of a row, as an export discloses it.
    pub fn salt(&mut self, row: u64) -> Salt {
        self.salts.at(row)
    }

    /// The leaf hash of a record.
    ///
    /// # Errors
    ///
    /// Refuses a field that is longer than its length can say.
    pub fn event(&mut self, row: u64, record: &RecordRef<'_>) -> Result<Digest, FieldTooLong> {
        let salt = self.salts.at(row);
        self.head.clear();
        self.head.push(LEAF);
        put_event_head(&mut self.head, &salt, self.archive, &self.stream, record)?;
        Ok(hash(&self.head, record.raw))
    }

    /// The leaf hash of the bytes after the last record of an origin. Tails follow the records and are
    /// numbered on.
    ///
    /// # Errors
    ///
    /// Refuses a field that is longer than its length can say.
    pub fn tail(
        &mut self,
        row: u64,
        origin: &str,
        generation: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Digest, FieldTooLong> {
        let salt = self.salts.at(row);
        self.head.clear();
        self.head.push(LEAF);
        let at = Position { origin, generation, offset };
        put_tail_head(&mut self.head, &salt, self.archive, at, bytes)?;
        Ok(hash(&self.head, bytes))
    }
}

/// The leaf input of a record, for exports and for those who check them with a disclosed salt. Its
/// hash is [`crate::merkle::leaf_hash`].
///
/// # Errors
///
/// Refuses a field that is longer than its length can say.
pub fn event_input(
    salt: &Salt,
    archive: ArchiveId,
    stream: &str,
    record: &RecordRef<'_>,
) -> Result<Vec<u8>, FieldTooLong> {
    let mut input = Vec::new();
    put_event_head(&mut input, salt, archive, stream, record)?;
    input.extend_from_slice(record.raw);
    Ok(input)
}

/// The leaf input of the bytes after the last record of an origin.
///
/// # Errors
///
/// Refuses a field that is longer than its length can say.
pub fn tail_input(
    salt: &Salt,
    archive: ArchiveId,
    origin: &str,
    generation: u64,
    offset: u64,
    bytes: &[u8],
) -> Result<Vec<u8>, FieldTooLong> {
    let mut input = Vec::new();
    let at = Position { origin, generation, offset };
    put_tail_head(&mut input, salt, archive, at, bytes)?;
    input.extend_from_slice(bytes);
    Ok(input)
}

#[derive(Clone, Copy)]
struct Position<'a> {
    origin: &'a str,
    generation: u64,
    offset: u64,
}

/// Everything of a record's leaf input before the raw bytes themselves.
fn put_event_head(
    out: &mut Vec<u8>,
    salt: &Salt,
    archive: ArchiveId,
    stream: &str,
    record: &RecordRef<'_>,
) -> Result<(), FieldTooLong> {
    let RecordRef { received_us, origin, generation, offset, lead, raw } = *record;
    out.extend_from_slice(EVENT_LABEL);
    out.extend_from_slice(salt);
    out.extend_from_slice(archive.as_bytes());
    put_str16(out, "stream", stream.as_bytes())?;
    out.extend_from_slice(&received_us.to_be_bytes());
    put_position(out, Position { origin, generation, offset })?;
    put_length32(out, "lead", lead)?;
    out.extend_from_slice(lead);
    out.extend_from_slice(&NO_TOKENS.to_be_bytes());
    put_length32(out, "record", raw)
}

fn put_tail_head(
    out: &mut Vec<u8>,
    salt: &Salt,
    archive: ArchiveId,
    at: Position<'_>,
    bytes: &[u8],
) -> Result<(), FieldTooLong> {
    out.extend_from_slice(TAIL_LABEL);
    out.extend_from_slice(salt);
    out.extend_from_slice(archive.as_bytes());
    put_position(out, at)?;
    put_length32(out, "tail", bytes)
}

fn put_position(out: &mut Vec<u8>, at: Position<'_>) -> Result<(), FieldTooLong> {
    put_str16(out, "origin", at.origin.as_bytes())?;
    out.extend_from_slice(&at.generation.to_be_bytes());
    out.extend_from_slice(&at.offset.to_be_bytes());
    Ok(())
}

/// Appends a length in two bytes, then the bytes.
pub(crate) fn put_str16(
    out: &mut Vec<u8>,
    field: &'static str,
    bytes: &[u8],
) -> Result<(), FieldTooLong> {
    let too_long = |_| FieldTooLong { field, found: bytes.len(), bits: 16 };
    out.extend_from_slice(&u16::try_from(bytes.len()).map_err(too_long)?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends a length in four bytes alone.
fn put_length32(out: &mut Vec<u8>, field: &'static str, bytes: &[u8]) -> Result<(), FieldTooLong> {
    let too_long = |_| FieldTooLong { field, found: bytes.len(), bits: 32 };
    out.extend_from_slice(&u32::try_from(bytes.len()).map_err(too_long)?.to_be_bytes());
    Ok(())
}

fn hash(head: &[u8], bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(head);
    hasher.update(bytes);
    hasher.finish()
}

/// The keystream, eight neighbouring blocks at a time: the AES units need about as long for one.
struct Salts {
    cipher: Aes256,
    /// The row of the first block; a multiple of eight.
    first: u64,
    blocks: [Block; 8],
}

impl Salts {
    fn new(dek: &DataKey) -> Self {
        let key = derive(dek.expose(), SALT_INFO);
        let cipher = Aes256::new((&*key).into());
        let mut salts = Self { cipher, first: 0, blocks: [Block::default(); 8] };
        salts.fill(0);
        salts
    }

    fn at(&mut self, row: u64) -> Salt {
        let place = row & 7;
        let first = row ^ place;
        if first != self.first {
            self.fill(first);
        }
        // INVARIANT: three bits index eight blocks, so the default is never taken.
        let block = usize::try_from(place).ok().and_then(|place| self.blocks.get(place));
        block.copied().unwrap_or_default().into()
    }

    fn fill(&mut self, first: u64) {
        self.first = first;
        for (row, block) in (first..=first | 7).zip(&mut self.blocks) {
            *block = u128::from(row).to_be_bytes().into();
        }
        self.cipher.encrypt_blocks(&mut self.blocks);
    }
}

#[cfg(test)]
mod tests {
    use ctr::cipher::{KeyIvInit as _, StreamCipher as _};

    use super::*;
    use crate::merkle::leaf_hash;

    fn hasher() -> LeafHasher {
        LeafHasher::new(
            &DataKey::from_bytes(&[1; 32]),
            ArchiveId::from_bytes([2; 16]),
            "kubernetes",
        )
    }

    fn record() -> RecordRef<'static> {
        RecordRef {
            received_us: 1_700_000_000_000_000,
            origin: "file:audit.log",
            generation: 3,
            offset: 4_096,
            lead: b"\n",
            raw: br#"{"kind":"Event"}"#,
        }
    }

    #[test]
    fn salts_are_the_ctr_keystream_in_any_order() {
        let key = derive(&[1; 32], SALT_INFO);
        let mut stream = vec![0; 16 * 100];
        let mut cipher = ctr::Ctr128BE::<Aes256>::new((&*key).into(), &[0; 16].into());
        cipher.apply_keystream(&mut stream);
        let mut hasher = hasher();
        for row in (0..100).chain((0..100).rev()).chain([0, 99, 7, 8, 50]) {
            let at = usize::try_from(row).unwrap() * 16;
            assert_eq!(hasher.salt(row), stream[at..at + 16], "row {row}");
        }
        let last = hasher.salt(u64::MAX);
        assert_ne!(last, hasher.salt(u64::MAX - 1));
        assert_eq!(last, hasher.salt(u64::MAX));
    }

    #[test]
    fn a_leaf_is_the_hash_of_its_input() {
        let mut hasher = hasher();
        let archive = ArchiveId::from_bytes([2; 16]);
        for row in [0, 1, 9, 1_000_000] {
            let salt = hasher.salt(row);
            let input = event_input(&salt, archive, "kubernetes", &record()).unwrap();
            assert_eq!(hasher.event(row, &record()).unwrap(), leaf_hash(&input));
            let input = tail_input(&salt, archive, "file:audit.log", 3, 9, b"\n").unwrap();
            let tail = hasher.tail(row, "file:audit.log", 3, 9, b"\n").unwrap();
            assert_eq!(tail, leaf_hash(&input));
        }
    }

    #[test]
    fn the_bytes_are_those_of_another_implementation() {
        // Computed with Python's hashlib and cryptography from the format above.
        let mut hasher = hasher();
        let event = hasher.event(9, &record()).unwrap();
        assert_eq!(
            event.to_string(),
            "b66555a87273798663786ff90915736a701ac42388cd0fc92ce986fd65f3cb15"
        );
        let tail = hasher.tail(10, "file:audit.log", 3, 4_113, b"\n").unwrap();
        assert_eq!(
            tail.to_string(),
            "45666d3f34a88c3935292f99ca0efeb62bebde64da0f94d06a814d9d0018f884"
        );
    }

    #[test]
    fn every_field_counts() {
        let mut hasher = hasher();
        let base = hasher.event(0, &record()).unwrap();
        let altered = [
            RecordRef { received_us: 0, ..record() },
            RecordRef { origin: "file:audit.logx", ..record() },
            RecordRef { generation: 4, ..record() },
            RecordRef { offset: 4_097, ..record() },
            RecordRef { lead: b"", ..record() },
            RecordRef { raw: b"", ..record() },
            // Moving a byte from one field to the next changes the leaf too.
            RecordRef { lead: b"\n{", raw: br#""kind":"Event"}"#, ..record() },
        ];
        for record in altered {
            assert_ne!(hasher.event(0, &record).unwrap(), base, "{record:?}");
        }
        assert_ne!(hasher.event(1, &record()).unwrap(), base);
        let (dek, archive) = (DataKey::from_bytes(&[1; 32]), ArchiveId::from_bytes([2; 16]));
        for mut other in [
            LeafHasher::new(&DataKey::from_bytes(&[9; 32]), archive, "kubernetes"),
            LeafHasher::new(&dek, ArchiveId::from_bytes([9; 16]), "kubernetes"),
            LeafHasher::new(&dek, archive, "kubernete"),
        ] {
            assert_ne!(other.event(0, &record()).unwrap(), base);
        }
    }

    #[test]
    fn a_name_over_its_field_is_refused() {
        let long = "x".repeat(65_536);
        let record = RecordRef { origin: &long, ..record() };
        let error = hasher().event(0, &record).unwrap_err();
        assert_eq!(
            error.to_string(),
            "origin of 65536 bytes exceeds the 16-bit length of its field"
        );
        assert!(hasher().tail(0, &long, 0, 0, b"").is_err());
        let fits = RecordRef { origin: long.strip_prefix('x').unwrap(), ..record };
        assert!(hasher().event(0, &fits).is_ok());
    }

    #[test]
    fn a_hasher_prints_no_key() {
        let printed = format!("{:?}", hasher());
        assert!(printed.ends_with("stream: \"kubernetes\", .. }"), "{printed}");
    }
}
