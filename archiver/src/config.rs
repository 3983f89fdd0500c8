//! `strongroom.yaml`: what to archive, where to, under which bounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;
use strongroom_crypto::name::StreamName;

use crate::limits::Limits;
use crate::settings::{SettingsError, SettingsFile};
use crate::source::{Format, StartRule};

/// Longest configuration in bytes: tens of thousands of streams.
const MAX_CONFIG_BYTES: usize = 8 << 20;

/// A configuration that was checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store's URL.
    pub store: String,
    /// The key file.
    pub key_file: Option<PathBuf>,
    /// The bounds.
    pub limits: Limits,
    /// What to archive.
    pub streams: Vec<Stream>,
}

/// One stream and where its events come from.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// What a policy may match it by, beside its name.
    pub labels: BTreeMap<String, String>,
    /// Its sources.
    pub sources: Vec<Source>,
}

/// Files of one kind.
#[derive(Clone, Debug)]
pub struct Source {
    /// Files, directories and globs.
    pub paths: Vec<PathBuf>,
    /// How records are framed.
    pub format: Format,
    /// A line that matches begins a record.
    pub start_rule: Option<StartRule>,
    /// The files grow.
    pub follow: bool,
    /// Put before every origin of this source.
    pub origin: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    store: String,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    limits: FileLimits,
    #[serde(default)]
    streams: Vec<FileStream>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    kek: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    memory: Option<String>,
    segment_rows: Option<usize>,
    max_record: Option<String>,
    max_age: Option<String>,
    settle: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStream {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    sources: Vec<FileSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    paths: Vec<PathBuf>,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    multiline_start: Option<String>,
    #[serde(default)]
    follow: bool,
    #[serde(default)]
    origin: Option<String>,
}

impl Config {
    /// Reads and checks a file; relative paths in it are relative to its directory.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let file = SettingsFile::new(path);
        Self::parse(path, &file.read(MAX_CONFIG_BYTES)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let check = Checker { file: SettingsFile::new(path) };
        let file: File = check.file.parse(text)?;
        if file.version != 1 {
            return Err(check.file.wrong("version", &file.version.to_string(), "1"));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let key_file = match file.keys.kek {
            None => None,
            Some(text) => {
                let name = text
                    .strip_prefix("file:")
                    .ok_or_else(|| check.file.wrong("keys.kek", &text, "`file:` and a path"))?;
                Some(base.join(name))
            }
        };
        let streams = file
            .streams
            .into_iter()
            .map(|stream| check.stream(stream, base))
            .collect::<Result<Vec<_>, _>>()?;
        for (at, stream) in streams.iter().enumerate() {
            if streams.iter().skip(at + 1).any(|other| other.name == stream.name) {
                return Err(check.file.wrong(
                    "streams.name",
                    &stream.name,
                    "a name that no other stream has",
                ));
            }
        }
        Ok(Self { store: file.store, key_file, limits: check.limits(&file.limits)?, streams })
    }
}

struct Checker<'a> {
    file: SettingsFile<'a>,
}

impl Checker<'_> {
    fn stream(&self, stream: FileStream, base: &Path) -> Result<Stream, SettingsError> {
        if stream.name.parse::<StreamName>().is_err() {
            let expected = "lower-case letters, digits, `.`, `_` and `-`, at most 63, beginning with a letter or digit";
            return Err(self.file.wrong("streams.name", &stream.name, expected));
        }
        let sources = stream
            .sources
            .into_iter()
            .map(|source| self.source(source, base))
            .collect::<Result<_, _>>()?;
        Ok(Stream { name: stream.name, labels: stream.labels, sources })
    }

    fn source(&self, source: FileSource, base: &Path) -> Result<Source, SettingsError> {
        let name = source.format.as_deref().unwrap_or("auto");
        let format = name.parse::<Format>().map_err(|_| {
            self.file.wrong("sources.format", name, &format!("one of {}", Format::NAMES.join(", ")))
        })?;
        let rule =
            source.multiline_start.as_deref().map(str::parse::<StartRule>).transpose().map_err(
                |error| {
                    self.file.wrong(
                        "sources.multiline_start",
                        source.multiline_start.as_deref().unwrap_or_default(),
                        &error.to_string(),
                    )
                },
            )?;
        if source.paths.is_empty() {
            return Err(self.file.wrong("sources.paths", "[]", "at least one path"));
        }
        Ok(Source {
            paths: source.paths.iter().map(|path| base.join(path)).collect(),
            format,
            start_rule: rule,
            follow: source.follow,
            origin: source.origin,
        })
    }

