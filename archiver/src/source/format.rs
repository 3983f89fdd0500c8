//! How the bytes of a file are divided into records.

use super::SourceError;
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;
use std::str::FromStr;

/// How the bytes of a file are divided into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Told from the first bytes of each file.
    #[default]
    Auto,
    /// One JSON value a line.
    Ndjson,
    /// A JSON array; each element is a record.
    Array,
    /// `{"Records":[…]}` as `CloudTrail` delivers it; each element is a record.
    CloudTrail,
    /// A Kubernetes `EventList`, `{"items":[…]}`; each item is a record.
    EventList,
    /// JSON documents, one after another or over many lines; each is a record.
    Document,
    /// Lines of text, or groups of lines where a [`StartRule`] is set.
    Text,
    /// Bytes as they are stored, not decompressed, in parts of the size limit. No part is counted
    /// as rejected, for nothing was expected of it.
    Binary,
}

impl Format {
    /// The names of all formats, in the order the documentation lists them.
    pub const NAMES: [&str; 8] = [
        "auto",
        "ndjson",
        "json-array",
        "cloudtrail",
        "kubernetes-event-list",
        "json",
        "text",
        "binary",
    ];

    /// Whether reading can begin in the middle of a file, because a record ends with its line or
    /// anywhere.
    pub(super) fn can_begin_anywhere(self) -> bool {
        matches!(self, Self::Ndjson | Self::Text | Self::Binary)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Ndjson => "ndjson",
            Self::Array => "json-array",
            Self::CloudTrail => "cloudtrail",
            Self::EventList => "kubernetes-event-list",
            Self::Document => "json",
            Self::Text => "text",
            Self::Binary => "binary",
        })
    }
}

impl FromStr for Format {
    type Err = SourceError;

    fn from_str(name: &str) -> Result<Self, SourceError> {
        Ok(match name {
            "auto" => Self::Auto,
            "ndjson" => Self::Ndjson,
            "json-array" => Self::Array,
            "cloudtrail" => Self::CloudTrail,
            "kubernetes-event-list" => Self::EventList,
            "json" => Self::Document,
            "text" => Self::Text,
            "binary" => Self::Binary,
            _ => return Err(SourceError::UnknownFormat { name: name.to_owned() }),
        })
    }
}

/// Which lines of text begin a record. The lines after one, up to the next, belong to it.
///
/// The expression is matched on bytes, not on characters: audit text need not be valid UTF-8, and a
/// rule must not stop matching because of one stray byte.
#[derive(Clone, Debug)]
pub struct StartRule(Regex);

impl StartRule {
    /// Whether a line, without its line break, begins a record.
    pub(super) fn starts(&self, line: &[u8]) -> bool {
        self.0.is_match(line)
    }
}

impl FromStr for StartRule {
    type Err = SourceError;

    fn from_str(rule: &str) -> Result<Self, SourceError> {
        RegexBuilder::new(rule).unicode(false).build().map(Self).map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            SourceError::StartRule { rule: rule.to_owned(), reason: reason.to_owned() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_the_format_it_names() {
        for name in Format::NAMES {
            assert_eq!(name.parse::<Format>().unwrap().to_string(), name);
        }
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        assert!(error.starts_with("unknown format `xml`: use one of auto, ndjson,"), "{error}");
    }

    #[test]
    fn a_start_rule_matches_bytes_that_are_not_utf_8() {
        let rule: StartRule = r"^\d{4}-\d\d".parse().unwrap();
        assert!(rule.starts(b"2024-01 \xff\xfe"));
        assert!(!rule.starts(b"\tat frame"));
        let error = "([".parse::<StartRule>().unwrap_err().to_string();
        assert!(error.starts_with("`([` is not a valid start rule: "), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
