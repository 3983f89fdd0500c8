//! The names of objects and of their versions.

use std::{fmt, str::FromStr};

use super::StoreError;

/// The longest key that S3 takes.
pub(super) const MAX_KEY_BYTES: usize = 1024;

/// The longest part of a key that a directory entry can hold.
const MAX_SEGMENT_BYTES: usize = 255;

/// S3 promises no more for a version id.
const MAX_VERSION_BYTES: usize = 1024;

/// The name of an object: segments of `A-Z a-z 0-9 . _ = @ -` joined by `/`.
///
/// It is relative, has no empty segment and none that begins with a dot, so that it is also a path
/// below any root and never the name of a file that a store keeps for itself.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    ///
    /// `Invalid` if it is not a key.
    pub fn new(text: impl Into<String>) -> Result<Self, StoreError> {
        let text = text.into();
        if text.len() <= MAX_KEY_BYTES && text.split('/').all(is_segment) {
            return Ok(Self(text));
        }
        Err(StoreError::invalid(format!("`{}` is no object key", text.escape_default())))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last `/`; empty for a key of one segment.
    pub(super) fn parent(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(parent, _)| parent)
    }
}

/// Whether `text` may stand between two slashes of a key.
pub(super) fn is_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._=@-".contains(&byte);
    !text.is_empty()
        && text.len() <= MAX_SEGMENT_BYTES
        && !text.starts_with('.')
        && text.bytes().all(allowed)
}

impl FromStr for ObjectKey {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::new(text)
    }
}

impl AsRef<str> for ObjectKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store's name for one immutable version of an object; printable ASCII without spaces.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VersionId(String);

impl VersionId {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    ///
    /// `Invalid` if no store could have given it.
    pub fn new(text: impl Into<String>) -> Result<Self, StoreError> {
        let text = text.into();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if printable && !text.is_empty() && text.len() <= MAX_VERSION_BYTES {
            return Ok(Self(text));
        }
        Err(StoreError::invalid(format!("`{}` is no version id", text.escape_default())))
    }

    /// The name that S3 gives to an object which no versioned write put there.
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// Whether it is [`VersionId::null`].
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VersionId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::new(text)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_layout_are_accepted() {
        for text in
            ["log/checkpoint", "log/tile/0/x001.p/3", "segments/a=b@c/2024/01/02/x-1_y.parquet"]
        {
            assert_eq!(ObjectKey::new(text).unwrap().as_str(), text);
        }
        assert_eq!(ObjectKey::new("a/b/c").unwrap().parent(), "a/b");
        assert_eq!(ObjectKey::new("a").unwrap().parent(), "");
    }

    #[test]
    fn a_key_never_leaves_the_root_nor_meets_the_stores_own_files() {
        let long = "a".repeat(256);
        let longer = format!("{}b", "a/".repeat(512));
        for text in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            ".versions/a",
            "a/.b",
            "a b",
            "a\nb",
            "a+b",
            "ä",
            "a\\b",
            "a:b",
            "a%2e",
            "a*",
            &long,
            &longer,
        ] {
            assert!(ObjectKey::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn version_ids_are_printable_and_bounded() {
        assert!(
            VersionId::new("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo")
                .is_ok()
        );
        assert!(VersionId::null().is_null());
        for text in ["", "a b", "a\n", &"v".repeat(1025)] {
            assert!(VersionId::new(text).is_err());
        }
    }
}
