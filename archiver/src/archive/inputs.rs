//! What a stream's sources offer, and where in the log each file stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use strongroom_crypto::keys::OriginKey;

use super::{ArchiveError, Run, lock};
use crate::config::{Source, Stream};
use crate::source::{self, InputFacts, Inspected, StoredPrefix, assign, discover, inspect};

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
                return Err(source::SourceError::SameOrigin { origin, first, second }.into());
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
        let found = discover(&source.paths, source.origin.as_deref())?;
        for error in &found.unreadable {
            self.failure(&error.to_string(), error);
        }
        for pattern in &found.unmatched {
            let name = pattern.display().to_string();
            let report = &mut lock(&self.shared).report;
            if !report.unmatched.contains(&name) {
                report.unmatched.push(name);
            }
        }
        let mut inputs = Vec::new();
        for input in found.inputs {
            match inspect(&input.path) {
                Ok(inspected) => inputs.push((input, inspected)),
                Err(error) => self.failure(&input.path.display().to_string(), &error),
            }
        }
        let names = inputs.iter().map(|(input, _)| input.origin.as_str());
        let stored = self.stored(&stream.name, names)?;
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
