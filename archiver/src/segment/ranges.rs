//! The ranges as the file's footer names them: by origin, for those who have the key.

use strongroom_crypto::b64;
use strongroom_crypto::json::{self, JsonError, ObjectReader, Value};

/// Longest list: thousands of ranges, and tails that a `max_record` bounds.
const MAX_RANGES_BYTES: usize = 256 << 20;

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

/// Reads the footer's list: `crypto/FORMAT.md` section 4.
pub(super) fn parse_ranges(text: &str) -> Option<Vec<StoredRange>> {
    let Value::Array(items) = json::parse(text.as_bytes(), MAX_RANGES_BYTES).ok()? else {
        return None;
    };
    items.into_iter().map(range).collect::<Result<_, _>>().ok()
}

fn range(item: Value) -> Result<StoredRange, JsonError> {
    let mut members = ObjectReader::new(item)?;
    let tail = members.text("tail")?;
    let range = StoredRange {
        origin: members.text("origin")?,
        generation: members.u64("generation")?,
        start: members.u64("start")?,
        end: members.u64("end")?,
        tail: b64::decode(&tail).map_err(|error| members.refused("tail", error))?,
    };
    members.finish()?;
    Ok(range)
}
