//! Parquet key material of type PKMT1 with the member names of parquet-mr and parquet-cpp (`KeyMaterial`),
//! so that pyarrow and Spark open a segment with a KMS client of the user's.

use std::fmt;

use super::{WrapError, WrappedDek};
use crate::{b64, decimal};

/// The KMS instance and its address: the KMS client knows its own.
const DEFAULT: &str = "DEFAULT";

/// The longest period id, in bytes.
const MAX_PERIOD_ID_BYTES: usize = 512;

/// The longest key material read, in bytes: fixed names, one period id, one wrapped key.
const MAX_MATERIAL_BYTES: usize = 2_048;

/// What a segment says about its footer key: which period key wraps it, and the wrapped key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyMaterial {
    /// Printable ASCII without space, quote or backslash, so that JSON needs no escape.
    period: String,
    generation: u64,
    wrapped: WrappedDek,
}

/// Why key material was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyMaterialError {
    /// Not a flat JSON object of plain strings and booleans.
    #[error("malformed key material")]
    Syntax,
    /// A member that is unknown or repeated.
    #[error("key material has an unknown or repeated member `{name}`")]
    Member {
        /// Its name.
        name: String,
    },
    /// A member that is missing or has a value that Strongroom never writes.
    #[error("key material lacks `{name}` or has an unsupported value for it")]
    Value {
        /// Its name.
        name: &'static str,
    },
    /// The period id is empty, too long or not plain ASCII.
    #[error("period id `{period}` is empty, too long or not plain printable ASCII")]
    Period {
        /// The id.
        period: String,
    },
    /// The wrapped key is malformed.
    #[error(transparent)]
    Wrapped(#[from] WrapError),
}

impl KeyMaterial {
    /// Names the period key and carries the wrapped data key.
    ///
    /// # Errors
    ///
    /// Refuses a period id that is empty, over 512 bytes, or has other than printable ASCII, a quote or
    /// a backslash.
    pub fn new(
        period: &str,
        generation: u64,
        wrapped: WrappedDek,
    ) -> Result<Self, KeyMaterialError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if period.is_empty() || period.len() > MAX_PERIOD_ID_BYTES || !period.bytes().all(plain) {
            let period = period.chars().take(64).collect();
            return Err(KeyMaterialError::Period { period });
        }
        Ok(Self { period: period.to_owned(), generation, wrapped })
    }

    /// The id of the period key.
    pub fn period(&self) -> &str {
        &self.period
    }

    /// The generation under which the period key was stored when the segment was sealed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The wrapped data key.
    pub fn wrapped(&self) -> &WrappedDek {
        &self.wrapped
    }

    /// Reads key material, its members in any order.
    ///
    /// # Errors
    ///
    /// Refuses members that are missing, unknown or repeated, escapes, and any form that Strongroom
    /// does not write: column keys, double wrapping, external storage, another KMS instance.
    pub fn parse(json: &str) -> Result<Self, KeyMaterialError> {
        let members = Members::parse(json)?;
        members.expect("keyMaterialType", Value::Text("PKMT1"))?;
        members.expect("internalStorage", Value::Truth(true))?;
        members.expect("isFooterKey", Value::Truth(true))?;
        members.expect("kmsInstanceID", Value::Text(DEFAULT))?;
        members.expect("kmsInstanceURL", Value::Text(DEFAULT))?;
        members.expect("doubleWrapping", Value::Truth(false))?;
        let wrong = |name| KeyMaterialError::Value { name };
        let id = members.text("masterKeyID")?.rsplit_once('/');
        let (period, generation) = id.ok_or(wrong("masterKeyID"))?;
        let generation = decimal::parse(generation).ok_or(wrong("masterKeyID"))?;
        let wrapped = b64::decode(members.text("wrappedDEK")?);
        let wrapped = WrappedDek::from_bytes(&wrapped.map_err(|_| wrong("wrappedDEK"))?)?;
        Self::new(period, generation, wrapped)
    }
}

