//! Rows and columns, and how programs read them.

use strongroom_crypto::json::{Members, Value, array, object, text};
use strongroom_crypto::time::Instant;
use strongroom_crypto::{ArchiveId, Digest};

use crate::prices::Money;

/// What every report says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The archive.
    pub archive: ArchiveId,
    /// The instant that it is about.
    pub as_of: Instant,
    /// Digest and version of the policy in force.
    pub policy: Option<(Digest, u64)>,
    /// How many entries the log had.
    pub log_size: u64,
}

/// One value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cell {
    /// Nothing is known, or there is nothing to say.
    Empty,
    /// A word.
    Text(String),
    /// A number.
    Count(u64),
    /// Yes or no.
    Flag(bool),
    /// A time.
    At(Instant),
    /// Several words.
    Many(Vec<String>),
    /// Money.
    Amount(Money),
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// It is for programs: people have to look at too many already.
    pub exact: bool,
}

/// A report.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub report: &'static str,
    /// The columns.
    pub columns: Vec<Column>,
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What is to be said beside the rows.
    pub notes: Vec<String>,
}

/// The columns that say of every row what it is a row of.
const STAMP: [&str; 6] =
    ["report", "as_of", "policy_in_force", "policy_in_force_version", "log_size", "row_count"];

/// A column for people and programs.
pub(super) const fn column(name: &'static str) -> Column {
    Column { name, exact: false }
}

/// A column for programs.
pub(super) const fn exact(name: &'static str) -> Column {
    Column { name, exact: true }
}

impl Cell {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty | Self::Count(0) | Self::Flag(false) => true,
            Self::Many(words) => words.is_empty(),
            Self::Amount(money) => *money == Money::default(),
            Self::Text(_) | Self::Count(_) | Self::Flag(true) | Self::At(_) => false,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(word) => word.as_str().into(),
            Self::Count(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::At(at) => text(at),
            Self::Many(words) => array(words.iter().map(String::as_str)),
            Self::Amount(money) => text(money),
        }
    }

    /// As CSV has it; several words are parted by `; `.
    fn plain(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(word) => word.clone(),
            Self::Count(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::At(at) => at.to_string(),
            Self::Many(words) => words.join("; "),
            Self::Amount(money) => money.to_string(),
        }
    }
}

impl Table {
    /// One object. Times have their one spelling, and money is a decimal string.
    pub fn to_json(&self, stamp: &Stamp, warnings: Vec<String>) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut members = Members::default();
            for (column, cell) in self.columns.iter().zip(row) {
                members.insert(column.name, cell.to_json());
            }
            Value::Object(members)
        });
        object([
            ("archive_id", text(stamp.archive)),
            ("as_of", text(stamp.as_of)),
            ("count", self.rows.len().into()),
            ("log_size", stamp.log_size.into()),
            ("notes", array(self.notes.iter().map(String::as_str))),
            ("policy", stamp.policy.map(|(digest, _)| text(digest)).into()),
            ("policy_version", stamp.policy.map(|(_, version)| version).into()),
            ("report", self.report.into()),
            ("rows", array(rows)),
            ("warnings", array(warnings)),
        ])
    }

    /// CSV (RFC 4180) with a header. The first columns say of every row what it is a row of, so that a
    /// row that is cut out or put beside others still does. A report without rows has one record that
    /// says no more than that, with a `row_count` of 0.
    pub fn to_csv(&self, stamp: &Stamp) -> String {
        let (policy, version) = stamp.policy.unzip();
        let about = [
            self.report.to_owned(),
            stamp.as_of.to_string(),
            policy.map_or_else(String::new, |digest| digest.to_string()),
            version.map_or_else(String::new, |version| version.to_string()),
            stamp.log_size.to_string(),
            self.rows.len().to_string(),
        ];
        let named = self.columns.iter().map(|column| column.name);
        let mut csv = record(STAMP.into_iter().chain(named).map(str::to_owned));
        if self.rows.is_empty() {
            let nothing = self.columns.iter().map(|_| String::new());
            csv.push_str(&record(about.iter().cloned().chain(nothing)));
        }
        for row in &self.rows {
            csv.push_str(&record(about.iter().cloned().chain(row.iter().map(Cell::plain))));
        }
        csv
    }
}

/// A record of RFC 4180: what has a comma, a quote or the end of a line in it stands in quotes.
fn record(fields: impl Iterator<Item = String>) -> String {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    let mut line = quoted.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Count(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Cell {
    fn from(word: &str) -> Self {
        Self::Text(word.to_owned())
    }
}

impl From<String> for Cell {
    fn from(word: String) -> Self {
        Self::Text(word)
    }
}

impl From<Instant> for Cell {
    fn from(at: Instant) -> Self {
        Self::At(at)
    }
}

impl From<Digest> for Cell {
    fn from(digest: Digest) -> Self {
        Self::Text(digest.to_string())
    }
}

impl From<Money> for Cell {
    fn from(money: Money) -> Self {
        Self::Amount(money)
    }
}

impl From<Vec<String>> for Cell {
    fn from(words: Vec<String>) -> Self {
        Self::Many(words)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_has_to_be() {
        let fields = ["plain", "a,b", "say \"no\"", "two\nlines", ""];
        let expected = "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\r\n";
        assert_eq!(record(fields.into_iter().map(str::to_owned)), expected);
    }

    #[test]
    fn a_report_of_nothing_says_so() {
        let columns = vec![column("stream"), exact("digest")];
        let table = Table { report: "x", columns, rows: Vec::new(), notes: Vec::new() };
        let stamp = Stamp {
            archive: ArchiveId::generate(&mut |bytes: &mut [u8]| bytes.fill(7)),
            as_of: Instant::MIN,
            policy: None,
            log_size: 3,
        };
        let csv = "report,as_of,policy_in_force,policy_in_force_version,log_size,row_count,\
                   stream,digest\r\nx,1970-01-01T00:00:00.000Z,,,3,0,,\r\n";
        assert_eq!(table.to_csv(&stamp), csv);
    }
}
