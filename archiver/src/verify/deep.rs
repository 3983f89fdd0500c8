//! A segment from the inside: decrypted, decoded, and every leaf hashed again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use strongroom_crypto::entry::{Seal, TimeRange};
use strongroom_crypto::keys::{DataKey, KeyMaterial, OriginKey};
use strongroom_crypto::manifest::Manifest;
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest, SegmentId, Sha512Digest};

use super::fold::Fold;
use super::replay::{Refused, Replay};
use super::{Audit, Mark, VerifyError};
use crate::log::Keyring;
use crate::segment::{Decoded, Meanings, SegmentReader};
use crate::store::{ObjectKey, StoreError};

/// What it takes to open segments.
pub(super) struct Deep<'a, 'b> {
    audit: &'a Audit<'b>,
    keyring: &'a Arc<Keyring>,
    /// None if it does not open, which is a finding of its own.
    origin: Option<OriginKey>,
    archive: ArchiveId,
}

/// The data key that was found for a file, or why there is none.
type Slot = Arc<Mutex<Option<Result<DataKey, String>>>>;

impl<'a, 'b> Deep<'a, 'b> {
    /// None if only the outside is to be verified.
    pub(super) fn new(audit: &'a Audit<'b>, fold: &Fold) -> Option<Self> {
        let keyring = audit.options.keys.filter(|_| audit.options.deep)?;
        let archive = fold.archive_id().unwrap_or_else(|| keyring.archive_id());
        Some(Self { audit, keyring, origin: keyring.origin().ok(), archive })
    }

    /// Reads a segment whose length is right.
    pub(super) fn check(
        &self,
        seal: &Seal,
        manifest: Option<&Manifest>,
    ) -> Result<(), VerifyError> {
        let key = ObjectKey::new(seal.object.as_str())?;
        let fail = |check, detail: String| self.audit.note(check, &key, Mark::Fail, detail);
        let bytes = match self.audit.store.get(&key, self.audit.covered.version(&key).as_ref()) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                fail("segment", "it is missing".into());
                return Ok(());
            }
            Err(StoreError::Corrupt { detail, .. }) => {
                fail("segment", detail);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if Digest::of(&bytes) != seal.object_sha256 {
            fail("segment", "its SHA-256 is not what was sealed".into());
            return Ok(());
        }
        if manifest.is_some_and(|manifest| Sha512Digest::of(&bytes) != manifest.sha512) {
            fail("segment", "its SHA-512 is not what its manifest says".into());
        }
        if !is_of_its_month(seal) {
            fail(
                "period-key",
                format!("{} is not the key of this stream, class and month", seal.period_key),
            );
        }
        // What is decoded was signed for: a decoder that fails on it is a finding all the same, not the end.
        let decoded =
            catch_unwind(AssertUnwindSafe(|| self.decode(Bytes::from(bytes), seal, manifest)));
        match decoded {
            Ok(Ok(())) => {}
            Ok(Err(Refused { check, detail })) => fail(check, detail),
            Err(_) => fail("decode", "the decoder gave up".into()),
        }
        Ok(())
    }

    fn decode(
        &self,
        bytes: Bytes,
        seal: &Seal,
        manifest: Option<&Manifest>,
    ) -> Result<(), Refused> {
        let (reader, key) = self.open(bytes, seal)?;
        if reader.stream != seal.stream.as_str() {
            return Err(Refused::new("decode", format!("it is of stream `{}`", reader.stream)));
        }
        if reader.rows != seal.events.count {
            return Err(Refused::new(
                "decode",
                format!("it has {} rows, {} were sealed", reader.rows, seal.events.count),
            ));
        }
        if manifest.is_some_and(|manifest| manifest.schema_sha256 != reader.schema) {
            let detail = "its columns are not those of its manifest".to_owned();
            return Err(Refused::new("schema", detail));
        }
        let mut replay = Replay::new(self.archive, &key, seal, &reader.ranges);
        if let (Some(origin), Some(manifest)) = (&self.origin, manifest) {
            replay.compare(origin, manifest)?;
        }
        let mut told = Told::default();
        reader.for_each(|record| {
            replay.record(record)?;
            told.record(record)
        })?;
        replay.finish(self.origin.as_ref(), seal)?;
        told.compare(seal, manifest)
    }

