//! Instants in the one spelling of the format: RFC 3339, UTC, three fractional digits, `Z`.
//!
//! There is no clock here: instants are arguments. Only the calendar's arithmetic is needed, so
//! that bytes have one meaning without a calendar library.

use std::{fmt, str::FromStr};

const MS_PER_SECOND: i64 = 1_000;
const MS_PER_DAY: i64 = 86_400 * MS_PER_SECOND;

/// One hour in milliseconds.
pub const MS_PER_HOUR: i64 = 3_600 * MS_PER_SECOND;

/// `9999-12-31T23:59:59.999Z`: RFC 3339 has no fifth digit for years.
const MAX_UNIX_MS: i64 = 253_402_300_799_999;

/// A point in time between `1970-01-01T00:00:00.000Z` and `9999-12-31T23:59:59.999Z`, in whole
/// milliseconds without leap seconds.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(i64);

impl Instant {
    /// The first instant.
    pub const MIN: Self = Self(0);
    /// The last instant.
    pub const MAX: Self = Self(MAX_UNIX_MS);

    /// Takes milliseconds since 1970; nothing outside the years 1970 to 9999.
    pub const fn from_unix_ms(ms: i64) -> Option<Self> {
        if ms < 0 || ms > MAX_UNIX_MS { None } else { Some(Self(ms)) }
    }

    /// Milliseconds since 1970.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// The instant `ms` later (or earlier), but not outside the years 1970 to 9999.
    #[must_use]
    pub fn saturating_add_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms).clamp(0, MAX_UNIX_MS))
    }

    /// The calendar date in UTC: year, month, day.
    pub fn date(self) -> (i64, i64, i64) {
        civil_from_days(self.0.div_euclid(MS_PER_DAY))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (hour, minute) = (ms / MS_PER_HOUR, ms / 60_000 % 60);
        let (second, fraction) = (ms / MS_PER_SECOND % 60, ms % MS_PER_SECOND);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({self})")
    }
}

/// A string that is not an instant in its one spelling.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a time like `2026-11-21T08:00:00.000Z`")]
pub struct ParseInstantError;

impl FromStr for Instant {
    type Err = ParseInstantError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = fields(text.as_bytes()).and_then(instant).ok_or(ParseInstantError)?;
        // The 31st of February and the 60th second print as another instant.
        if instant.to_string() == text { Ok(instant) } else { Err(ParseInstantError) }
    }
}

/// Year, month, day, hour, minute, second, millisecond: digits and separators in their places.
fn fields(text: &[u8]) -> Option<[i64; 7]> {
    if text.len() != 24 {
        return None;
    }
    let separators =
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    let in_place = separators.iter().all(|(at, byte)| text.get(*at) == Some(byte));
    let starts = [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 23)];
    let mut out = [0; 7];
    for (slot, (start, end)) in out.iter_mut().zip(starts) {
        let digits = text.get(start..end).filter(|d| d.iter().all(u8::is_ascii_digit))?;
        *slot = str::from_utf8(digits).ok()?.parse().ok()?;
    }
    in_place.then_some(out)
}

/// Fields in range of their digits; whether they are in range of the calendar is seen by printing.
fn instant([year, month, day, hour, minute, second, ms]: [i64; 7]) -> Option<Instant> {
    let days = days_from_civil(year, month, day);
    let parts = [
        (days, MS_PER_DAY),
        (hour, MS_PER_HOUR),
        (minute, 60_000),
        (second, MS_PER_SECOND),
        (ms, 1),
    ];
    let sum =
        parts.iter().try_fold(0_i64, |sum, (n, unit)| sum.checked_add(n.checked_mul(*unit)?))?;
    Instant::from_unix_ms(sum)
}

/// Days since 1970-01-01 to year, month, day in the proleptic Gregorian calendar, counted in
/// 400-year eras that begin in March: <https://howardhinnant.github.io/date_algorithms.html>.
///
/// `days` is at most that of an `i64` of seconds.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "bounded by the days of 2^63 seconds")]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // INVARIANT: |days| < 2^47, so nothing below leaves an i64.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_from_days`], from the same source, for years of at most four digits.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "bounded by four digits of year")]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // INVARIANT: year has four digits, month and day two, so nothing below leaves an i64.
    let march_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_have_their_published_spelling() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (MAX_UNIX_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            let instant = Instant::from_unix_ms(ms).unwrap();
            assert_eq!(instant.to_string(), text);
            assert_eq!(text.parse(), Ok(instant));
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..=2_932_896 {
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year, month, day), days);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (day, month) = if day < length { (day + 1, month) } else { (1, month + 1) };
            (month, year) = if month > 12 { (1, year + 1) } else { (month, year) };
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn a_second_spelling_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T08:00:00Z",
            "2026-11-21T08:00:00.00Z",
            "2026-11-21T08:00:00.0000Z",
            "2026-11-21t08:00:00.000Z",
            "2026-11-21T08:00:00.000z",
            "2026-11-21T08:00:00.000+00:00",
            "2026-11-21 08:00:00.000Z",
            "2026-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "2026-01-32T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:60:00.000Z",
            "2026-12-31T23:59:60.000Z",
            "1969-12-31T23:59:59.999Z",
            "+026-11-21T08:00:00.000Z",
            "2026-11-21T08:00:00,000Z",
            "2026-11-21T08:00:00.00\u{e9}Z",
            "02026-11-21T08:00:00.00Z",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(ParseInstantError), "{text}");
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(Instant::from_unix_ms(-1), None);
        assert_eq!(Instant::from_unix_ms(MAX_UNIX_MS + 1), None);
        assert_eq!(Instant::MIN.saturating_add_ms(-1), Instant::MIN);
        assert_eq!(Instant::MAX.saturating_add_ms(i64::MAX), Instant::MAX);
        assert_eq!(Instant::MIN.saturating_add_ms(5).unix_ms(), 5);
    }
}
