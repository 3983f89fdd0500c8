//! Finding the files of a source and naming their origins.

mod pattern;

use super::{MAX_INPUTS, SourceError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

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
    /// Origins that files among the inputs would have by other names: an earlier run may have met
    /// them by these alone.
    pub aliases: Vec<String>,
    /// Globs that match no file: a log that is not there yet, or a mistake.
    pub unmatched: Vec<PathBuf>,
    /// What could not be looked at. The run goes on without it and must say so.
    pub unreadable: Vec<SourceError>,
    /// What was found and is not to be read. The run must say so.
    pub skipped: Vec<Skipped>,
}

/// What was found and is not read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What was found.
    pub path: PathBuf,
    /// Why it is not read.
    pub reason: Reason,
}

/// Why something is not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is a link to a directory, and below a directory it could lead in a circle.
    LinkToDirectory,
    /// It is a link to what is not there.
    LinkToNothing,
    /// It is no file: what it is instead.
    NotRegular(&'static str),
    /// It is another name of a file that is read.
    SameFile(PathBuf),
    /// It is the store that the run writes to.
    Store,
    /// It is damaged, and the archive has all of it as it is.
    KeptAsItIs,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is left out: ", self.path.display())?;
        match &self.reason {
            Reason::LinkToDirectory => {
                f.write_str("it is a link to a directory; name it to archive what is below it")
            }
            Reason::LinkToNothing => f.write_str("it is a link to nothing"),
            Reason::NotRegular(kind) => write!(f, "it is {kind}"),
            Reason::SameFile(first) => write!(f, "it is the same file as `{}`", first.display()),
            Reason::Store => f.write_str("it is the store of this archive"),
            Reason::KeptAsItIs => f.write_str("it is damaged, and archived as it is"),
        }
    }
}

/// What bounds a source, beside its paths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Put before the names of all origins.
    pub prefix: Option<&'a str>,
    /// The directory of the store that the run writes to: nothing below it is a source.
    pub store_root: Option<&'a Path>,
}

/// Finds the files that `paths` name: files, directories with all files below them, or globs.
///
/// Links to files are followed; links to directories only where they are named, for below a
/// directory they could lead in a circle. A file with several names is one input.
///
/// # Errors
///
/// A path names nothing or no file, a glob is malformed, two files would be one origin, or there
/// are over [`MAX_INPUTS`] files.
pub fn discover(paths: &[PathBuf], scope: Scope<'_>) -> Result<Discovery, SourceError> {
    let mut found = Found::new(scope);
    for path in paths {
        match fs::metadata(path) {
            Ok(_) if found.passes_store(path) => {}
            Ok(metadata) if metadata.is_dir() => found.walk(path, path)?,
            Ok(metadata) if metadata.is_file() => {
                found.add(path, path.parent().unwrap_or(Path::new("")), Id::of(&metadata))?;
            }
            Ok(_) => return Err(SourceError::NotRegular { path: path.clone() }),
            Err(_) if is_pattern(path) => found.expand(path)?,
            Err(error) => return Err(SourceError::io(path, error)),
        }
    }
    let mut discovery = found.discovery;
    discovery.skipped.sort();
    discovery.skipped.dedup();
    Ok(discovery)
}

/// What tells a file from all others, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    device: u64,
    inode: u64,
}

impl Id {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What was found so far.
struct Found {
    /// The beginning of every origin.
    stem: String,
    /// Where the store really is, and what its directory is.
    store: Option<(PathBuf, Id)>,
    discovery: Discovery,
    /// The place of each origin among the inputs.
    origins: HashMap<String, usize>,
    /// The place of each file among the inputs.
    files: HashMap<Id, usize>,
    /// How often a file was reached.
    reached: usize,
}

impl Found {
    fn new(scope: Scope<'_>) -> Self {
        let mut stem = String::from("file:");
        let prefix = scope.prefix.unwrap_or_default();
        for segment in prefix.split('/').filter(|segment| !segment.is_empty()) {
            encode(segment.as_bytes(), &mut stem);
            stem.push('/');
        }
        let store = scope.store_root.and_then(|root| {
            let root = fs::canonicalize(root).ok()?;
            let id = Id::of(&fs::metadata(&root).ok()?);
            Some((root, id))
        });
        Self {
            stem,
            store,
            discovery: Discovery::default(),
            origins: HashMap::new(),
            files: HashMap::new(),
            reached: 0,
        }
    }

