//! The ranges as the file's footer names them: by origin, for those who have the key.

use strongroom_crypto::b64;

/// One range of a segment, origin by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredRange {
    /// The origin.
    pub origin: String,
    /// Its generation.
    pub generation: u64,
    /// First decoded byte.
    pub start: u64,
    /// End, tail included.
    pub end: u64,
    /// Bytes after the last record.
    pub tail: Vec<u8>,
}

/// TEMP
pub(super) fn parse_ranges(text: &str) -> Option<Vec<StoredRange>> {
    let mut out = Vec::new();
    for item in text.trim_matches(['[', ']']).split("},") {
        let field = |name: &str| {
            let at = item.split(&format!("\"{name}\":")).nth(1)?;
            Some(at.split([',', '}']).next()?.trim_matches('"').to_owned())
        };
        out.push(StoredRange { origin: field("origin")?, generation: field("generation")?.parse().ok()?, start: field("start")?.parse().ok()?, end: field("end")?.parse().ok()?, tail: b64::decode(&field("tail")?).ok()? });
    }
    Some(out)
}
