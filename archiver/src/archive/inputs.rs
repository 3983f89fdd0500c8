//! What a stream's sources offer, and where in the log each file stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use strongroom_crypto::keys::OriginKey;

use super::{ArchiveError, Report, Run, lock};
use crate::config::{Source, Stream};
use crate::source::{
    Discovery, Format, Input, InputFacts, Inspected, Reason, Scope, Skipped, SourceError,
    StoredPrefix, assign, discover, inspect,
};

/// A file to read on.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) inspected: Inspected,
    pub(super) origin: String,
    pub(super) generation: u64,
    pub(super) start: u64,
    /// Which source of the stream it belongs to.
    pub(super) source: usize,
}

impl Run<'_> {
    /// Lists the files of a stream with new bytes.
    pub(super) fn jobs(&self, stream: &Stream) -> Result<Vec<Job>, ArchiveError> {
        let mut jobs = Vec::new();
        for (place, source) in stream.sources.iter().enumerate() {
            jobs.extend(self.source_jobs(stream, place, source)?);
        }
        let mut seen = BTreeMap::new();
        for job in &jobs {
            if let Some(first) = seen.insert((job.origin.clone(), job.generation), job.path.clone())
            {
                let (origin, second) = (job.origin.clone(), job.path.clone());
                return Err(SourceError::SameOrigin { origin, first, second }.into());
            }
        }
        Ok(jobs)
    }

    fn source_jobs(
        &self,
        stream: &Stream,
        place: usize,
        source: &Source,
    ) -> Result<Vec<Job>, ArchiveError> {
        let scope = Scope {
            prefix: source.origin.as_deref(),
            store_root: self.request.store_root.as_deref(),
        };
        let mut found = discover(&source.paths, scope)?;
        self.report_discovery(&found);
        let (mut inputs, mut unread) = (Vec::new(), Vec::new());
        for input in std::mem::take(&mut found.inputs) {
            match inspect(&input.path, source.format) {
                Ok(inspected) => inputs.push((input, inspected)),
                Err(error) => unread.push((input, error)),
            }
        }
        let known = inputs.iter().map(|(input, _)| input);
        let known = known.chain(unread.iter().map(|(input, _)| input));
        let names = known.map(|input| &input.origin).chain(&found.aliases).map(String::as_str);
        let stored = self.stored(&stream.name, names)?;
        for (input, error) in unread {
            if self.is_kept_as_it_is(&stream.name, &input, &error, &stored) {
                let skipped = Skipped { path: input.path, reason: Reason::KeptAsItIs };
                self.note(skipped.to_string(), |report| &mut report.skipped);
            } else {
                self.failure(&input.path.display().to_string(), &error);
            }
        }
        let facts: Vec<InputFacts<'_>> = inputs
            .iter()
            .map(|(input, inspected)| InputFacts {
                origin: &input.origin,
                decoded_len: inspected.decoded_len,
            })
            .collect();
        let assignments = assign(&facts, &stored, |input, length| {
            let (_, inspected) = inputs.get(input)?;
            Some(prefix_mac(&self.origin_key, &stream.name, inspected.prefix.get(..length)?))
        });
        let mut slots: Vec<Option<_>> = inputs.into_iter().map(Some).collect();
        let mut jobs = Vec::new();
        for assignment in assignments {
            let Some((input, inspected)) = slots.get_mut(assignment.input).and_then(Option::take)
            else {
                continue;
            };
            if inspected.decoded_len <= assignment.start {
                continue;
            }
            if let (Format::Auto, Some(packed_as)) = (source.format, inspected.packed_as) {
                let text = format!(
                    "`{}` is {packed_as} data, which is not decompressed: it is kept as lines of text",
                    input.path.display()
                );
                self.note(text, |report| &mut report.warnings);
            }
            self.progress.found(inspected.decoded_len - assignment.start);
            jobs.push(Job {
                path: input.path,
                inspected,
                origin: assignment.origin,
                generation: assignment.generation,
                start: assignment.start,
                source: place,
            });
        }
        Ok(jobs)
    }

    /// Says what of a source is not read.
    fn report_discovery(&self, found: &Discovery) {
        for error in &found.unreadable {
            self.failure(&error.to_string(), error);
        }
        for skipped in &found.skipped {
            self.note(skipped.to_string(), |report| &mut report.skipped);
        }
        for pattern in &found.unmatched {
            self.note(pattern.display().to_string(), |report| &mut report.unmatched);
        }
    }

    /// Puts a line in a list of the report, once in a run.
    fn note(&self, line: String, list: impl FnOnce(&mut Report) -> &mut Vec<String>) {
        let mut shared = lock(&self.shared);
        if shared.failed.insert(line.clone()) {
            list(&mut shared.report).push(line);
        }
    }

    /// Whether a file that cannot be decoded was archived as [`Format::Binary`], and all of it.
    fn is_kept_as_it_is(
        &self,
        stream: &str,
        input: &Input,
        error: &SourceError,
        stored: &[StoredPrefix],
    ) -> bool {
        let undecodable = matches!(
            error,
            SourceError::Truncated { .. }
                | SourceError::Corrupt { .. }
                | SourceError::TooLarge { .. }
        );
        let inspected = undecodable.then(|| inspect(&input.path, Format::Binary));
        let Some(Ok(inspected)) = inspected else { return false };
        stored.iter().any(|stored| {
            let prefix =
                inspected.prefix.get(..stored.prefix_len).filter(|prefix| !prefix.is_empty());
            stored.origin == input.origin
                && stored.position == inspected.decoded_len
                && prefix.is_some_and(|prefix| {
                    prefix_mac(&self.origin_key, stream, prefix) == stored.mac
                })
        })
    }

    /// What the log knows of these origins, and of those whose names a rotation could have made them from.
    ///
    /// The log has no names, only handles, so that a renamed file is recognised if its old name can be guessed: by taking off
    /// what `logrotate` puts on. One that is not recognised is a new origin: nothing is lost, its beginning is there twice.
    fn stored<'a>(
        &self,
        stream: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<StoredPrefix>, ArchiveError> {
        let mut candidates: Vec<&str> =
            names.flat_map(|name| std::iter::once(name).chain(before_rotation(name))).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let log = lock(&self.log);
        let mut stored = Vec::new();
        for name in candidates {
            let handle = self
                .origin_key
                .handle(stream, name)
                .map_err(|error| ArchiveError::Format(error.to_string()))?;
            for (generation, position) in log.state().positions(&handle) {
                stored.push(StoredPrefix {
                    origin: name.to_owned(),
                    generation,
                    position: position.end,
                    prefix_len: usize::from(position.prefix_len),
                    mac: *position.prefix_mac.as_bytes(),
                });
            }
        }
        Ok(stored)
    }
}

/// The keyed digest of a file's first bytes.
pub(super) fn prefix_mac(key: &OriginKey, stream: &str, prefix: &[u8]) -> [u8; 32] {
    // INVARIANT: a stream's name has at most 63 bytes.
    key.prefix_mac(stream, prefix).map_or([0; 32], |mac| *mac.as_bytes())
}

/// Names that a file may have had before rotation: without `.gz` and the like, without a number or date at the end.
fn before_rotation(name: &str) -> impl Iterator<Item = &str> {
    let plain = [".gz", ".zst"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    [plain, stem].into_iter().filter(move |candidate| *candidate != name && !candidate.is_empty())
}