    /// Takes in one file. A file reached twice is one input; the first name it had stays.
    fn add(&mut self, path: &Path, root: &Path, id: Id) -> Result<(), SourceError> {
        self.reached = self.reached.saturating_add(1);
        let origin = origin(&self.stem, path, root);
        let known = self.files.get(&id).and_then(|place| self.discovery.inputs.get(*place));
        if let Some(first) = known {
            if !is_same_name(&first.path, path) {
                let reason = Reason::SameFile(first.path.clone());
                self.discovery.aliases.push(origin);
                self.skip(path, reason);
            }
            return Ok(());
        }
        let place = self.discovery.inputs.len();
        if place >= MAX_INPUTS {
            return Err(SourceError::TooMany { path: path.to_path_buf(), limit: MAX_INPUTS });
        }
        match self.origins.entry(origin.clone()) {
            Entry::Occupied(taken) => {
                let first = self.discovery.inputs.get(*taken.get()).map(|input| input.path.clone());
                let (first, second) = (first.unwrap_or_default(), path.to_path_buf());
                return Err(SourceError::SameOrigin { origin, first, second });
            }
            Entry::Vacant(free) => {
                free.insert(place);
            }
        }
        self.files.insert(id, place);
        self.discovery.inputs.push(Input { path: path.to_path_buf(), origin });
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: Reason) {
        self.discovery.skipped.push(Skipped { path: path.to_path_buf(), reason });
    }

    /// Passes by a path that leads into the store.
    fn passes_store(&mut self, path: &Path) -> bool {
        let Some((root, _)) = &self.store else { return false };
        let inside = fs::canonicalize(path).is_ok_and(|path| path.starts_with(root));
        if inside {
            self.skip(&root.clone(), Reason::Store);
        }
        inside
    }

    /// Looks at what has a name in a directory; nothing if it is not to be read.
    fn look(&mut self, path: &Path) -> Option<Metadata> {
        let own = fs::symlink_metadata(path);
        let is_link = own.as_ref().is_ok_and(Metadata::is_symlink);
        match if is_link { fs::metadata(path) } else { own } {
            Ok(_) if is_link && self.passes_store(path) => {}
            Ok(target) if is_link && target.is_dir() => self.skip(path, Reason::LinkToDirectory),
            Ok(target) if target.is_dir() => {
                let store = self.store.as_ref().filter(|(_, id)| *id == Id::of(&target));
                let Some((root, _)) = store else { return Some(target) };
                self.skip(&root.clone(), Reason::Store);
            }
            Ok(target) if target.is_file() => return Some(target),
            Ok(target) => self.skip(path, Reason::NotRegular(kind(target.file_type()))),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.discovery.unreadable.push(SourceError::io(path, error));
            }
            Err(_) if is_link => self.skip(path, Reason::LinkToNothing),
            // It has just gone.
            Err(_) => {}
        }
        None
    }

    /// Takes in all files below a directory.
    fn walk(&mut self, directory: &Path, root: &Path) -> Result<(), SourceError> {
        let mut files = Vec::new();
        let mut waiting = vec![directory.to_path_buf()];
        while let Some(directory) = waiting.pop() {
            if let Err(error) = self.list(&directory, &mut files, &mut waiting) {
                // A directory that is gone holds nothing any more.
                if error.kind() != io::ErrorKind::NotFound {
                    self.discovery.unreadable.push(SourceError::io(&directory, error));
                }
            }
            if files.len() > MAX_INPUTS {
                return Err(SourceError::TooMany { path: directory, limit: MAX_INPUTS });
            }
        }
        files.sort_by(|(a, _), (b, _)| by_bytes(a, b));
        files.iter().try_for_each(|(file, id)| self.add(file, root, *id))
    }

    /// Lists one directory.
    fn list(
        &mut self,
        directory: &Path,
        files: &mut Vec<(PathBuf, Id)>,
        waiting: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            match self.look(&path) {
                Some(metadata) if metadata.is_dir() => waiting.push(path),
                Some(metadata) => files.push((path, Id::of(&metadata))),
                None => {}
            }
        }
        Ok(())
    }

    /// Takes in what a glob matches; directories with all files below them, as if a shell had
    /// expanded it.
    fn expand(&mut self, pattern: &Path) -> Result<(), SourceError> {
        let text = pattern.to_str().ok_or_else(|| SourceError::Glob {
            pattern: pattern.to_path_buf(),
            reason: "it is not valid UTF-8".to_owned(),
        })?;
        let root = glob_root(text);
        let before = (self.reached, self.discovery.unreadable.len());
        let matches = pattern::matches(text)?;
        self.discovery.unreadable.extend(matches.unreadable);
        for link in matches.links {
            if !self.passes_store(&link) {
                self.skip(&link, Reason::LinkToDirectory);
            }
        }
        for path in matches.paths {
            if self.passes_store(&path) {
                continue;
            }
            match self.look(&path) {
                Some(metadata) if metadata.is_dir() => self.walk(&path, &root)?,
                Some(metadata) => self.add(&path, &root, Id::of(&metadata))?,
                None => {}
            }
        }
        if (self.reached, self.discovery.unreadable.len()) == before {
            self.discovery.unmatched.push(pattern.to_path_buf());
        }
        Ok(())
    }
}

