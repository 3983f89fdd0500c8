//! YAML into values, with an error of one line.

use serde::de::DeserializeOwned;

/// Reads a document; the error says where it is wrong.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| one_line(&error.to_string()))
}

/// The first line of a message, without what every message begins with.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
