//! Finding the files of a source and naming their origins.

use super::{MAX_INPUTS, SourceError};
use glob::MatchOptions;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The bytes that make a path a pattern.
const GLOB_MARKS: [char; 3] = ['*', '?', '['];

/// Hidden files are files, and a star does not cross a directory, as in a shell.
const GLOB_OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// One file and its name in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where the file is.
    pub path: PathBuf,
    /// What its records are filed under, whichever machine and directory it is read from.
    pub origin: String,
}

/// What the paths of a source name.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The files, in the order of the paths and within each in the order of their bytes.
    pub inputs: Vec<Input>,
    /// Globs that match nothing: a log that is not there yet, or a mistake.
    pub unmatched: Vec<PathBuf>,
    /// Directories that could not be listed. The run goes on without them and must say so.
    pub unreadable: Vec<SourceError>,
}

/// Finds the files that `paths` name: files, directories with all files below them, or globs.
///
/// Links to files are followed; links to directories only where they are named, for below a
/// directory they could lead in a circle. What is neither file nor directory is passed over.
///
/// # Errors
///
/// A path names nothing or no file, a glob is malformed, two files would be one origin, or there
/// are over [`MAX_INPUTS`] files.
pub fn discover(paths: &[PathBuf], prefix: Option<&str>) -> Result<Discovery, SourceError> {
    let mut found = Found::new(prefix);
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => found.walk(path, path)?,
            Ok(metadata) if metadata.is_file() => {
                found.add(path, path.parent().unwrap_or(Path::new("")))?;
            }
            Ok(_) => return Err(SourceError::NotRegular { path: path.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.expand(path)?,
            Err(error) => return Err(SourceError::io(path, error)),
        }
    }
    Ok(found.discovery)
}

/// What was found so far.
struct Found {
    /// The beginning of every origin.
    stem: String,
    discovery: Discovery,
    /// The place of each origin among the inputs.
    origins: HashMap<String, usize>,
    /// The place of each path among the inputs.
    paths: HashMap<PathBuf, usize>,
}

impl Found {
    fn new(prefix: Option<&str>) -> Self {
        let mut stem = String::from("file:");
        for segment in prefix.unwrap_or_default().split('/').filter(|segment| !segment.is_empty()) {
            encode(segment.as_bytes(), &mut stem);
            stem.push('/');
        }
        Self {
            stem,
            discovery: Discovery::default(),
            origins: HashMap::new(),
            paths: HashMap::new(),
        }
    }

    /// Takes in one file. A file reached twice is one input; the first name it had stays.
    fn add(&mut self, path: &Path, root: &Path) -> Result<(), SourceError> {
        if self.paths.contains_key(path) {
            return Ok(());
        }
        let place = self.discovery.inputs.len();
        if place >= MAX_INPUTS {
            return Err(SourceError::TooMany { path: path.to_path_buf(), limit: MAX_INPUTS });
        }
        let origin = origin(&self.stem, path, root);
        match self.origins.entry(origin.clone()) {
            Entry::Occupied(taken) => {
                let first = self.discovery.inputs.get(*taken.get()).map(|input| input.path.clone());
                let first = first.unwrap_or_default();
                if same_file(&first, path) {
                    return Ok(());
                }
                return Err(SourceError::SameOrigin { origin, first, second: path.to_path_buf() });
            }
            Entry::Vacant(free) => {
                free.insert(place);
            }
        }
        self.paths.insert(path.to_path_buf(), place);
        self.discovery.inputs.push(Input { path: path.to_path_buf(), origin });
        Ok(())
    }

    /// Takes in all files below a directory.
    fn walk(&mut self, directory: &Path, root: &Path) -> Result<(), SourceError> {
        let mut files = Vec::new();
        let mut waiting = vec![directory.to_path_buf()];
        while let Some(directory) = waiting.pop() {
            if let Err(error) = list(&directory, &mut files, &mut waiting) {
                // A directory that is gone holds nothing any more.
                if error.kind() != io::ErrorKind::NotFound {
                    self.discovery.unreadable.push(SourceError::io(&directory, error));
                }
            }
            if files.len() > MAX_INPUTS {
                return Err(SourceError::TooMany { path: directory, limit: MAX_INPUTS });
            }
        }
        sort(&mut files);
        files.iter().try_for_each(|file| self.add(file, root))
    }

