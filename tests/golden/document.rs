//! `crypto/FORMAT.md` shows real bytes: those of the golden archive, or the document is wrong.

use std::{fs, path::Path};

use arrow_array::cast::AsArray as _;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::encryption::decrypt::FileDecryptionProperties;
use strongroom_archiver::segment::Layout;
use strongroom_crypto::hex;
use strongroom_crypto::merkle::leaf_hash;
use strongroom_crypto::record::{LeafHasher, RecordRef, event_input, tail_input};

use super::archive::{Golden, Opened};
use super::faults;
use super::vectors::refusals;

/// Bytes of hex on one line.
const HEX_LINE: usize = 128;
/// Before and after the table of refusals.
const SECTION: &str = "## 12. What a reader refuses\n";

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crypto/FORMAT.md")
}

fn lines_of_hex(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let lines = digits.as_bytes().chunks(HEX_LINE).map(|line| std::str::from_utf8(line).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The first segment of a layout.
fn opened(golden: &Golden, layout: Layout) -> (String, Opened) {
    let mut seals = golden.seals.iter().map(|sealed| {
        (sealed.seal.stream.to_string(), golden.decrypt(sealed, golden.segment(sealed)).unwrap())
    });
    seals.find(|(_, opened)| opened.layout == layout).unwrap()
}

/// The leaf inputs of the first record and of the tail of the first segment, with their hashes.
fn leaves(golden: &Golden) -> Vec<(&'static str, String)> {
    let (stream, opened) = opened(golden, Layout::Raw);
    let archive = golden.state.archive_id();
    let mut hasher = LeafHasher::new(&opened.key, archive, &stream);
    let (row, range) = (&opened.rows[0], &opened.ranges[opened.rows[0].range]);
    let record = RecordRef {
        received_us: row.received_us.cast_unsigned(),
        origin: &range.origin,
        generation: range.generation,
        offset: row.offset,
        lead: &row.lead,
        raw: &row.raw,
    };
    let event = event_input(&hasher.salt(0), archive, &stream, &record).unwrap();
    let (number, at) = (opened.rows.len() as u64, range.end - range.tail.len() as u64);
    let salt = hasher.salt(number);
    let tail =
        tail_input(&salt, archive, &range.origin, range.generation, at, &range.tail).unwrap();
    assert_eq!(leaf_hash(&event), hasher.event(0, &record).unwrap());
    vec![
        ("data-key", hex::encode(opened.key.expose())),
        ("leaf-input", lines_of_hex(&event)),
        ("leaf-hash", leaf_hash(&event).to_string()),
        ("tail-input", lines_of_hex(&tail)),
        ("tail-hash", leaf_hash(&tail).to_string()),
    ]
}

/// The first record of the first shredded segment, and the definitions of its file.
fn template(golden: &Golden) -> Vec<(&'static str, String)> {
    let (_, opened) = opened(golden, Layout::Shredded);
    let object = golden
        .seals
        .iter()
        .find(|sealed| sealed.seal.stream.as_str() == "kubernetes-audit")
        .unwrap();
    let key = opened.key.expose().to_vec();
    let decryption = FileDecryptionProperties::builder(key).build().unwrap();
    let options = ArrowReaderOptions::new().with_file_decryption_properties(decryption);
    let file = Bytes::from(golden.segment(object));
    let mut reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .unwrap()
        .build()
        .unwrap();
    let batch = reader.next().unwrap().unwrap();
    let definitions =
        batch.column_by_name("definitions").unwrap().as_binary::<i32>().value(0).to_vec();
    let record = String::from_utf8(opened.rows[0].raw.clone()).unwrap();
    vec![("record", record), ("definitions", lines_of_hex(&definitions))]
}

/// Every example, in the order of the document.
fn examples(golden: &Golden) -> Vec<(&'static str, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut out = leaves(golden);
    out.extend(template(golden));
    out.extend([
        ("key-material", faults::key_material(golden)),
        ("manifest", text(&golden.manifest_bytes(&golden.seals[0]))),
        ("entry", text(golden.leaves()[1])),
        ("entry-leaf-hash", leaf_hash(golden.leaves()[1]).to_string()),
        ("claim", text(golden.claims[2].bytes())),
        ("checkpoint", golden.head.note.trim_end().to_owned()),
        ("wrapped-key", text(&golden.object("keys/origin/0"))),
    ]);
    out
}

/// The blocks of the document that are marked as vectors: name and content.
fn blocks(document: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once("\n```vector ") {
        let (name, after) = after.split_once('\n').unwrap();
        let (content, after) = after.split_once("\n```").expect("a block without an end");
        found.push((name.to_owned(), content.to_owned()));
        rest = after;
    }
    found
}

/// Puts today's examples and refusals into the document.
pub(crate) fn write(golden: &Golden) {
    let mut document = fs::read_to_string(path()).unwrap();
    let examples = examples(golden);
    for (name, old) in blocks(&document) {
        let (_, new) =
            examples.iter().find(|(known, _)| *known == name).expect("an example of this name");
        document = document.replacen(
            &format!("```vector {name}\n{old}\n```"),
            &format!("```vector {name}\n{new}\n```"),
            1,
        );
    }
    let (before, section) = document.split_once(SECTION).unwrap();
    let intro = section.split("\n| vector |").next().unwrap();
    let text = fs::read_to_string(super::vectors_folder().join("refused.tsv")).unwrap();
    let rows: String = text.lines().map(row).collect();
    let head = "\n| vector | what is wrong | error |\n| --- | --- | --- |\n";
    fs::write(
        path(),
        format!("{before}{SECTION}{}{head}{rows}", intro.trim_end_matches('\n').to_owned() + "\n"),
    )
    .unwrap();
}

fn row(line: &str) -> String {
    let cells: Vec<String> = line.split('\t').map(|cell| cell.replace('|', "\\|")).collect();
    format!("| `{}` | {} | {} |\n", cells[0], cells[1], cells[2])
}

#[test]
fn the_document_shows_real_bytes() {
    let golden = Golden::open();
    let document = fs::read_to_string(path()).unwrap();
    let (shown, real) = (blocks(&document), examples(&golden));
    for (name, content) in &real {
        let block = shown.iter().find(|(shown, _)| shown == name);
        assert_eq!(block.map(|(_, content)| content), Some(content), "{name}");
    }
    assert_eq!(shown.len(), real.len(), "a block shows what nobody checks");
}

#[test]
fn the_document_lists_every_refusal() {
    let listed = refusals();
    assert!(!listed.is_empty());
    let document = fs::read_to_string(path()).unwrap();
    let (_, section) = document.split_once(SECTION).expect("section 12");
    let (_, rows) = section.split_once("| --- | --- | --- |\n").expect("the table of section 12");
    let text = fs::read_to_string(super::vectors_folder().join("refused.tsv")).unwrap();
    assert_eq!(rows, text.lines().map(row).collect::<String>());
}
