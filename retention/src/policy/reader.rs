//! Reads typed values from the tree, and complains about each that is none.

use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::complaint::{Code, Complaints, Place};
use super::node::{Entry, Node, Value};
use crate::period::{Period, Zone};

/// Longest text, in characters: a rationale of a page.
const MAX_TEXT_CHARS: usize = 2_000;

/// Longest word of an id, as in the log.
const MAX_WORD_CHARS: usize = 63;

/// Most items of a sequence: a thousand streams are far beyond a file that people sign.
const MAX_ITEMS: usize = 1_000;

/// A value of the file and where it stands.
#[derive(Debug)]
pub(super) struct Field<'n> {
    node: &'n Node,
    path: String,
}

/// The keys of a mapping.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    pub(super) place: Place,
    prefix: String,
    entries: &'n [Entry],
}

impl<'n> Field<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(super) fn place(&self) -> Place {
        let path = if self.path.is_empty() { "file" } else { &self.path };
        Place { line: self.node.line, column: self.node.column, path: path.to_owned() }
    }

    /// Opens a mapping whose keys are known.
    pub(super) fn fields(&self, known: &[&str], complaints: &mut Complaints) -> Option<Fields<'n>> {
        let fields = self.any_fields(complaints)?;
        for entry in fields.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let near = known.iter().find(|name| is_near(name, &entry.key));
            let write = match near {
                Some(name) => format!("`{name}`, if that is meant"),
                None => format!("one of {}", listed(known)),
            };
            let message = format!("unknown key `{}`", entry.key);
            complaints.add(Code::UnknownKey, &fields.key_place(entry), message, write);
        }
        Some(fields)
    }

    /// Opens a mapping with any keys.
    pub(super) fn any_fields(&self, complaints: &mut Complaints) -> Option<Fields<'n>> {
        let Value::Map(entries) = &self.node.value else {
            complaints.add(Code::WrongValue, &self.place(), "not a mapping", "keys with values");
            return None;
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        Some(Fields { place: self.place(), prefix: format!("{}{dot}", self.path), entries })
    }

    /// Whether it is a mapping.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// The items of a sequence.
    pub(super) fn items(&self, complaints: &mut Complaints) -> Vec<Self> {
        let Value::List(nodes) = &self.node.value else {
            complaints.add(Code::WrongValue, &self.place(), "not a sequence", "`[a, b]`");
            return Vec::new();
        };
        if nodes.len() > MAX_ITEMS {
            let message = format!("{} items", nodes.len());
            let write = format!("at most {MAX_ITEMS}");
            complaints.add(Code::WrongValue, &self.place(), message, write);
        }
        let item = |(at, node)| Self { node, path: format!("{}[{at}]", self.path) };
        nodes.iter().take(MAX_ITEMS).enumerate().map(item).collect()
    }

    fn scalar(&self, complaints: &mut Complaints) -> Option<(&'n str, bool)> {
        match &self.node.value {
            // The parser says `~` where nothing stands.
            Value::Scalar { text, plain: true } if text.is_empty() || text == "~" => {
                let message = "a key without a value";
                complaints.add(Code::KeyMissing, &self.place(), message, "the value");
                None
            }
            Value::Scalar { text, plain } => Some((text, *plain)),
            Value::List(_) | Value::Map(_) => {
                complaints.add(Code::WrongValue, &self.place(), "not one value", "one value");
                None
            }
        }
    }

    /// A value as it is spelled, quoted or not.
    pub(super) fn spelled(&self, complaints: &mut Complaints) -> Option<&'n str> {
        self.scalar(complaints).map(|(text, _)| text)
    }

    /// A text that no reader takes for anything else.
    pub(super) fn text(&self, complaints: &mut Complaints) -> Option<&'n str> {
        let (text, plain) = self.scalar(complaints)?;
        if plain && is_ambiguous(text) {
            let message = format!("`{text}` without quotes is not a text to every reader");
            complaints.add(Code::Unquoted, &self.place(), message, format!("\"{text}\""));
            return None;
        }
        if text.chars().count() > MAX_TEXT_CHARS {
            let write = format!("at most {MAX_TEXT_CHARS} characters");
            complaints.add(Code::WrongValue, &self.place(), "too long a text", write);
        }
        Some(text)
    }

    /// A text of printable ASCII: what names something must not look like another name.
    pub(super) fn name(&self, complaints: &mut Complaints) -> Option<&'n str> {
        let text = self.text(complaints)?;
        if let Some(char) = text.chars().find(|char| !char.is_ascii()) {
            let message = format!("`{text}` holds `{char}` (U+{:04X})", u32::from(char));
            complaints.add(Code::LookAlike, &self.place(), message, "plain ASCII letters");
            return None;
        }
        Some(text)
    }

    /// A word like the ids of the log.
    pub(super) fn word(&self, code: Code, complaints: &mut Complaints) -> Option<String> {
        let text = self.name(complaints)?;
        let inner = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if starts && text.len() <= MAX_WORD_CHARS && text.chars().all(inner) {
            return Some(text.to_owned());
        }
        let write = "a word of 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit";
        complaints.add(code, &self.place(), format!("`{text}` is not an id"), write);
        None
    }

    /// Different words; each code is for what goes wrong: not a word, and one that stands twice.
    pub(super) fn words(&self, no: Code, twice: Code, complaints: &mut Complaints) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for item in self.items(complaints) {
            let Some(word) = item.word(no, complaints) else { continue };
            if words.contains(&word) {
                let message = format!("`{word}` stands twice");
                complaints.add(twice, &item.place(), message, "each once");
            } else {
                words.push(word);
            }
        }
        words
    }

    /// What `FromStr` reads; its error says what it expects.
    pub(super) fn parsed<T: FromStr>(
        &self,
        code: Code,
        write: &str,
        complaints: &mut Complaints,
    ) -> Option<T> {
        let text = self.spelled(complaints)?;
        let value = text.parse().ok();
        if value.is_none() {
            complaints.add(code, &self.place(), format!("`{text}` does not do"), write);
        }
        value
    }

    pub(super) fn period(&self, complaints: &mut Complaints) -> Option<Period> {
        let write = "a period of whole years, months, weeks or days like `P6Y` or `P90D`";
        self.parsed(Code::NotAPeriod, write, complaints)
    }

    pub(super) fn zone(&self, complaints: &mut Complaints) -> Option<Zone> {
        let write = "a time zone of the IANA database like `Europe/Berlin` or `UTC`";
        self.parsed(Code::NotAZone, write, complaints)
    }

    pub(super) fn date(&self, complaints: &mut Complaints) -> Option<Date> {
        let text = self.spelled(complaints)?;
        // Jiff reads more spellings than one.
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        if date.is_none() {
            let message = format!("`{text}` is not a date");
            complaints.add(Code::WrongValue, &self.place(), message, "a date like `2027-01-31`");
        }
        date
    }

    /// A duration of hours, minutes and seconds up to a bound.
    pub(super) fn duration(
        &self,
        max: SignedDuration,
        complaints: &mut Complaints,
    ) -> Option<SignedDuration> {
        let text = self.spelled(complaints)?;
        let plain = text.chars().all(|c| matches!(c, '0'..='9' | 'P' | 'T' | 'H' | 'M' | 'S'));
        let duration = text.parse::<SignedDuration>().ok().filter(|duration| {
            plain && text.starts_with("PT") && *duration > SignedDuration::ZERO && *duration <= max
        });
        if duration.is_none() {
            let message = format!("`{text}` is not such a duration");
            let write = format!("hours, minutes or seconds like `PT5M`, at most `{max}`");
            complaints.add(Code::NotAPeriod, &self.place(), message, write);
        }
        duration
    }

    pub(super) fn flag(&self, complaints: &mut Complaints) -> Option<bool> {
        let (text, plain) = self.scalar(complaints)?;
        match text {
            "true" if plain => Some(true),
            "false" if plain => Some(false),
            _ => {
                let code =
                    if plain && is_ambiguous(text) { Code::Unquoted } else { Code::WrongValue };
                let message = format!("`{text}` is not a truth value");
                complaints.add(code, &self.place(), message, "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn choice<T: Copy>(
        &self,
        choices: &[(&str, T)],
        complaints: &mut Complaints,
    ) -> Option<T> {
        let text = self.spelled(complaints)?;
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("`{text}` is not one of its values");
            let write = if names.len() == 1 {
                listed(&names)
            } else {
                format!("one of {}", listed(&names))
            };
            complaints.add(Code::WrongValue, &self.place(), message, write);
        }
        chosen
    }
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<Field<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.field(entry))
    }

    /// A key that must stand there.
    pub(super) fn require(&self, key: &str, complaints: &mut Complaints) -> Option<Field<'n>> {
        self.demand(key, Code::KeyMissing, "it", complaints)
    }

    /// A key without which there is a complaint of its own.
    pub(super) fn demand(
        &self,
        key: &str,
        code: Code,
        write: &str,
        complaints: &mut Complaints,
    ) -> Option<Field<'n>> {
        let field = self.get(key);
        if field.is_none() {
            let message = format!("`{key}` is missing");
            complaints.add(code, &self.place, message, write);
        }
        field
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'n str, Field<'n>)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), self.field(entry)))
    }

    fn field(&self, entry: &'n Entry) -> Field<'n> {
        Field { node: &entry.node, path: format!("{}{}", self.prefix, entry.key) }
    }

    fn key_place(&self, entry: &Entry) -> Place {
        let path = format!("{}{}", self.prefix, entry.key);
        Place { line: entry.line, column: entry.column, path }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether some version of YAML takes a word without quotes for something other than a text.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".nan", ".inf"];
    let number = text.trim_start_matches(['+', '-']);
    let numeric = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let digits = |c: char| c.is_ascii_digit() || "_:.eE+-xXoOabcdfABCDFTtZz ".contains(c);
    let date = text.get(..10).is_some_and(|date| date.parse::<Date>().is_ok());
    let value = number.parse::<f64>().is_ok()
        || number.starts_with("0x")
        || number.starts_with("0o")
        || number.starts_with("0b")
        || number.chars().all(|c| c.is_ascii_digit() || "_:.".contains(c))
            && number.matches('.').count() <= 1;
    WORDS.contains(&text.to_ascii_lowercase().as_str())
        || numeric && value
        || date && text.chars().all(digits)
}

