//! What keeping costs, by a table of prices that the operator gives: no vendor's prices are known here.
//!
//! ```yaml
//! version: 1
//! currency: EUR
//! storage:              # a GB (1,000,000,000 bytes) for a month, by storage class
//!   STANDARD: 0.02
//!   COLD: 0.005
//! requests:             # 1,000 of them
//!   put: 0.01
//!   get: 0.001
//! ```
//!
//! A price has at most six digits after the point. Amounts are whole millionths of the currency's unit,
//! and whoever adds them up adds [`ByteTime`]s first: only a sum is rounded, and upwards.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::settings::{SettingsError, SettingsFile};

/// The storage class that objects are put in, for the program names none.
pub const DEFAULT_STORAGE_CLASS: &str = "STANDARD";

/// Seconds of a month: a twelfth of 365.25 days.
pub const MONTH_SECONDS: u128 = 2_629_800;

/// Bytes of a GB.
const GB_BYTES: u128 = 1_000_000_000;

/// Requests that a price is for.
const REQUESTS: u128 = 1_000;

/// Millionths in a unit of the currency.
const MICRO: u128 = 1_000_000;

/// Digits of a millionth.
const MICRO_DIGITS: usize = 6;

/// Largest price, in units of the currency: beyond it somebody gave a price for something else.
const MAX_PRICE: u128 = 1_000_000;

/// Longest price file in bytes: a plan has it whole.
const MAX_PRICES_BYTES: usize = 64 << 10;

/// The price table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is not a table of prices.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It has no price for a storage class.
    #[error("the price table has no storage class `{class}`, only {known}")]
    StorageClass {
        /// The class.
        class: String,
        /// Those that it has.
        known: String,
    },
}

/// An amount of money in millionths of the currency's unit.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Money(u128);

/// Bytes for as long as they are kept, in byte-seconds.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ByteTime(u128);

/// A table of prices.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prices {
    currency: String,
    storage: BTreeMap<String, Money>,
    put: Money,
    get: Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    currency: String,
    storage: BTreeMap<String, String>,
    requests: Requests,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requests {
    put: String,
    get: String,
}

impl Money {
    /// An amount in millionths.
    pub const fn from_micros(micros: u128) -> Self {
        Self(micros)
    }

    /// Its millionths.
    pub const fn micros(self) -> u128 {
        self.0
    }

    /// The sum of two amounts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self` for each `unit` of `amount`, rounded upwards.
    const fn times(self, amount: u128, unit: u128) -> Self {
        // In two parts, so that no product comes near the end of the type.
        let whole = (amount / unit).saturating_mul(self.0);
        let rest = (amount % unit).saturating_mul(self.0).div_ceil(unit);
        Self(whole.saturating_add(rest))
    }
}

/// In units of the currency with all six digits, so that every amount has one spelling.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MICRO, self.0 % MICRO)
    }
}

/// A price as people write it: digits, and at most six after a point.
impl FromStr for Money {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (units, part) = text.split_once('.').unwrap_or((text, "0"));
        if units.is_empty() || part.is_empty() || part.len() > MICRO_DIGITS {
            return Err(());
        }
        if !digits(units) || !digits(part) {
            return Err(());
        }
        let units = units.parse::<u128>().ok().filter(|units| *units <= MAX_PRICE).ok_or(())?;
        let micros: u128 = format!("{part:0<MICRO_DIGITS$}").parse().map_err(|_| ())?;
        Ok(Self(units * MICRO + micros))
    }
}

impl ByteTime {
    /// `bytes` for a time; nothing for a time that lies behind.
    pub fn of(bytes: u64, time: SignedDuration) -> Self {
        let seconds = u128::try_from(time.as_secs()).unwrap_or(0);
        Self(u128::from(bytes).saturating_mul(seconds))
    }

    /// `bytes` for a month.
    pub fn month(bytes: u64) -> Self {
        Self(u128::from(bytes).saturating_mul(MONTH_SECONDS))
    }

    /// The sum of two.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Prices {
    /// The text of a price file.
    ///
    /// # Errors
    ///
    /// [`PriceError`] if it cannot be read.
    pub fn read_text(path: &Path) -> Result<String, PriceError> {
        Ok(SettingsFile::new(path).read(MAX_PRICES_BYTES)?)
    }

