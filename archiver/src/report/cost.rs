//! What keeping an archive's segments costs, by the operator's table of prices.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use strongroom_crypto::name::{ClassName, StreamName};

use super::table::{Cell, Column, Table, column, exact};
use super::{AsOf, Examined, ReportError};
use crate::disposition::review::Stages;
use crate::log::instant;
use crate::prices::{ByteTime, MONTH_SECONDS, Prices};

const COLUMNS: [Column; 13] = [
    column("stream"),
    column("class"),
    exact("storage_class"),
    column("currency"),
    column("segments"),
    column("bytes"),
    column("per_month"),
    column("dated_bytes"),
    column("until_they_may_go"),
    column("last_may_go"),
    column("undated_segments"),
    column("undated_bytes"),
    column("rolling_locks_per_month"),
];

const MONTH_COLUMNS: [Column; 7] = [
    column("stream"),
    column("class"),
    exact("storage_class"),
    column("currency"),
    column("month"),
    column("bytes"),
    column("cost"),
];

/// Months shown of segments of which none has a date.
const UNDATED_MONTHS: i32 = 12;
/// Most months shown: no policy keeps anything for longer.
const MAX_MONTHS: i32 = 1_200;
/// A segment and its manifest are looked at and their locks moved on while no date is known.
const ROLLING_OBJECTS: u64 = 2;

/// What is treated alike.
type Key = (StreamName, ClassName);

/// A segment.
#[derive(Clone, Copy, Debug)]
struct Kept {
    bytes: u64,
    /// From when it may go; none where no date is known, or a hold stands.
    until: Option<Timestamp>,
    /// Its lock is moved on again and again, for nobody knows how long it is kept.
    rolling: bool,
}

/// What to count with.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// The prices.
    pub prices: Prices,
    /// The storage class that all objects are in.
    pub storage_class: String,
}

/// A row for each stream and class: what its segments cost in a month, and until they may go.
///
/// # Errors
///
/// [`ReportError`].
pub fn cost(archive: &AsOf<'_>, tariff: &Tariff) -> Result<Table, ReportError> {
    let examined = archive.examine(&Stages::default())?;
    let mut rows = Vec::new();
    for ((stream, class), kept) in by_class(&examined) {
        let mut row = vec![stream.to_string().into(), class.to_string().into()];
        row.extend(tariff.cells());
        row.extend(sum(archive, tariff, &kept)?);
        rows.push(row);
    }
    Ok(Table { report: "cost", columns: COLUMNS.to_vec(), rows, notes: notes(tariff) })
}

/// A row for each stream, class and month until the last of its segments may go.
///
/// # Errors
///
/// [`ReportError`].
pub fn by_month(archive: &AsOf<'_>, tariff: &Tariff) -> Result<Table, ReportError> {
    let examined = archive.examine(&Stages::default())?;
    let mut rows = Vec::new();
    for ((stream, class), kept) in by_class(&examined) {
        for month in months(archive.at, &kept) {
            let there = kept.iter().filter(|one| one.until.is_none_or(|at| at > month.from));
            let bytes = there.map(|one| one.bytes).fold(0, u64::saturating_add);
            let time =
                kept.iter().map(|one| month.share(*one)).fold(ByteTime::default(), ByteTime::plus);
            let mut row = vec![stream.to_string().into(), class.to_string().into()];
            row.extend(tariff.cells());
            row.push(month.name.clone().into());
            row.push(bytes.into());
            row.push(tariff.prices.storage(&tariff.storage_class, time)?.into());
            rows.push(row);
        }
    }
    let mut notes = notes(tariff);
    notes.push(format!(
        "what has no date is counted in every month; months are those of the calendar in UTC, the first from the report's instant; where nothing has a date, {UNDATED_MONTHS} are shown"
    ));
    Ok(Table { report: "cost", columns: MONTH_COLUMNS.to_vec(), rows, notes })
}

fn notes(tariff: &Tariff) -> Vec<String> {
    vec![
        format!(
            "all segments are taken to be in storage class {}; a month is a twelfth of 365.25 days, a GB 1,000,000,000 bytes",
            tariff.storage_class
        ),
        "manifests, keys, the log and copies elsewhere are not counted".to_owned(),
        "until they may go: from now on, to the end of period, lock and grace; what is held or has no date yet is undated".to_owned(),
        "rolling locks: the requests that look at a segment and its manifest and move both locks on, whenever half the settling period is over, for as long as no date is known".to_owned(),
    ]
}

