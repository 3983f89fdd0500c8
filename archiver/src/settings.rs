//! YAML files that an operator writes: the configuration, the table of prices.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::named_file::read_text;

/// A file of settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not YAML of this shape.
    #[error("`{path}`: {detail}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong.
        detail: String,
    },
    /// A value is out of its bounds or of the wrong form.
    #[error("`{path}`: `{key}` is `{value}`, expected {expected}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Which key.
        key: String,
        /// What it says.
        value: String,
        /// What it may say.
        expected: String,
    },
}

/// One such file, for what there is to say against it.
#[derive(Clone, Copy)]
pub(crate) struct SettingsFile<'a> {
    path: &'a Path,
}

impl<'a> SettingsFile<'a> {
    pub(crate) const fn new(path: &'a Path) -> Self {
        Self { path }
    }

    pub(crate) fn read(self, max_bytes: usize) -> Result<String, SettingsError> {
        read_text(self.path, max_bytes)
            .map_err(|source| SettingsError::Read { path: self.path.to_owned(), source })
    }

    /// The file's text as `T`; its errors stay on one line.
    pub(crate) fn parse<T: DeserializeOwned>(self, text: &str) -> Result<T, SettingsError> {
        serde_saphyr::from_str(text).map_err(|error| {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default().trim_end();
            self.unusable(line.strip_prefix("error: ").unwrap_or(line))
        })
    }

    pub(crate) fn unusable(self, detail: &str) -> SettingsError {
        SettingsError::Syntax { path: self.path.to_owned(), detail: detail.to_owned() }
    }

    pub(crate) fn wrong(self, key: &str, value: &str, expected: &str) -> SettingsError {
        SettingsError::Value {
            path: self.path.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }
}