    /// Reads and checks a price file.
    ///
    /// # Errors
    ///
    /// [`PriceError`] with the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, PriceError> {
        Self::parse(path, &Self::read_text(path)?)
    }

    /// Checks the text of a price file; `path` is for the errors.
    ///
    /// # Errors
    ///
    /// [`PriceError`] with the first thing that is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PriceError> {
        let source = SettingsFile::new(path);
        if text.len() > MAX_PRICES_BYTES {
            let detail = format!(
                "it is longer than {MAX_PRICES_BYTES} bytes, too long for a table of prices"
            );
            return Err(source.unusable(&detail).into());
        }
        let file: File = source.parse(text)?;
        let price = |key: &str, value: &str| {
            let expected =
                "a price such as `0.02`, at most 1000000, with at most six digits after the point";
            value.parse::<Money>().map_err(|()| source.wrong(key, value, expected))
        };
        if file.version != 1 {
            return Err(source.wrong("version", &file.version.to_string(), "1").into());
        }
        let letters = file.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if file.currency.len() != 3 || !letters {
            let expected = "a currency's three letters (ISO 4217), such as `EUR`";
            return Err(source.wrong("currency", &file.currency, expected).into());
        }
        if file.storage.is_empty() {
            let expected = "the price of at least one storage class, such as `STANDARD: 0.02`";
            return Err(source.wrong("storage", "{}", expected).into());
        }
        let mut storage = BTreeMap::new();
        for (class, text) in file.storage {
            let plain =
                |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            if class.is_empty() || class.len() > 64 || !class.bytes().all(plain) {
                let expected = "the name of a storage class: A-Z 0-9 _";
                return Err(source.wrong("storage", &class, expected).into());
            }
            let money = price(&format!("storage.{class}"), &text)?;
            storage.insert(class, money);
        }
        Ok(Self {
            currency: file.currency,
            storage,
            put: price("requests.put", &file.requests.put)?,
            get: price("requests.get", &file.requests.get)?,
        })
    }

    /// The currency's three letters.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The price of a storage class.
    ///
    /// # Errors
    ///
    /// [`PriceError::StorageClass`] if the table has none.
    pub fn require(&self, class: &str) -> Result<Money, PriceError> {
        self.storage.get(class).copied().ok_or_else(|| {
            let known: Vec<&str> = self.storage.keys().map(String::as_str).collect();
            PriceError::StorageClass { class: class.to_owned(), known: known.join(", ") }
        })
    }

    /// What it costs to keep bytes in a storage class.
    ///
    /// # Errors
    ///
    /// Those of [`Prices::require`].
    pub fn storage(&self, class: &str, kept: ByteTime) -> Result<Money, PriceError> {
        Ok(self.require(class)?.times(kept.0, GB_BYTES * MONTH_SECONDS))
    }

    /// What requests cost that put, and those that get; moving a lock is a put.
    pub fn requests(&self, puts: u64, gets: u64) -> Money {
        let puts = self.put.times(u128::from(puts), REQUESTS);
        puts.plus(self.get.times(u128::from(gets), REQUESTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version: 1\ncurrency: EUR\nstorage:\n  STANDARD: 0.02\n  COLD: \"0.005\"\n\
        requests:\n  put: 0.01\n  get: 0.001\n";

    fn parse(text: &str) -> Result<Prices, String> {
        Prices::parse(Path::new("prices.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_gb_for_a_month_costs_its_price_and_sums_are_rounded_once_and_upwards() {
        let prices = parse(GOOD).unwrap();
        let month = ByteTime::month(1_000_000_000);
        assert_eq!(prices.storage("STANDARD", month).unwrap(), Money::from_micros(20_000));
        assert_eq!(prices.storage("COLD", month).unwrap().to_string(), "0.005000");
        let year = SignedDuration::from_hours(8_766);
        let twelve = ByteTime::of(1_000_000_000, year);
        assert_eq!(prices.storage("STANDARD", twelve).unwrap().to_string(), "0.240000");
        let byte = ByteTime::of(1, SignedDuration::from_secs(1));
        assert_eq!(prices.storage("STANDARD", byte).unwrap().micros(), 1);
        assert_eq!(prices.storage("STANDARD", byte.plus(byte)).unwrap().micros(), 1);
        let past = ByteTime::of(1 << 40, SignedDuration::from_secs(-1));
        assert_eq!(prices.storage("STANDARD", past).unwrap(), Money::default());
    }

    #[test]
    fn what_is_huge_stays_exact() {
        let prices = parse(&GOOD.replace("0.02", "1000000")).unwrap();
        let exabyte = ByteTime::month(1_000_000_000_000_000_000);
        let cost = prices.storage("STANDARD", exabyte).unwrap();
        assert_eq!(cost.to_string(), "1000000000000000.000000");
    }

    #[test]
    fn requests_are_priced_by_the_thousand() {
        let prices = parse(GOOD).unwrap();
        assert_eq!(prices.requests(1_000, 0).to_string(), "0.010000");
        assert_eq!(prices.requests(1, 1).to_string(), "0.000011");
        assert_eq!(prices.currency(), "EUR");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_it_should_be() {
        for (from, to, named) in [
            ("version: 1", "version: 2", "`version` is `2`, expected 1"),
            ("EUR", "Euro", "`currency` is `Euro`"),
            ("STANDARD: 0.02", "STANDARD: -0.02", "`storage.STANDARD` is `-0.02`"),
            ("STANDARD: 0.02", "STANDARD: 2e-2", "`storage.STANDARD` is `2e-2`"),
            ("STANDARD: 0.02", "STANDARD: 0.0000001", "`storage.STANDARD` is `0.0000001`"),
            ("STANDARD: 0.02", "STANDARD: 0,02", "`storage.STANDARD` is `0,02`"),
            ("STANDARD: 0.02", "standard: 0.02", "`storage` is `standard`"),
            ("put: 0.01", "put: 2000000", "`requests.put` is `2000000`"),
            ("put: 0.01", "post: 0.01", "post"),
            ("  get: 0.001\n", "", "get"),
            ("STANDARD: 0.02", "COLD: 0.02", "duplicate"),
        ] {
            let error = parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let error = parse(GOOD).unwrap().storage("ICE", ByteTime::default()).unwrap_err();
        let expected = "the price table has no storage class `ICE`, only COLD, STANDARD";
        assert_eq!(error.to_string(), expected);
    }
}
