//! Typed access to the members of an object; every refusal names the member by its path.

use std::{fmt::Display, str::FromStr};

use super::{Integer, JsonError, MAX_INTEGER, Members, Value, parse};
use crate::{b64, decimal, hex};

/// Takes an object apart, member by member. [`ObjectReader::finish`] refuses what was not taken,
/// so a structure cannot carry a member that a reader silently ignores.
#[derive(Debug)]
#[must_use = "call `finish` so that unknown members are refused"]
pub struct ObjectReader {
    /// Path of this object in the document, empty or ending in a dot.
    path: String,
    members: Members,
}

impl ObjectReader {
    /// Reads canonical bytes of at most `limit` bytes as an object.
    ///
    /// # Errors
    ///
    /// Refuses what [`parse`] refuses, and everything but an object.
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, JsonError> {
        Self::new(parse(bytes, limit)?)
    }

    /// Takes a whole document.
    ///
    /// # Errors
    ///
    /// Refuses everything but an object.
    pub fn new(value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Object(members) => Ok(Self { path: String::new(), members }),
            _ => Err(JsonError::Kind { member: "document".to_owned(), expected: "an object" }),
        }
    }

    /// Any value.
    ///
    /// # Errors
    ///
    /// The member is missing.
    pub fn value(&mut self, name: &str) -> Result<Value, JsonError> {
        self.members.remove(name).ok_or_else(|| JsonError::Missing { member: self.named(name) })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// The member is missing or of another kind; so for all readers below.
    pub fn bool(&mut self, name: &str) -> Result<bool, JsonError> {
        match self.value(name)? {
            Value::Bool(value) => Ok(value),
            _ => Err(self.kind(name, "true or false")),
        }
    }

    /// A count: an integer, or above 2^53 − 1 a decimal string.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn u64(&mut self, name: &str) -> Result<u64, JsonError> {
        let number = match self.value(name)? {
            Value::Int(number) => u64::try_from(number.get()).ok(),
            Value::Text(text) => decimal::parse(&text)
                .filter(|number| i64::try_from(*number).map_or(true, |n| n > MAX_INTEGER)),
            _ => None,
        };
        number.ok_or_else(|| self.kind(name, "a whole number in its one spelling"))
    }

    /// `null`, or a count.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::u64`].
    pub fn nullable_u64(&mut self, name: &str) -> Result<Option<u64>, JsonError> {
        if self.take_null(name) { Ok(None) } else { self.u64(name).map(Some) }
    }

    /// A signed integer within ±(2^53 − 1).
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn int(&mut self, name: &str) -> Result<i64, JsonError> {
        match self.value(name)? {
            Value::Int(number) => Ok(Integer::get(number)),
            _ => Err(self.kind(name, "an integer")),
        }
    }

    /// An integer that must be `expected`, such as a version.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`]; any other number is refused.
    pub fn exactly(&mut self, name: &str, expected: i64) -> Result<(), JsonError> {
        match self.int(name)? {
            found if found == expected => Ok(()),
            found => Err(self.refused(name, format_args!("{found} where {expected} is known"))),
        }
    }

    /// A string.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn text(&mut self, name: &str) -> Result<String, JsonError> {
        match self.value(name)? {
            Value::Text(text) => Ok(text),
            _ => Err(self.kind(name, "a string")),
        }
    }

    /// A string in the one spelling of `T`.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`]; what `T` refuses is refused with its reason.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T, JsonError> {
        let text = self.text(name)?;
        text.parse().map_err(|reason| self.refused(name, reason))
    }

    /// `null`, or a string in the one spelling of `T`.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::parsed`].
    pub fn nullable<T: FromStr<Err: Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, JsonError> {
        if self.take_null(name) { Ok(None) } else { self.parsed(name).map(Some) }
    }

    /// Exactly `N` bytes in lower-case hex.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn hex<const N: usize>(&mut self, name: &str) -> Result<[u8; N], JsonError> {
        let text = self.text(name)?;
        hex::decode_array(&text).map_err(|reason| self.refused(name, reason))
    }

    /// Exactly `N` bytes in base64.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn base64<const N: usize>(&mut self, name: &str) -> Result<[u8; N], JsonError> {
        let text = self.text(name)?;
        b64::decode_array(&text).map_err(|reason| self.refused(name, reason))
    }

    /// An array of any values.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn array(&mut self, name: &str) -> Result<Vec<Value>, JsonError> {
        match self.value(name)? {
            Value::Array(items) => Ok(items),
            _ => Err(self.kind(name, "an array")),
        }
    }

    /// An array of strings in the one spelling of `T`, sorted and each once.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::parsed`]; `otherwise` says what the array is not.
    pub fn sorted<T>(&mut self, name: &str, otherwise: &'static str) -> Result<Vec<T>, JsonError>
    where
        T: FromStr<Err: Display> + Ord,
    {
        let mut sorted: Vec<T> = Vec::new();
        for item in self.array(name)? {
            let Value::Text(text) = item else { return Err(self.refused(name, otherwise)) };
            let found = text.parse().map_err(|reason| self.refused(name, reason))?;
            if sorted.last() >= Some(&found) {
                return Err(self.refused(name, "not sorted, or one occurs twice"));
            }
            sorted.push(found);
        }
        Ok(sorted)
    }

    /// An array of objects.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn objects(&mut self, name: &str) -> Result<Vec<Self>, JsonError> {
        let items = self.array(name)?.into_iter().enumerate();
        items
            .map(|(nth, item)| {
                let path = format!("{name}[{nth}]");
                match item {
                    Value::Object(members) => {
                        Ok(Self { path: format!("{}.", self.named(&path)), members })
                    }
                    _ => Err(self.kind(&path, "an object")),
                }
            })
            .collect()
    }

    /// An object.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn object(&mut self, name: &str) -> Result<Self, JsonError> {
        match self.value(name)? {
            Value::Object(members) => Ok(Self { path: format!("{}.", self.named(name)), members }),
            _ => Err(self.kind(name, "an object")),
        }
    }

    /// `null`, or an object.
    ///
    /// # Errors
    ///
    /// See [`ObjectReader::bool`].
    pub fn nullable_object(&mut self, name: &str) -> Result<Option<Self>, JsonError> {
        if self.take_null(name) { Ok(None) } else { self.object(name).map(Some) }
    }

    /// A refusal of the member for a reason of the caller.
    pub fn refused(&self, name: &str, reason: impl Display) -> JsonError {
        JsonError::refused(self.named(name), reason)
    }

    /// Refuses every member that was not taken.
    ///
    /// # Errors
    ///
    /// Names the first unknown member.
    pub fn finish(self) -> Result<(), JsonError> {
        match self.members.iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(JsonError::Unknown { member: self.named(name) }),
        }
    }

    fn take_null(&mut self, name: &str) -> bool {
        let null = self.members.get(name) == Some(&Value::Null);
        if null {
            self.members.remove(name);
        }
        null
    }

    fn kind(&self, name: &str, expected: &'static str) -> JsonError {
        JsonError::Kind { member: self.named(name), expected }
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::object, *};

    fn reader(text: &str) -> ObjectReader {
        ObjectReader::from_bytes(text.as_bytes(), 1_000).unwrap()
    }

    #[test]
    fn a_refusal_names_the_member_by_its_path() {
        let mut outer = reader(r#"{"keys":[{"id":1},{}],"range":{"end":"x"}}"#);
        let mut keys = outer.objects("keys").unwrap();
        assert_eq!(keys[0].text("id").unwrap_err().to_string(), "`keys[0].id` is not a string");
        assert_eq!(keys[1].text("id").unwrap_err().to_string(), "`keys[1].id` is missing");
        let mut range = outer.object("range").unwrap();
        let error = range.u64("end").unwrap_err().to_string();
        assert_eq!(error, "`range.end` is not a whole number in its one spelling");
        assert_eq!(outer.text("at").unwrap_err().to_string(), "`at` is missing");
    }

    #[test]
    fn what_was_not_taken_is_refused() {
        let mut outer = reader(r#"{"a":null,"b":{"c":true}}"#);
        assert_eq!(outer.nullable::<u8>("a"), Ok(None));
        let inner = outer.object("b").unwrap();
        assert_eq!(inner.finish(), Err(JsonError::Unknown { member: "b.c".to_owned() }));
        assert_eq!(outer.finish(), Ok(()));
        let mut version = reader(r#"{"v":2}"#);
        let error = version.exactly("v", 1).unwrap_err().to_string();
        assert_eq!(error, "`v`: 2 where 1 is known");
    }

    #[test]
    fn a_document_that_is_no_object_is_refused() {
        assert!(ObjectReader::from_bytes(b"[]", 10).is_err());
        assert!(ObjectReader::new(object([])).unwrap().finish().is_ok());
    }
}