fn by_class(examined: &[Examined<'_>]) -> BTreeMap<Key, Vec<Kept>> {
    let mut classes: BTreeMap<Key, Vec<Kept>> = BTreeMap::new();
    for one in examined {
        let key = (one.segment.stream.clone(), one.class().clone());
        let rolling = one.decision.keep_until.instant().is_none();
        let kept = Kept { bytes: one.segment.bytes, until: one.goes(), rolling };
        classes.entry(key).or_default().push(kept);
    }
    classes
}

impl Tariff {
    fn cells(&self) -> [Cell; 2] {
        [self.storage_class.as_str().into(), self.prices.currency().into()]
    }
}

fn sum(archive: &AsOf<'_>, tariff: &Tariff, kept: &[Kept]) -> Result<Vec<Cell>, ReportError> {
    let price = |time| tariff.prices.storage(&tariff.storage_class, time);
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let bytes = |of: &dyn Fn(&Kept) -> bool| {
        let counted = kept.iter().filter(|one| of(one)).map(|one| one.bytes);
        counted.fold(0, u64::saturating_add)
    };
    let all = bytes(&|_| true);
    let time = kept.iter().filter_map(|one| {
        Some(ByteTime::of(one.bytes, one.until.as_ref()?.duration_since(archive.at)))
    });
    let time = time.fold(ByteTime::default(), ByteTime::plus);
    let last = kept.iter().filter_map(|one| one.until).max();
    let undated = kept.iter().filter(|one| one.until.is_none()).count();
    let rolling = number(kept.iter().filter(|one| one.rolling).count());
    let rolled = rolling.saturating_mul(ROLLING_OBJECTS).saturating_mul(rolls_per_month(archive));
    Ok(vec![
        number(kept.len()).into(),
        all.into(),
        price(ByteTime::month(all))?.into(),
        bytes(&|one| one.until.is_some()).into(),
        price(time)?.into(),
        last.map(instant).into(),
        number(undated).into(),
        bytes(&|one| one.until.is_none()).into(),
        tariff.prices.requests(rolled, rolled).into(),
    ])
}

/// How often a rolling lock is moved on in a month: whenever half of it is over.
fn rolls_per_month(archive: &AsOf<'_>) -> u64 {
    let half = u128::from(archive.state().settle_ms()).div_ceil(2).max(1);
    u64::try_from((MONTH_SECONDS * 1_000).div_ceil(half)).unwrap_or(u64::MAX)
}

/// A month, or what is left of it.
struct Month {
    name: String,
    from: Timestamp,
    to: Timestamp,
}

impl Month {
    /// What is kept of some bytes in it.
    fn share(&self, kept: Kept) -> ByteTime {
        let to = kept.until.map_or(self.to, |until| until.min(self.to));
        ByteTime::of(kept.bytes, to.duration_since(self.from).max(SignedDuration::ZERO))
    }
}

/// The months from an instant until the last date.
fn months(at: Timestamp, kept: &[Kept]) -> Vec<Month> {
    let start = at.to_zoned(TimeZone::UTC).date().first_of_month();
    let instant = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let last = kept.iter().filter_map(|one| one.until).max();
    let all = (0..MAX_MONTHS).map_while(|nth| {
        let first = start.checked_add(nth.months()).ok()?;
        let to = instant(first.checked_add(1.month()).ok()?)?;
        let name = first.strftime("%Y-%m").to_string();
        let from = instant(first)?.max(at);
        let shown = last.map_or(nth < UNDATED_MONTHS, |last| last > from);
        shown.then_some(Month { name, from, to })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn kept(bytes: u64, until: Option<Timestamp>) -> Kept {
        Kept { bytes, until, rolling: false }
    }

    #[test]
    fn months_end_with_the_last_date_and_share_its_time() {
        let now = at("2026-11-21T00:00:00Z");
        let kept = [kept(10, Some(at("2027-01-02T00:00:00Z"))), kept(5, None)];
        let months = months(now, &kept);
        let names: Vec<&str> = months.iter().map(|month| month.name.as_str()).collect();
        assert_eq!(names, ["2026-11", "2026-12", "2027-01"]);
        let days = |bytes, days| ByteTime::of(bytes, SignedDuration::from_hours(24_i64 * days));
        assert_eq!(months[0].share(kept[0]), days(10, 10));
        assert_eq!(months[1].share(kept[0]), days(10, 31));
        assert_eq!(months[2].share(kept[0]), days(10, 1));
        assert_eq!(months[2].share(kept[1]), days(5, 31));
    }

    #[test]
    fn what_has_no_date_is_shown_for_a_year_and_what_may_go_not_at_all() {
        let now = at("2026-11-21T00:00:00Z");
        assert_eq!(months(now, &[kept(5, None)]).len(), 12);
        assert_eq!(months(now, &[kept(5, Some(now))]).len(), 0);
    }
}
