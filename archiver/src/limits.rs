//! Every bound of a run, with its unit.

use std::time::Duration;

/// The bounds that a configuration may set; each has a default, a least and a greatest value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes that open segments may hold before the largest is sealed.
    pub memory_bytes: usize,
    /// Rows after which a segment is sealed.
    pub segment_rows: usize,
    /// Longest record; longer ones are cut into parts.
    pub max_record_bytes: usize,
    /// How long an unterminated last line of a followed file may wait.
    pub max_age: Duration,
    /// How long new objects stay locked before retention decides (`init` fixes it for the archive).
    pub settle: Duration,
}

impl Limits {
    /// Least and greatest memory.
    pub const MEMORY_BYTES: (usize, usize) = (32 << 20, 64 << 30);
    /// Least and greatest rows; the format's row numbers and Arrow's 32-bit offsets bound them.
    pub const SEGMENT_ROWS: (usize, usize) = (1, 1 << 20);
    /// Least and greatest record.
    pub const MAX_RECORD_BYTES: (usize, usize) = (1 << 10, 64 << 20);
    /// Least and greatest waiting time.
    pub const MAX_AGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));
    /// The shortest settling period of a production archive: time for some runs, and to mend what stops them.
    pub const PRODUCTION_SETTLE: Duration = Duration::from_hours(1);
    /// Least and greatest settling period.
    pub const SETTLE: (Duration, Duration) =
        (Duration::from_secs(1), Duration::from_hours(24 * 365));
    /// No lock of a test archive lasts longer.
    pub const TEST_LOCK: Duration = Duration::from_mins(10);
    /// Most segments of one stream that are open at a time.
    pub const OPEN_SEGMENTS: usize = 32;
    /// Bytes of records in one segment after which it is sealed: Arrow's offsets are signed 32-bit numbers.
    /// The sealed file has to stay below what a store takes, 1 GiB, also if nothing in it compresses.
    pub const SEGMENT_BYTES: usize = 1 << 29;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            segment_rows: 131_072,
            max_record_bytes: 16 << 20,
            max_age: Duration::from_mins(15),
            settle: Duration::from_hours(24 * 7),
        }
    }
}