    fn open(&self, bytes: Bytes, seal: &Seal) -> Result<(SegmentReader, DataKey), Refused> {
        let slot = Slot::default();
        let (keyring, shared) = (Arc::clone(self.keyring), Arc::clone(&slot));
        let (id, expected) = (seal.segment_id, seal.period_key);
        let opened = SegmentReader::open(bytes, self.archive, id, move |metadata| {
            let key = data_key(&keyring, metadata, id, expected);
            let copy = key.as_ref().ok().map(|key| DataKey::from_bytes(key.expose()));
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
            copy
        });
        let key = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (opened, key) {
            (_, Some(Err(detail))) => Err(Refused::new("period-key", detail)),
            (Err(error), _) => Err(Refused::new("decode", error.to_string())),
            (Ok(_), None) => Err(Refused::new("decode", "it is not encrypted".to_owned())),
            (Ok(reader), Some(Ok(key))) => Ok((reader, key)),
        }
    }
}

/// What the records of a segment say of their events.
#[derive(Default)]
struct Told {
    meanings: Meanings,
    event_time: Option<(i64, i64)>,
    duplicates: u64,
}

impl Told {
    /// Takes the next row.
    fn record(&mut self, record: &Decoded<'_>) -> Result<(), Refused> {
        let said = self.meanings.read(record.raw);
        if record.stored_time_us().is_some_and(|stored| stored != said.time_us) {
            let detail =
                format!("row {}: its column `time` is not what its record says", record.row);
            return Err(Refused::new("times", detail));
        }
        if let Some(time) = said.time_us {
            let (least, most) = self.event_time.unwrap_or((time, time));
            self.event_time = Some((least.min(time), most.max(time)));
        }
        self.duplicates += u64::from(said.repeats);
        Ok(())
    }

    /// Compares with what was stated.
    fn compare(&self, seal: &Seal, manifest: Option<&Manifest>) -> Result<(), Refused> {
        let ms = |us: i64| Instant::from_unix_ms(us.div_euclid(1_000));
        let found = self.event_time;
        let found = found.and_then(|(least, most)| TimeRange::new(ms(least)?, ms(most)?));
        if found != seal.event_time {
            let detail = "its event times are not those that were sealed".to_owned();
            return Err(Refused::new("times", detail));
        }
        // How many were rejected depends on how the source was framed, which the segment does not say.
        match manifest.map(|manifest| manifest.counts.duplicates) {
            Some(stated) if stated != self.duplicates => {
                let detail =
                    format!("it has {} duplicates, its manifest says {stated}", self.duplicates);
                Err(Refused::new("counts", detail))
            }
            _ => Ok(()),
        }
    }
}

/// Unwraps the key that the file names, which must be under the period key that the log names.
fn data_key(
    keyring: &Keyring,
    metadata: &[u8],
    id: SegmentId,
    expected: PeriodKeyName,
) -> Result<DataKey, String> {
    let text =
        std::str::from_utf8(metadata).map_err(|_| "its key metadata is no text".to_owned())?;
    let material = KeyMaterial::parse(text).map_err(|error| error.to_string())?;
    let named = format!("{}/{}", material.period(), material.generation());
    if named != expected.to_string() {
        return Err(format!("it names period key {named}, the log names {expected}"));
    }
    let period = keyring.period_by_name(expected).map_err(|error| error.to_string())?;
    let key = period.unwrap(material.wrapped(), keyring.archive_id(), id);
    key.map_err(|error| format!("period key {expected} does not open its data key: {error}"))
}

/// Whether the period key is that of the segment's stream, class and the month in its name.
fn is_of_its_month(seal: &Seal) -> bool {
    let mut parts = seal.object.as_str().split('/').skip(2);
    let (Some(year), Some(month)) = (parts.next(), parts.next()) else { return false };
    let first: Result<Instant, _> = format!("{year}-{month}-01T00:00:00.000Z").parse();
    first.is_ok_and(|day| {
        PeriodKeyName::of(&seal.stream, &seal.class, day, seal.period_key.generation)
            == seal.period_key
    })
}