    /// Takes in what a glob matches; directories with all files below them, as if a shell had
    /// expanded it.
    fn expand(&mut self, pattern: &Path) -> Result<(), SourceError> {
        let invalid = |reason: &str| SourceError::Glob {
            pattern: pattern.to_path_buf(),
            reason: reason.to_owned(),
        };
        if !pattern
            .as_os_str()
            .as_bytes()
            .iter()
            .any(|byte| GLOB_MARKS.contains(&char::from(*byte)))
        {
            return Err(SourceError::Missing { path: pattern.to_path_buf() });
        }
        let text = pattern.to_str().ok_or_else(|| invalid("it is not valid UTF-8"))?;
        let root = glob_root(text);
        let matches = glob::glob_with(text, GLOB_OPTIONS).map_err(|error| invalid(error.msg))?;
        let mut paths = Vec::new();
        for path in matches {
            match path {
                Ok(path) => paths.push(path),
                Err(error) => {
                    let directory = error.path().to_path_buf();
                    let error = SourceError::io(&directory, error.into());
                    self.discovery.unreadable.push(error);
                }
            }
            if paths.len() > MAX_INPUTS {
                return Err(SourceError::TooMany {
                    path: pattern.to_path_buf(),
                    limit: MAX_INPUTS,
                });
            }
        }
        if paths.is_empty() {
            self.discovery.unmatched.push(pattern.to_path_buf());
        }
        sort(&mut paths);
        for path in paths {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.walk(&path, &root)?,
                Ok(metadata) if metadata.is_file() => self.add(&path, &root)?,
                // A link to nothing, or a file that has just gone, matches no more than it names.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.discovery.unreadable.push(SourceError::io(&path, error)),
            }
        }
        Ok(())
    }
}

/// Lists one directory.
fn list(directory: &Path, files: &mut Vec<PathBuf>, waiting: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            waiting.push(path);
        } else if kind.is_file()
            || (kind.is_symlink() && fs::metadata(&path).is_ok_and(|target| target.is_file()))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn sort(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
}

/// Whether two paths lead to one file.
fn same_file(first: &Path, second: &Path) -> bool {
    match (fs::canonicalize(first), fs::canonicalize(second)) {
        (Ok(first), Ok(second)) => first == second,
        _ => false,
    }
}

/// The directory that a glob's matches are named from: what stands before its first mark.
fn glob_root(pattern: &str) -> PathBuf {
    let literal = pattern.split(GLOB_MARKS).next().unwrap_or_default();
    literal.rsplit_once('/').map_or_else(PathBuf::new, |(root, _)| PathBuf::from(root))
}

/// The origin of a file below `root`.
fn origin(stem: &str, path: &Path, root: &Path) -> String {
    let below = |path: &Path| -> Vec<Vec<u8>> {
        let named = path
            .components()
            .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir));
        named.map(|component| OsStr::as_bytes(component.as_os_str()).to_vec()).collect()
    };
    let (segments, roots) = (below(path), below(root));
    let relative = segments.strip_prefix(roots.as_slice()).unwrap_or(&segments);
    let mut name = stem.to_owned();
    for (place, segment) in relative.iter().enumerate() {
        if place > 0 {
            name.push('/');
        }
        encode(segment, &mut name);
    }
    name
}

