//! What was to be archived, framed without the archiver's help.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;

use super::{Audit, Content, Findings, Place, Record};

/// The content that a file has or had: one generation of an origin. Its lines are its records;
/// empty lines are not provided for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// The stream.
    pub stream: String,
    /// The origin's name.
    pub origin: String,
    /// The generation.
    pub generation: u64,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
}

impl Source {
    /// The first content of an origin.
    pub fn new(stream: &str, origin: &str, bytes: &[u8]) -> Self {
        Self::of_generation(stream, origin, 0, bytes)
    }

    /// A later one.
    pub fn of_generation(stream: &str, origin: &str, generation: u64, bytes: &[u8]) -> Self {
        let (stream, origin) = (stream.to_owned(), origin.to_owned());
        Self { stream, origin, generation, bytes: bytes.to_vec() }
    }

    fn place(&self) -> Place {
        (self.stream.clone(), self.origin.clone(), self.generation)
    }

    /// Every line: what lies between line feeds.
    fn records(&self) -> Vec<Record> {
        let mut at = 0;
        let mut records = Vec::new();
        for line in self.bytes.split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                records.push(Record {
                    stream: self.stream.clone(),
                    origin: self.origin.clone(),
                    generation: self.generation,
                    offset: at,
                    sha256: Digest::of(line),
                });
            }
            at += line.len() as u64 + 1;
        }
        records
    }
}

/// Requires that an archive holds these contents and nothing else: nothing lost, nothing doubled.
///
/// # Errors
///
/// What differs.
pub fn compare(audit: &Audit, sources: &[Source]) -> Result<(), Findings> {
    let mut findings = Findings::default();
    let wanted: BTreeMap<Place, Content> = sources
        .iter()
        .filter(|source| !source.bytes.is_empty())
        .map(|source| {
            let (len, sha256) = (source.bytes.len() as u64, Digest::of(&source.bytes));
            (source.place(), Content { len, sha256 })
        })
        .collect();
    for (place, content) in &wanted {
        match audit.contents.get(place) {
            None => findings.add(format!("{place:?} is missing")),
            Some(found) if found.len != content.len => {
                findings.add(format!("{place:?} has {} of {} bytes", found.len, content.len));
            }
            Some(found) => {
                findings.require(found == content, || format!("{place:?} has other bytes"));
            }
        }
    }
    for place in audit.contents.keys().filter(|place| !wanted.contains_key(*place)) {
        findings.add(format!("{place:?} was never there"));
    }
    let mut count: BTreeMap<Record, i64> = BTreeMap::new();
    for record in sources.iter().flat_map(Source::records) {
        *count.entry(record).or_default() += 1;
    }
    for record in &audit.records {
        *count.entry(record.clone()).or_default() -= 1;
    }
    for (record, missing) in count.into_iter().filter(|(_, missing)| *missing != 0) {
        let what = if missing > 0 { "is lost" } else { "is doubled or was never there" };
        findings.add(format!("{record:?} {what}"));
    }
    findings.into_result()
}

/// Requires that what an archive holds is how these contents begin, up to the end of a line.
///
/// # Errors
///
/// What differs.
pub fn compare_claimed(audit: &Audit, sources: &[Source]) -> Result<(), Findings> {
    let claimed = sources.iter().filter_map(|source| {
        let content = audit.contents.get(&source.place())?;
        let len = usize::try_from(content.len).unwrap().min(source.bytes.len());
        Some(Source { bytes: source.bytes[..len].to_vec(), ..source.clone() })
    });
    compare(audit, &claimed.collect::<Vec<_>>())
}
