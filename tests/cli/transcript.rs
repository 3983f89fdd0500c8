//! A transcript: commands, exit codes and what was printed, with what differs from run to run replaced.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;
use strongroom_tests::program::Output;

/// What differs from run to run, in the order in which it is replaced.
const PLACEHOLDERS: [(&str, &str); 9] = [
    (r"strongroom/[0-9a-f]{32}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", "$$VKEY"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "$$UUID"),
    (r"\b[0-9a-f]{64}\b", "$$DIGEST"),
    (r"\b[0-9a-f]{32}\b", "$$ARCHIVE"),
    (r"\b[0-9a-f]{16}\b", "$$KEY"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "$$TIME"),
    (r"\b\d{4}/\d\d/\d\d/", "$$DATE/"),
    (r"\b\d+(\.\d)? (B|kB|MB)\b", "$$SIZE"),
    (r"\(\d+\.\d %\)", "($$SHARE)"),
];

/// What is being written down.
pub(crate) struct Transcript<'a> {
    folder: &'a Path,
    text: String,
}

impl<'a> Transcript<'a> {
    /// A transcript of commands run in `folder`.
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, text: String::new() }
    }

    /// Adds a command and what it did.
    pub(crate) fn add(&mut self, arguments: &[&str], output: &Output) {
        let words = arguments.iter().map(|word| {
            let plain = !word.is_empty() && !word.contains([' ', '(', '*', '!']);
            if plain { (*word).to_owned() } else { format!("'{word}'") }
        });
        let words = words.collect::<Vec<_>>().join(" ");
        let stdout = String::from_utf8_lossy(&output.stdout);
        let mut text =
            format!("$ {}\nexit {}\n", ["strongroom ", &words].concat().trim_end(), output.code);
        for (name, printed) in [("stdout", &*stdout), ("stderr", &output.stderr)] {
            if !printed.is_empty() {
                let end = if printed.ends_with('\n') { "" } else { "\n(no line feed)\n" };
                write!(text, "{name}:\n{printed}{end}").unwrap();
            }
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text += &self.replaced(&text);
    }

    fn replaced(&self, text: &str) -> String {
        let mut text = text.replace(self.folder.to_str().unwrap(), "$DIR");
        for (pattern, placeholder) in PLACEHOLDERS {
            text = Regex::new(pattern).unwrap().replace_all(&text, placeholder).into_owned();
        }
        text
    }

    /// Compares with the committed transcript, or commits this one; what differs.
    pub(crate) fn differences(self, name: &str) -> Option<String> {
        let path = transcripts().join(format!("{name}.txt"));
        if blessing() {
            fs::write(path, self.text).unwrap();
            return None;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        (committed != self.text)
            .then(|| format!("{name}\n-- committed\n{committed}-- now\n{}", self.text))
    }
}

/// Where the transcripts are.
pub(crate) fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/transcripts")
}

/// Whether transcripts are written instead of compared.
pub(crate) fn blessing() -> bool {
    env::var("STRONGROOM_BLESS").is_ok_and(|what| what == "transcripts")
}

/// Fails with everything that differs.
pub(crate) fn assert_same(differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{} transcripts differ; if they are better now, run this test with STRONGROOM_BLESS=transcripts\n\n{}",
        differences.len(),
        differences.join("\n")
    );
}
