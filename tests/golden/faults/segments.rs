//! Segments: the first of the golden archive, which is the smallest.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use strongroom_archiver::segment::{OpenSegment, Shaper};
use strongroom_crypto::keys::{DataKey, KeyMaterial};
use strongroom_crypto::{ArchiveId, SegmentId};

use super::{Fault, Good, fault, flipped};
use crate::archive::Golden;

fn good(golden: &Golden) -> Vec<u8> {
    golden.segment(&golden.seals[0])
}

/// A segment without records, whose key metadata may name another archive or segment than its file does.
fn made(golden: &Golden, file: (ArchiveId, SegmentId), named: (ArchiveId, SegmentId)) -> Vec<u8> {
    let name = golden.seals[0].seal.period_key;
    let period = golden.keyring.period_by_name(name).unwrap();
    let mut entropy = |out: &mut [u8]| out.fill(0x5a);
    let key = DataKey::from_bytes(&[0x33; 32]);
    let wrapped = period.wrap(&key, named.0, named.1, &mut entropy).unwrap();
    let id = name.to_string();
    let material =
        KeyMaterial::new(id.split('/').next().unwrap(), name.generation, wrapped).unwrap();
    let mut segment = OpenSegment::new(file.0, file.1, "app", key);
    let range = segment.range("file:app.log", 0, 0);
    segment.set_tail(range, b"\n".to_vec());
    segment.seal(&Shaper::default(), &material.to_string()).unwrap().encoded.bytes
}

pub(super) fn accepted(golden: &Golden) -> Vec<Good> {
    let own = (golden.state.archive_id(), golden.seals[0].seal.segment_id);
    vec![
        ("segment_raw.parquet".into(), good(golden)),
        ("segment_of_a_tail_alone.parquet".into(), made(golden, own, own)),
    ]
}

pub(super) fn faults(golden: &Golden) -> Vec<Fault> {
    let good = good(golden);
    let own = (golden.state.archive_id(), golden.seals[0].seal.segment_id);
    let other_archive = (ArchiveId::from_bytes([7; 16]), own.1);
    let other_segment = (own.0, golden.seals[2].seal.segment_id);
    let end = good.len();
    vec![
        fault(
            "segment_other_archive.parquet",
            "a file of another archive",
            made(golden, other_archive, own),
        ),
        fault(
            "segment_other_segment.parquet",
            "a file of another segment",
            made(golden, other_segment, own),
        ),
        fault(
            "segment_key_of_another_archive.parquet",
            "a wrapped key that names another archive",
            made(golden, own, other_archive),
        ),
        fault(
            "segment_key_of_another_segment.parquet",
            "a wrapped key that names another segment",
            made(golden, own, other_segment),
        ),
        fault(
            "segment_in_another_place.parquet",
            "another segment of the archive",
            golden.segment(&golden.seals[2]),
        ),
        fault("segment_column_flipped.parquet", "one bit of a column", flipped(&good, 60)),
        fault("segment_footer_flipped.parquet", "one bit of the footer", flipped(&good, end - 40)),
        fault(
            "segment_length_of_footer_flipped.parquet",
            "one bit of the footer's length",
            flipped(&good, end - 8),
        ),
        fault(
            "segment_magic_flipped.parquet",
            "one bit of the last four bytes",
            flipped(&good, end - 1),
        ),
        fault("segment_cut_off.parquet", "the last byte is missing", &good[..end - 1]),
        fault("segment_empty.parquet", "no bytes", ""),
        fault("segment_not_encrypted.parquet", "not Parquet", "PAR1 no segment at all PAR1"),
        fault("segment_in_the_clear.parquet", "a file that needs no key", forged()),
    ]
}

/// What somebody without a key can write in the place of a segment: all that a reader looks for, but not encrypted.
fn forged() -> Vec<u8> {
    let raw: &[u8] = b"never archived";
    let received = TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 5] = [
        ("received", Arc::new(received)),
        ("origin", Arc::new(Int32Array::from(vec![0]))),
        ("offset", Arc::new(Int64Array::from(vec![0]))),
        ("lead", Arc::new(BinaryArray::from(vec![&b""[..]]))),
        ("raw", Arc::new(BinaryArray::from(vec![raw]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let range = r#"[{"end":14,"generation":0,"origin":"file:app.log","start":0,"tail":""}]"#;
    let pairs = [("format", "1"), ("layout", "raw"), ("ranges", range), ("stream", "app")];
    let pair =
        |(key, value): (&str, &str)| KeyValue::new(format!("strongroom.{key}"), value.to_owned());
    let properties = WriterProperties::builder()
        .set_created_by("somebody".to_owned())
        .set_key_value_metadata(Some(pairs.map(pair).to_vec()))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}