/// Percent-encodes all bytes but those RFC 3986 calls unreserved, so that a name has one spelling
/// and can stand in a URI, a log line and a JSON string.
fn encode(segment: &[u8], name: &mut String) {
    for byte in segment {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            name.push(char::from(*byte));
        } else {
            name.push('%');
            for half in [byte >> 4, byte & 0xf] {
                name.extend(char::from_digit(u32::from(half), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory of its own for each test, gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, files: &[&str]) -> Self {
            let root = std::env::temp_dir()
                .join(format!("strongroom-discover-{}-{name}", std::process::id()));
            for file in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file).unwrap();
            }
            Self(root)
        }

        fn paths(&self, names: &[&str]) -> Vec<PathBuf> {
            names.iter().map(|name| self.0.join(name)).collect()
        }

        fn origins(&self, names: &[&str]) -> Vec<String> {
            let found = discover(&self.paths(names), None).unwrap();
            found.inputs.into_iter().map(|input| input.origin).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_directory_names_its_files_from_itself_and_a_file_from_its_parent() {
        let scratch =
            Scratch::new("names", &["logs/b.log", "logs/a/x.log", "logs/.hidden", "logs/B"]);
        symlink(scratch.0.join("logs/b.log"), scratch.0.join("logs/link")).unwrap();
        symlink(scratch.0.join("logs"), scratch.0.join("logs/circle")).unwrap();
        symlink("nowhere", scratch.0.join("logs/dangling")).unwrap();
        assert_eq!(
            scratch.origins(&["logs"]),
            ["file:.hidden", "file:B", "file:a/x.log", "file:b.log", "file:link"]
        );
        assert_eq!(scratch.origins(&["logs/a/x.log"]), ["file:x.log"]);
        let prefixed = discover(&scratch.paths(&["logs/b.log"]), Some("node 1/x/")).unwrap();
        assert_eq!(prefixed.inputs[0].origin, "file:node%201/x/b.log");
    }

    #[test]
    fn a_glob_names_its_matches_from_the_directory_before_its_first_mark() {
        let scratch = Scratch::new(
            "glob",
            &["k8s/audit.log", "k8s/audit-1.log.gz", "k8s/other", "k8s/d/audit.log", "k8s/[x]*"],
        );
        assert_eq!(scratch.origins(&["k8s/audit*"]), ["file:audit-1.log.gz", "file:audit.log"]);
        assert_eq!(scratch.origins(&["k*/audit.log"]), ["file:k8s/audit.log"]);
        assert_eq!(scratch.origins(&["k8s/**/audit.log"]), ["file:audit.log", "file:d/audit.log"]);
        assert_eq!(scratch.origins(&["k8s/[d]"]), ["file:d/audit.log"]);
        assert_eq!(scratch.origins(&["k8s/[x]*"]), ["file:%5Bx%5D%2A"], "a name before a pattern");
        let empty = discover(&scratch.paths(&["k8s/*.nothing"]), None).unwrap();
        assert_eq!((empty.inputs.len(), empty.unmatched.len()), (0, 1));
        let error = discover(&scratch.paths(&["k8s/[", "k8s/***"]), None).unwrap_err();
        assert!(matches!(error, SourceError::Glob { .. }), "{error}");
    }

    #[test]
    fn a_relative_glob_is_named_without_its_dot() {
        assert_eq!(glob_root("./logs/*.log"), Path::new("./logs"));
        assert_eq!(glob_root("*.log"), Path::new(""));
        assert_eq!(glob_root("/*.log"), Path::new(""));
        for (path, root) in [
            ("logs/a.log", "./logs"),
            ("./logs/a.log", "logs"),
            ("/a.log", ""),
            ("a.log", ""),
            ("/var//log/a.log", "/var/log/"),
        ] {
            assert_eq!(origin("file:", Path::new(path), Path::new(root)), "file:a.log", "{path}");
        }
    }

    #[test]
    fn names_keep_every_byte_apart() {
        let path = PathBuf::from(OsStr::from_bytes(b"d/a b%~\xff\n.log"));
        assert_eq!(origin("file:", &path, Path::new("d")), "file:a%20b%25~%FF%0A.log");
    }

    #[test]
    fn two_files_with_one_name_are_refused_and_one_file_named_twice_is_one() {
        let scratch = Scratch::new("twice", &["a/x.log", "b/x.log"]);
        let error = discover(&scratch.paths(&["a/x.log", "b"]), None).unwrap_err().to_string();
        for part in
            ["a/x.log` and `", "b/x.log` would both be origin `file:x.log`", "--origin PREFIX"]
        {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(scratch.origins(&["a", "a/x.log", "a/*.log", "b/../a/x.log"]), ["file:x.log"]);
        assert_eq!(scratch.origins(&[".", "a/x.log"]), ["file:a/x.log", "file:b/x.log"]);
    }

    #[test]
    fn a_path_that_names_nothing_is_an_error() {
        let scratch = Scratch::new("missing", &["a"]);
        let error = discover(&scratch.paths(&["a", "gone"]), None).unwrap_err();
        assert!(matches!(&error, SourceError::Missing { path } if path.ends_with("gone")));
        assert!(error.to_string().starts_with("no such file or directory: `"));
        let error = discover(&[PathBuf::from("/dev/null")], None).unwrap_err();
        assert!(matches!(error, SourceError::NotRegular { .. }));
    }
}