/// The JSON text, with the members in the order of parquet-cpp.
impl fmt::Display for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"{"keyMaterialType":"PKMT1","internalStorage":true,"isFooterKey":true,"#)?;
        write!(f, r#""kmsInstanceID":"{DEFAULT}","kmsInstanceURL":"{DEFAULT}","#)?;
        write!(f, r#""masterKeyID":"{}/{}","#, self.period, self.generation)?;
        let wrapped = b64::encode(&self.wrapped.to_bytes());
        write!(f, r#""wrappedDEK":"{wrapped}","doubleWrapping":false}}"#)
    }
}

const NAMES: [&str; 8] = [
    "keyMaterialType",
    "internalStorage",
    "isFooterKey",
    "kmsInstanceID",
    "kmsInstanceURL",
    "masterKeyID",
    "wrappedDEK",
    "doubleWrapping",
];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Value<'a> {
    Text(&'a str),
    Truth(bool),
}

/// The members of a flat JSON object, in the order they stand.
struct Members<'a>(Vec<(&'a str, Value<'a>)>);

impl<'a> Members<'a> {
    fn parse(json: &'a str) -> Result<Self, KeyMaterialError> {
        if json.len() > MAX_MATERIAL_BYTES {
            return Err(KeyMaterialError::Syntax);
        }
        let mut reader = Reader(json);
        let mut members = Self(Vec::new());
        reader.take("{")?;
        loop {
            let name = reader.text()?;
            if !NAMES.contains(&name) || members.get(name).is_some() {
                let name = name.chars().take(64).collect();
                return Err(KeyMaterialError::Member { name });
            }
            reader.take(":")?;
            members.0.push((name, reader.value()?));
            if reader.take(",").is_err() {
                break;
            }
        }
        reader.take("}")?;
        reader.end()?;
        Ok(members)
    }

    fn get(&self, name: &str) -> Option<Value<'a>> {
        self.0.iter().find_map(|(own, value)| (*own == name).then_some(*value))
    }

    fn expect(&self, name: &'static str, value: Value<'_>) -> Result<(), KeyMaterialError> {
        if self.get(name) == Some(value) { Ok(()) } else { Err(KeyMaterialError::Value { name }) }
    }

    fn text(&self, name: &'static str) -> Result<&'a str, KeyMaterialError> {
        match self.get(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(KeyMaterialError::Value { name }),
        }
    }
}

/// What is left to read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> Result<(), KeyMaterialError> {
        self.skip_space();
        self.0 = self.0.strip_prefix(token).ok_or(KeyMaterialError::Syntax)?;
        Ok(())
    }

    /// A string without escapes: none of the members needs one.
    fn text(&mut self) -> Result<&'a str, KeyMaterialError> {
        self.take("\"")?;
        let (text, rest) = self.0.split_once('"').ok_or(KeyMaterialError::Syntax)?;
        if text.contains(|c: char| c == '\\' || c.is_control()) {
            return Err(KeyMaterialError::Syntax);
        }
        self.0 = rest;
        Ok(text)
    }

    fn value(&mut self) -> Result<Value<'a>, KeyMaterialError> {
        if self.take("true").is_ok() {
            return Ok(Value::Truth(true));
        }
        if self.take("false").is_ok() {
            return Ok(Value::Truth(false));
        }
        self.text().map(Value::Text)
    }

    fn end(&mut self) -> Result<(), KeyMaterialError> {
        self.skip_space();
        if self.0.is_empty() { Ok(()) } else { Err(KeyMaterialError::Syntax) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{ArchiveId, SegmentId},
        keys::{DataKey, PeriodKey},
    };

    fn material() -> KeyMaterial {
        let period = PeriodKey::from_bytes(&[1; 32]);
        let segment = SegmentId::new(1, &mut |out: &mut [u8]| out.fill(4)).unwrap();
        let entropy = &mut |out: &mut [u8]| out.fill(9);
        let dek = DataKey::from_bytes(&[2; 32]);
        let wrapped = period.wrap(&dek, ArchiveId::from_bytes([3; 16]), segment, entropy).unwrap();
        KeyMaterial::new("kubernetes-audit/unclassified/2026-11", 0, wrapped).unwrap()
    }

    #[test]
    fn the_text_is_that_of_parquet_cpp_and_reads_back() {
        let text = material().to_string();
        let wrapped = b64::encode(&material().wrapped().to_bytes());
        let expected = [
            r#"{"keyMaterialType":"PKMT1","internalStorage":true,"isFooterKey":true,"#,
            r#""kmsInstanceID":"DEFAULT","kmsInstanceURL":"DEFAULT","#,
            r#""masterKeyID":"kubernetes-audit/unclassified/2026-11/0","wrappedDEK":""#,
            &wrapped,
            r#"","doubleWrapping":false}"#,
        ];
        assert_eq!(text, expected.concat());
        let read = KeyMaterial::parse(&text).unwrap();
        assert_eq!(read, material());
        assert_eq!(
            (read.period(), read.generation()),
            ("kubernetes-audit/unclassified/2026-11", 0)
        );
    }

    #[test]
    fn members_may_stand_in_any_order() {
        let text = material().to_string();
        let inner = text.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let mut members: Vec<&str> = inner.split(',').collect();
        for _ in 0..members.len() {
            members.rotate_left(1);
            let spaced = format!(" {{ {} }}\n", members.join(" ,\t"));
            assert_eq!(KeyMaterial::parse(&spaced).unwrap(), material());
        }
        for dropped in 0..members.len() {
            let mut rest = members.clone();
            rest.remove(dropped);
            assert!(KeyMaterial::parse(&format!("{{{}}}", rest.join(","))).is_err());
            rest.insert(0, members[dropped]);
            rest.insert(0, members[dropped]);
            let twice = KeyMaterial::parse(&format!("{{{}}}", rest.join(",")));
            assert!(matches!(twice, Err(KeyMaterialError::Member { .. })));
        }
    }

    #[test]
    fn what_strongroom_does_not_write_is_refused() {
        let text = material().to_string();
        for (from, to) in [
            ("PKMT1", "PKMT2"),
            ("\"internalStorage\":true", "\"internalStorage\":false"),
            ("\"isFooterKey\":true", "\"isFooterKey\":\"true\""),
            ("\"doubleWrapping\":false", "\"doubleWrapping\":true"),
            ("\"kmsInstanceURL\":\"DEFAULT\"", "\"kmsInstanceURL\":\"http://kms\""),
            ("2026-11/0", "2026-11/00"),
            ("2026-11/0", "2026-11/"),
            ("kubernetes-audit/", "kubernetes audit/"),
            ("kubernetes-audit/unclassified/2026-11/", "/"),
            ("unclassified/", "unclassified\\/"),
            ("\"wrappedDEK\":\"", "\"wrappedDEK\":\"A"),
            ("\"wrappedDEK\":\"", "\"wrappedDEK\":\"AAAA"),
            ("{", "{\"extra\":true,"),
            ("}", ",}"),
            ("}", "}}"),
            ("}", ""),
            ("{", "[{"),
        ] {
            let altered = text.replacen(from, to, 1);
            assert_ne!(altered, text);
            assert!(KeyMaterial::parse(&altered).is_err(), "{from} → {to}");
        }
        assert!(KeyMaterial::parse("{}").is_err());
        assert!(KeyMaterial::parse(&format!("{text}{}", " ".repeat(MAX_MATERIAL_BYTES))).is_err());
        assert!(KeyMaterial::new("a\"b", 0, material().wrapped().clone()).is_err());
        assert!(KeyMaterial::new("", 0, material().wrapped().clone()).is_err());
    }
}
