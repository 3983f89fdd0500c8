//! The `strongroom` program, run as users run it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use strongroom_crypto::json::{self, Value};

/// Longest JSON output that a test reads.
const MAX_JSON_BYTES: usize = 1 << 24;

/// What a run of the program left.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Requires an exit code, and shows what the program said where it is another.
    #[expect(clippy::return_self_not_must_use, reason = "often only the exit code matters")]
    pub fn expect(self, code: i32) -> Self {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let shown: String = stdout.chars().take(2_000).collect();
        assert_eq!(self.code, code, "stdout: {shown}\nstderr: {}", self.stderr);
        self
    }

    /// Standard output as one JSON object.
    pub fn json(&self) -> Value {
        let line = self.stdout.strip_suffix(b"\n").unwrap_or(&self.stdout);
        match json::parse(line, MAX_JSON_BYTES) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(line)),
        }
    }

    /// A whole number of the JSON output.
    pub fn number(&self, name: &str) -> u64 {
        match self.json() {
            Value::Object(members) => match members.get(name) {
                Some(Value::Int(number)) => u64::try_from(number.get()).unwrap(),
                other => panic!("`{name}` is {other:?}"),
            },
            other => panic!("{other:?} is no object"),
        }
    }

    /// A string of the JSON output.
    pub fn text(&self, name: &str) -> String {
        match self.json() {
            Value::Object(members) => match members.get(name) {
                Some(Value::Text(text)) => text.clone(),
                other => panic!("`{name}` is {other:?}"),
            },
            other => panic!("{other:?} is no object"),
        }
    }
}

/// Runs the program in `folder`, without the caller's key.
pub fn strongroom(folder: &Path, arguments: &[&str]) -> Output {
    strongroom_with(folder, arguments, &[])
}

/// Runs the program in `folder` with variables of its own.
pub fn strongroom_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("STRONGROOM_KEY").envs(variables.iter().copied());
    let output = command.output().unwrap();
    Output {
        code: output.status.code().expect("the program was ended by a signal"),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The program: `STRONGROOM_BIN`, else the one that is built beside the test.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("STRONGROOM_BIN").map_or_else(build, PathBuf::from))
}

/// Builds the program into the directory that the running test was built into: nothing is done if it is there.
fn build() -> PathBuf {
    let test = env::current_exe().unwrap();
    // <target>/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--offline", "-p", "strongroom-archiver"]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    command.env("CARGO_TARGET_DIR", profile.parent().unwrap());
    assert!(command.status().unwrap().success(), "the program does not build");
    profile.join("strongroom")
}