/// Whether a word is two edits or fewer from another, and not more than half of it.
fn is_near(name: &str, word: &str) -> bool {
    let mut row: Vec<usize> = (0..=name.chars().count()).collect();
    for (at, typed) in word.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at.saturating_add(1);
        let mut next = vec![left];
        for (above, meant) in row.iter().skip(1).zip(name.chars()) {
            let replaced = diagonal.saturating_add(usize::from(meant != typed));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().is_some_and(|edits| *edits <= 2 && edits.saturating_mul(2) <= name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_two_edits_away() {
        assert!(is_near("set_min", "set_mim") && is_near("lock", "lokc"));
        assert!(is_near("citations", "citation") && !is_near("id", "xy"));
        assert!(!is_near("residency", "retention"));
    }

    #[test]
    fn words_that_readers_take_otherwise() {
        for text in ["NO", "yes", "Off", "~", "123", "1_000", "0x1F", "1e3", "12:30", ".5", "-1"] {
            assert!(is_ambiguous(text), "{text}");
        }
        assert!(is_ambiguous("2027-01-01") && is_ambiguous("2027-01-01T00:00:00Z"));
        for text in [
            "SEC-210",
            "us-east-1",
            "north",
            "P6Y",
            "2027-01-01 is a day",
            "1st",
            "nan",
            "10.0.0.1",
        ] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }
}
