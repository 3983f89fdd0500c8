//! The address of a store.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::StoreError;

/// Where a store is. One spelling per store: no `.` or `..`, no doubled or trailing slash kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreUrl {
    /// `file:///absolute/path`: a directory of this machine.
    File(PathBuf),
}

impl StoreUrl {
    /// The directory, for a store that is one.
    pub fn file_path(&self) -> Option<&Path> {
        let Self::File(path) = self;
        Some(path)
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let refuse =
            |why: &str| Err(StoreError::invalid(format!("store `{}`: {why}", text.escape_debug())));
        if text.starts_with("s3://") {
            return refuse("s3 stores are not in this build; use file:///path");
        }
        let Some(rest) = text.strip_prefix("file:") else {
            return refuse("expected file:///path");
        };
        let Some(path) = rest.strip_prefix("//").filter(|path| path.starts_with('/')) else {
            return refuse("expected an absolute path after three slashes, file:///path");
        };
        if path.contains(['%', '?', '#']) {
            return refuse(
                "the path is taken as it is written and may not contain `%`, `?` or `#`",
            );
        }
        if path.contains(char::is_control) {
            return refuse("the path contains a control character");
        }
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return refuse("the path may not contain `.` or `..`");
        }
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.is_empty() {
            return refuse("the root directory is not a store");
        }
        Ok(Self::File(PathBuf::from(format!("/{}", segments.join("/")))))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::File(path) = self;
        write!(f, "file://{}", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_has_one_spelling() {
        for text in ["file:///var/lib/a b", "file:///var/lib/a b/", "file:////var//lib/a b"] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), "file:///var/lib/a b");
            assert_eq!(url.file_path(), Some(Path::new("/var/lib/a b")));
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        let said = |text: &str| text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(said("s3://bucket/prefix").contains("not in this build"));
        assert!(said("file:relative").contains("three slashes"));
        assert!(said("file://host/path").contains("three slashes"));
        assert!(said("/var/lib").contains("expected file:///path"));
        assert!(said("file:///a/../b").contains(".."));
        assert!(said("file:///a%20b").contains('%'));
        assert!(said("file:///").contains("root directory"));
        assert!(said("file:///a\nb").contains("control"));
    }
}
