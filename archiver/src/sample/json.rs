//! Compact JSON, members in the order in which they are written.

use std::fmt::{self, Display, Write as _};

/// One JSON text in the making. Commas are its business, closing what was opened too.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    /// Starts again with an object that `members` fills, and returns its text.
    pub(super) fn record(&mut self, members: impl FnOnce(&mut Self)) -> &str {
        self.0.clear();
        self.0.push('{');
        members(self);
        self.0.push('}');
        &self.0
    }

    pub(super) fn text(&mut self, name: &str, value: impl Display) {
        self.name(name);
        self.string(value);
    }

    /// A number or anything else that needs no quotes.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing to a string does not fail.
        write!(self.0, "{value}").unwrap_or_default();
    }

    pub(super) fn null(&mut self, name: &str) {
        self.plain(name, "null");
    }

    pub(super) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.0.push('{');
        members(self);
        self.0.push('}');
    }

    /// An array of objects.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.name(name);
        self.0.push('[');
        for item in items {
            self.comma();
            self.0.push('{');
            each(self, item);
            self.0.push('}');
        }
        self.0.push(']');
    }

    /// An array of strings.
    pub(super) fn texts<T: Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.name(name);
        self.0.push('[');
        for item in items {
            self.comma();
            self.string(item);
        }
        self.0.push(']');
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.string(name);
        self.0.push(':');
    }

    /// A value never ends in an opening bracket: a string ends in its quote.
    fn comma(&mut self) {
        if !self.0.ends_with(['{', '[', ',']) {
            self.0.push(',');
        }
    }

    fn string(&mut self, value: impl Display) {
        self.0.push('"');
        // Writing to a string does not fail.
        write!(Escaped(&mut self.0), "{value}").unwrap_or_default();
        self.0.push('"');
    }
}

/// Takes the content of a JSON string.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.contains(['"', '\\', '\n']) {
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_order_with_commas_and_escapes() {
        let mut json = Json::default();
        let text = json.record(|json| {
            json.text("a", "say \"x\"\\\n");
            json.object("b", |_| {});
            json.texts("c", ["{", "["]);
            json.objects("d", [1, 2], |json, n| json.plain("n", n));
            json.null("e");
        });
        assert_eq!(
            text,
            r#"{"a":"say \"x\"\\\n","b":{},"c":["{","["],"d":[{"n":1},{"n":2}],"e":null}"#
        );
    }
}