/// Whether a path that names nothing is a glob.
fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| pattern::MARKS.contains(&char::from(*byte)))
}

/// What is neither file nor directory nor link, in words.
fn kind(of: FileType) -> &'static str {
    if of.is_fifo() {
        "a pipe"
    } else if of.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

fn by_bytes(a: &Path, b: &Path) -> std::cmp::Ordering {
    a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes())
}

fn sort(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| by_bytes(a, b));
}

/// Whether two paths are one name, written in two ways.
fn is_same_name(first: &Path, second: &Path) -> bool {
    let directory = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()
    };
    first == second
        || (first.file_name() == second.file_name() && directory(first) == directory(second))
}

/// The directory that a glob's matches are named from: what stands before its first mark.
fn glob_root(pattern: &str) -> PathBuf {
    let literal = pattern.split(pattern::MARKS).next().unwrap_or_default();
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
    use std::os::unix::net::UnixListener;

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
            let found = discover(&self.paths(names), Scope::default()).unwrap();
            found.inputs.into_iter().map(|input| input.origin).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// What was left out, without the directory of the test.
    fn left_out(scratch: &Scratch, found: &Discovery) -> Vec<String> {
        let root = format!("{}/", fs::canonicalize(&scratch.0).unwrap().display());
        found.skipped.iter().map(|skipped| skipped.to_string().replace(&root, "")).collect()
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
            ["file:.hidden", "file:B", "file:a/x.log", "file:b.log"]
        );
        assert_eq!(scratch.origins(&["logs/a/x.log"]), ["file:x.log"]);
        let node = Scope { prefix: Some("node 1/x/"), ..Scope::default() };
        let prefixed = discover(&scratch.paths(&["logs/b.log"]), node).unwrap();
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
        let empty = discover(&scratch.paths(&["k8s/*.nothing"]), Scope::default()).unwrap();
        assert_eq!((empty.inputs.len(), empty.unmatched.len()), (0, 1));
        let error = discover(&scratch.paths(&["k8s/[", "k8s/***"]), Scope::default()).unwrap_err();
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
    fn what_is_found_and_not_read_is_named() {
        let scratch = Scratch::new("named", &["logs/b.log", "logs/d/x.log", "away/y.log"]);
        let at = |name: &str| scratch.0.join(name);
        symlink(at("away"), at("logs/away")).unwrap();
        symlink(at("logs"), at("logs/d/circle")).unwrap();
        symlink("nowhere", at("logs/dangling")).unwrap();
        symlink("b.log", at("logs/link")).unwrap();
        fs::hard_link(at("logs/b.log"), at("logs/c.log")).unwrap();
        drop(UnixListener::bind(at("logs/socket")).unwrap());
        let below = "it is a link to a directory; name it to archive what is below it";
        let named = [
            format!("`logs/away` is left out: {below}"),
            "`logs/c.log` is left out: it is the same file as `logs/b.log`".to_owned(),
            format!("`logs/d/circle` is left out: {below}"),
            "`logs/dangling` is left out: it is a link to nothing".to_owned(),
            "`logs/link` is left out: it is the same file as `logs/b.log`".to_owned(),
            "`logs/socket` is left out: it is a socket".to_owned(),
        ];
        let files = ["file:b.log", "file:d/x.log"];
        for path in ["logs", "logs/*", "logs/**"] {
            let found = discover(&scratch.paths(&[path]), Scope::default()).unwrap();
            assert_eq!(left_out(&scratch, &found), named, "{path}");
            assert_eq!(scratch.origins(&[path]), files, "{path}");
            assert_eq!(found.aliases, ["file:c.log", "file:link"], "{path}");
            assert_eq!((found.unmatched.len(), found.unreadable.len()), (0, 0), "{path}");
        }
        let deep = discover(&scratch.paths(&["logs/**/*.log"]), Scope::default()).unwrap();
        assert_eq!(left_out(&scratch, &deep), named[..3]);
        // What is named is followed, and so is a link that a pattern goes on behind.
        assert_eq!(scratch.origins(&["logs/away"]), ["file:y.log"]);
        assert_eq!(scratch.origins(&["logs/*/y.log"]), ["file:away/y.log"]);
    }

    #[test]
    fn a_glob_that_matches_no_file_says_so() {
        let scratch = Scratch::new("no-file", &["logs/b.log"]);
        symlink("nowhere", scratch.0.join("logs/dangling")).unwrap();
        fs::create_dir(scratch.0.join("logs/empty")).unwrap();
        for (pattern, skipped) in [("logs/d*", 1), ("logs/e*", 0), ("logs/b.log/*", 0)] {
            let found = discover(&scratch.paths(&[pattern]), Scope::default()).unwrap();
            assert_eq!((found.unmatched.len(), found.skipped.len()), (1, skipped), "{pattern}");
            assert_eq!((found.inputs.len(), found.unreadable.len()), (0, 0), "{pattern}");
        }
        let twice = discover(&scratch.paths(&["logs", "logs/b*"]), Scope::default()).unwrap();
        assert_eq!((twice.inputs.len(), twice.unmatched.len(), twice.skipped.len()), (1, 0, 1));
        assert_eq!(scratch.origins(&["logs/*/"]), [""; 0], "directories alone");
    }

    #[test]
    fn a_glob_does_not_take_what_it_cannot_look_at_for_nothing() {
        let scratch = Scratch::new("refused", &["logs/b.log", "logs/d/x.log"]);
        symlink("loop", scratch.0.join("logs/loop")).unwrap();
        for pattern in ["logs/*/x.log", "logs/loop*", "logs/[l]oop/*", "logs/loop/*"] {
            let found = discover(&scratch.paths(&[pattern]), Scope::default()).unwrap();
            assert_eq!((found.unreadable.len(), found.unmatched.len()), (1, 0), "{pattern}");
            let error = found.unreadable[0].to_string();
            assert!(error.starts_with("cannot read `") && error.contains("loop"), "{error}");
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_matched_all_the_same() {
        let scratch = Scratch::new("not-utf-8", &["logs/b.txt"]);
        fs::write(scratch.0.join(OsStr::from_bytes(b"logs/\xff.log")), "x").unwrap();
        assert_eq!(scratch.origins(&["logs/*.log"]), ["file:%FF.log"]);
        assert_eq!(scratch.origins(&["logs/?.log"]), ["file:%FF.log"]);
    }

    #[test]
    fn the_store_is_no_source_of_itself() {
        let files = ["all/store/log/claim/0", "all/store/segments/s", "all/b.log", "all/store.key"];
        let scratch = Scratch::new("store", &files);
        symlink(scratch.0.join("all/store/segments/s"), scratch.0.join("all/link")).unwrap();
        symlink(scratch.0.join("all/store/log"), scratch.0.join("all/log")).unwrap();
        symlink(scratch.0.join("all/store"), scratch.0.join("by-link")).unwrap();
        let root = scratch.0.join("by-link");
        let scope = Scope { store_root: Some(&root), ..Scope::default() };
        let one_line = ["`all/store` is left out: it is the store of this archive"];
        for (path, files) in [
            ("all", 2),
            ("all/*", 2),
            ("all/**/*", 2),
            ("all/store", 0),
            ("all/s*/segments", 0),
            ("all/store/segments/s", 0),
            ("all/../by-link/log/claim", 0),
        ] {
            let found = discover(&scratch.paths(&[path]), scope).unwrap();
            assert_eq!(left_out(&scratch, &found), one_line, "{path}");
            assert_eq!(found.inputs.len(), files, "{path}");
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
        let error =
            discover(&scratch.paths(&["a/x.log", "b"]), Scope::default()).unwrap_err().to_string();
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
        let error = discover(&scratch.paths(&["a", "gone"]), Scope::default()).unwrap_err();
        assert!(matches!(&error, SourceError::Missing { path } if path.ends_with("gone")));
        assert!(error.to_string().starts_with("no such file or directory: `"));
        let error = discover(&[PathBuf::from("/dev/null")], Scope::default()).unwrap_err();
        assert!(matches!(error, SourceError::NotRegular { .. }));
    }
}
