//! Events that say that they happened after they were received. Their clock is wrong, or they lie.
//!
//! They are archived like all others, in segments of their own, and kept from their receipt: what one of them says must not
//! lock anything until its date, nor stand in the times of its neighbours. The mark is in the seal itself: all of its events
//! lie ahead of their receipt.

use jiff::SignedDuration;
use strongroom_crypto::entry::{Seal, TimeRange};

/// Whether an event lies further ahead of its receipt than it may. Both are in µs since 1970 and are compared in the
/// milliseconds of the log, so that whoever reads a seal judges as the writer did.
pub fn is_ahead(event_us: i64, received_us: i64, skew: SignedDuration) -> bool {
    lies_ahead(event_us.div_euclid(1_000), received_us.div_euclid(1_000), skew)
}

/// Whether a segment is one of those: the first of its events lies too far ahead of the last receipt.
pub fn is_quarantined(seal: &Seal, skew: SignedDuration) -> bool {
    let received = seal.receive_time.max().unix_ms();
    seal.event_time.is_some_and(|said| lies_ahead(said.min().unix_ms(), received, skew))
}

/// When the events of a segment happened, as far as they are believed: when they were received, where they do not say it
/// or are quarantined; and where some of them lie too far ahead, no later than any may.
pub fn believed(seal: &Seal, skew: SignedDuration) -> TimeRange {
    let received = seal.receive_time;
    let skew_ms = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
    let latest = received.max().saturating_add_ms(skew_ms);
    let said = seal.event_time.filter(|_| !is_quarantined(seal, skew));
    said.and_then(|said| TimeRange::new(said.min(), said.max().min(latest))).unwrap_or(received)
}

fn lies_ahead(event_ms: i64, received_ms: i64, skew: SignedDuration) -> bool {
    i128::from(event_ms) - i128::from(received_ms) > skew.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_by_as_much_as_it_may_is_believed() {
        let skew = SignedDuration::from_mins(5);
        let ahead = |us: i64| is_ahead(1_000_000_000 + us, 1_000_000_000, skew);
        assert!(!ahead(-1) && !ahead(0) && !ahead(240_000_000) && !ahead(300_000_000));
        // Less than a millisecond more is not seen in the log.
        assert!(!ahead(300_000_999) && ahead(300_001_000));
        assert!(is_ahead(i64::MAX, i64::MIN, skew) && !is_ahead(i64::MIN, i64::MAX, skew));
    }
}
