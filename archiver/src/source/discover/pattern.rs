//! What a glob matches. Each part of a pattern is matched by itself, so that a directory that may
//! not be read is told from one in which nothing matches.

use super::{MAX_INPUTS, SourceError, sort};
use glob::{MatchOptions, Pattern};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

/// The bytes that make a path a pattern.
pub(super) const MARKS: [char; 3] = ['*', '?', '['];

/// Hidden files are files, as everywhere in a source.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// What a pattern matches.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// Whatever has a name that matches, in the order of their bytes.
    pub(super) paths: Vec<PathBuf>,
    /// Links to directories that `**` passed by, for they could lead in a circle.
    pub(super) links: Vec<PathBuf>,
    /// What could have held a match and could not be read.
    pub(super) unreadable: Vec<SourceError>,
}

/// One part of a pattern.
enum Part<'a> {
    /// A name as it stands.
    Name(&'a str),
    /// Names of one directory.
    Names(Pattern),
    /// `**`: the directory and all below it.
    AllBelow,
}

/// Finds what a pattern matches.
///
/// # Errors
///
/// The pattern is malformed, or matches over [`MAX_INPUTS`] paths.
pub(super) fn matches(pattern: &str) -> Result<Matches, SourceError> {
    let parts = parts(pattern)?;
    let mut found = Matches::default();
    let start = if pattern.starts_with('/') { "/" } else { "" };
    let mut waiting = vec![(PathBuf::from(start), 0_usize)];
    while let Some((path, place)) = waiting.pop() {
        let after = place.saturating_add(1);
        match parts.get(place) {
            None => found.paths.push(path),
            Some(Part::Name(name)) => {
                let next = path.join(name);
                match fs::symlink_metadata(&next) {
                    Ok(_) => waiting.push((next, after)),
                    Err(error) => found.refused(&next, error),
                }
            }
            Some(Part::Names(names)) => found.each(&path, |entry, _| {
                if names.matches_with(&entry.file_name().to_string_lossy(), OPTIONS) {
                    waiting.push((path.join(entry.file_name()), after));
                }
                Ok(())
            }),
            // All below a directory that matches is taken in anyway.
            Some(Part::AllBelow) if after == parts.len() => found.paths.push(here(&path).into()),
            Some(Part::AllBelow) => {
                found.each(&path, |entry, links| {
                    let (next, kind) = (path.join(entry.file_name()), entry.file_type()?);
                    if kind.is_dir() {
                        waiting.push((next, place));
                    } else if kind.is_symlink() && next.is_dir() {
                        links.push(next);
                    }
                    Ok(())
                });
                waiting.push((path, after));
            }
        }
        if found.paths.len().max(waiting.len()) > MAX_INPUTS {
            return Err(SourceError::TooMany { path: pattern.into(), limit: MAX_INPUTS });
        }
    }
    if pattern.ends_with('/') {
        found.paths.retain(|path| path.is_dir());
    }
    sort(&mut found.paths);
    found.paths.dedup();
    Ok(found)
}

/// Takes a pattern apart.
fn parts(pattern: &str) -> Result<Vec<Part<'_>>, SourceError> {
    let invalid = |error: glob::PatternError| SourceError::Glob {
        pattern: pattern.into(),
        reason: error.msg.to_owned(),
    };
    Pattern::new(pattern).map_err(invalid)?;
    let mut parts = Vec::new();
    for text in pattern.split('/').filter(|text| !text.is_empty() && *text != ".") {
        parts.push(if text == "**" {
            if matches!(parts.last(), Some(Part::AllBelow)) {
                continue;
            }
            Part::AllBelow
        } else if text.contains(MARKS) {
            Part::Names(Pattern::new(text).map_err(invalid)?)
        } else {
            Part::Name(text)
        });
    }
    Ok(parts)
}

impl Matches {
    /// Looks at all entries of a directory; what is none has none.
    fn each(
        &mut self,
        directory: &Path,
        mut look: impl FnMut(&DirEntry, &mut Vec<PathBuf>) -> io::Result<()>,
    ) {
        let links = &mut self.links;
        let listed = fs::read_dir(here(directory)).and_then(|mut entries| {
            entries.try_for_each(|entry| entry.and_then(|entry| look(&entry, links)))
        });
        if let Err(error) = listed {
            self.refused(directory, error);
        }
    }

    /// Takes note of an error, unless it says that there is nothing.
    fn refused(&mut self, path: &Path, error: io::Error) {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            self.unreadable.push(SourceError::io(here(path), error));
        }
    }
}

/// A relative path without a part is the directory that the program runs in.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
