//! Everything that is printed.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use strongroom_crypto::json::Value;

use crate::archive::Progress;
use crate::store::Covered;

/// Prints a line of output. Names and messages come from stores and sources that nobody vouches for:
/// what would move a terminal's cursor, or pass for another line, is shown as an escape.
pub(super) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    unless_closed(writeln!(io::stdout().lock(), "{}", plain(&text.to_string())))
}

/// Prints text that programs read, as it is.
pub(super) fn text(text: &str) -> io::Result<()> {
    unless_closed(io::stdout().lock().write_all(text.as_bytes()))
}

/// Prints JSON on one line.
pub(super) fn json(value: &Value) -> io::Result<()> {
    let mut bytes = value.to_canonical();
    bytes.push(b'\n');
    unless_closed(io::stdout().lock().write_all(&bytes))
}

/// Prints JSON for people: a member or an item on each line.
pub(super) fn pretty(value: &Value) -> io::Result<()> {
    let mut shown = String::new();
    layout(value, "", &mut shown);
    shown.push('\n');
    unless_closed(io::stdout().lock().write_all(shown.as_bytes()))
}

fn layout(value: &Value, indent: &str, shown: &mut String) {
    let inner = format!("{indent}  ");
    let canonical = |value: &Value| String::from_utf8_lossy(&value.to_canonical()).into_owned();
    let (open, items, close): (char, Vec<(String, &Value)>, char) = match value {
        Value::Object(members) => {
            let name = |name: &str| format!("{}: ", canonical(&name.into()));
            ('{', members.iter().map(|(key, value)| (name(key), value)).collect(), '}')
        }
        Value::Array(items) => ('[', items.iter().map(|item| (String::new(), item)).collect(), ']'),
        other => return shown.push_str(&canonical(other)),
    };
    shown.push(open);
    for (place, (name, item)) in items.iter().enumerate() {
        shown.push_str(if place == 0 { "\n" } else { ",\n" });
        shown.push_str(&inner);
        shown.push_str(name);
        layout(item, &inner, shown);
    }
    if !items.is_empty() {
        shown.push('\n');
        shown.push_str(indent);
    }
    shown.push(close);
}

/// Whoever closed the pipe has read enough: the exit code still says what became of the command.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Escapes control characters, and those that change the direction of writing.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.extend(c.escape_unicode()),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Says on standard error what went wrong and what to do next.
pub(super) fn complain(message: &str, next: Option<&str>) {
    if message.is_empty() {
        return;
    }
    let next = next.map(|next| format!("\n  next: {}", plain(next))).unwrap_or_default();
    // If even standard error is closed, the exit code has to do.
    if writeln!(io::stderr().lock(), "strongroom: {}{next}", plain(message)).is_err() {}
}

/// Says which names something lies over.
pub(super) fn warn(covered: &Covered) {
    for line in covered.warnings() {
        complain(&line, None);
    }
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// A text as a shell takes it.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-=+,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts, in the plural but for one.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A bar on standard error when a person looks at it, nothing otherwise.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    total: AtomicU64,
}

impl Bar {
    pub(super) fn new(what: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::new(0).with_message(what);
        let shown = !quiet && io::stderr().is_terminal();
        bar.set_draw_target(if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:10} {wide_bar} {bytes:>10} of {total_bytes:10} {binary_bytes_per_sec}",
        ) {
            bar.set_style(style);
        }
        Self { bar, total: AtomicU64::new(0) }
    }
}

impl Progress for Bar {
    fn found(&self, bytes: u64) {
        let before = self.total.fetch_add(bytes, Ordering::Relaxed);
        self.bar.set_length(before + bytes);
    }

    fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_turns_the_line_is_escaped() {
        assert_eq!(plain("a\nb\u{1b}[2J\u{9b}\u{202e}ä"), "a\\nb\\u{1b}[2J\\u{9b}\\u{202e}ä");
    }

    #[test]
    fn sizes_and_counts_are_readable() {
        assert_eq!((size(999), size(1_234_567)), ("999 B".to_owned(), "1.2 MB".to_owned()));
        assert_eq!((count(12), count(1_234_567)), ("12".to_owned(), "1,234,567".to_owned()));
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
        assert_eq!(counted(1_000, "entry", "entries"), "1,000 entries");
    }
}