    fn limits(&self, file: &FileLimits) -> Result<Limits, SettingsError> {
        let mut limits = Limits::default();
        if let Some(text) = &file.memory {
            limits.memory_bytes = self.size("limits.memory", text, Limits::MEMORY_BYTES)?;
        }
        if let Some(rows) = file.segment_rows {
            let (least, most) = Limits::SEGMENT_ROWS;
            if !(least..=most).contains(&rows) {
                return Err(self.file.wrong(
                    "limits.segment_rows",
                    &rows.to_string(),
                    &format!("{least} to {most}"),
                ));
            }
            limits.segment_rows = rows;
        }
        if let Some(text) = &file.max_record {
            limits.max_record_bytes =
                self.size("limits.max_record", text, Limits::MAX_RECORD_BYTES)?;
        }
        if let Some(text) = &file.max_age {
            limits.max_age = self.duration("limits.max_age", text, Limits::MAX_AGE)?;
        }
        if let Some(text) = &file.settle {
            limits.settle = self.duration("limits.settle", text, Limits::SETTLE)?;
        }
        Ok(limits)
    }

    fn size(
        &self,
        key: &str,
        text: &str,
        (least, most): (usize, usize),
    ) -> Result<usize, SettingsError> {
        let wrong = || {
            self.file.wrong(
                key,
                text,
                &format!(
                    "a size such as `256MiB`, {} to {} MiB",
                    least.div_ceil(1 << 20),
                    most >> 20
                ),
            )
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text.strip_prefix(digits).unwrap_or_default() {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        let bytes = digits
            .parse::<usize>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .ok_or_else(wrong)?;
        if (least..=most).contains(&bytes) { Ok(bytes) } else { Err(wrong()) }
    }

    fn duration(
        &self,
        key: &str,
        text: &str,
        (least, most): (Duration, Duration),
    ) -> Result<Duration, SettingsError> {
        let bounds = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        let expected = format!(
            "an ISO 8601 duration such as `PT15M`, {:#} to {:#}",
            bounds(least),
            bounds(most)
        );
        parse_duration(text)
            .filter(|d| (least..=most).contains(d))
            .ok_or_else(|| self.file.wrong(key, text, &expected))
    }
}

/// An ISO 8601 duration of days and smaller; a day is 24 hours here because a settling period is a safety margin, not a
/// calendar date.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let whole = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/etc/strongroom/strongroom.yaml"), text)
            .map_err(|error| error.to_string())
    }

    const GOOD: &str = "version: 1\nstore: file:///a\nkeys: { kek: \"file:archive.key\" }\nlimits: { memory: 64MiB, settle: P2D }\n\
        streams:\n  - name: k8s\n    sources:\n      - { paths: [\"log/*.log\"], format: auto, follow: true }\n";

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.key_file.unwrap(), Path::new("/etc/strongroom/archive.key"));
        assert_eq!(config.streams[0].sources[0].paths, [Path::new("/etc/strongroom/log/*.log")]);
        assert_eq!(
            (config.limits.memory_bytes, config.limits.settle.as_secs()),
            (64 << 20, 172_800)
        );
        assert_eq!(config.limits.segment_rows, 131_072);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_it_should_be() {
        for (from, to, named) in [
            ("version: 1", "version: 2", "`version` is `2`"),
            ("memory: 64MiB", "memory: 64", "`limits.memory` is `64`"),
            ("memory: 64MiB", "memroy: 64MiB", "memroy"),
            ("settle: P2D", "settle: 2 days ago", "`limits.settle`"),
            ("settle: P2D", "settle: P2Y", "`limits.settle`"),
            ("name: k8s", "name: K8s", "`streams.name` is `K8s`"),
            ("format: auto", "format: xml", "`sources.format` is `xml`"),
            ("file:archive.key", "archive.key", "`keys.kek`"),
            ("store: file:///a", "store: file:///a\nstore: file:///b", "duplicate"),
        ] {
            let error = parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
