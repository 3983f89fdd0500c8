//! A small archive in a bucket with its sources, and what has to hold of it after anything.

use std::{
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use strongroom_archiver::store::LockedStore;
use strongroom_crypto::keys::KeyFile;
use strongroom_tests::{
    auditor::{Audit, Findings, Source, audit, compare},
    clock::START_MS,
    entropy::Dice,
    events,
    fault_proxy::{FaultProxy, Plan, Trouble},
    program::{Output, strongroom},
};

use super::{BUCKET, Bench, Server};

/// Rows of a segment: each run makes several.
const ROWS: u64 = 20;
/// The streams, each with a folder of its own.
const STREAMS: [&str; 2] = ["trail", "app"];

/// Begins an archive.
pub(crate) const INIT: [&str; 3] = ["init", "--environment", "test"];
/// Reads all of one.
pub(crate) const VERIFY: [&str; 3] = ["verify", "--deep", "--json"];

/// An archive and its sources.
pub(crate) struct Scene {
    pub(crate) bench: Bench,
    pub(crate) server: Server,
    pub(crate) dice: Dice,
    /// Rows of a segment.
    pub(crate) rows: u64,
    sources: Vec<Source>,
}

impl Scene {
    /// Sources of some files a stream, and no archive yet; nothing if the server does not run.
    pub(crate) fn begin(server: Server, seed: u64, files: usize) -> Option<Self> {
        let mut bench = Bench::on(server)?;
        if server.has_fence() {
            // `MiniStack` looks at every name of a bucket to list some: each has its own.
            bench.url = bench.url.replace(&format!("{BUCKET}/"), &format!("{BUCKET}-"));
        }
        let files =
            (0..files).flat_map(|n| STREAMS.map(|stream| (stream, format!("file:{n}.ndjson"))));
        let sources = files.map(|(stream, origin)| Source::new(stream, &origin, &[])).collect();
        let mut scene = Self { bench, server, dice: Dice::new(seed, 1), rows: ROWS, sources };
        scene.grow();
        Some(scene)
    }

    /// The same with an archive without segments.
    pub(crate) fn prepare(server: Server, seed: u64, files: usize) -> Option<Self> {
        let scene = Self::begin(server, seed, files)?;
        scene.bench.run(&INIT).expect(0);
        Some(scene)
    }

    /// The sources go on.
    pub(crate) fn grow(&mut self) {
        for source in &mut self.sources {
            let bytes = match source.stream.as_str() {
                "trail" => events::cloudtrail(&mut self.dice, START_MS, &[0], 2 * ROWS),
                _ => events::application(&mut self.dice, ROWS),
            };
            source.bytes.extend(bytes);
            let name = source.origin.strip_prefix("file:").unwrap();
            let path = self.bench.path().join("sources").join(&source.stream).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &source.bytes).unwrap();
        }
    }

    /// Writes a configuration that archives one file of each stream, or all, to an address.
    pub(crate) fn configure(&self, name: &str, url: &str, file: Option<usize>) -> PathBuf {
        let here = self.bench.path().display();
        let file = file.map(|n| format!("/{n}.ndjson")).unwrap_or_default();
        let streams = STREAMS.map(|stream| {
            let paths = format!("paths: [\"{here}/sources/{stream}{file}\"]");
            format!("  - {{ name: {stream}, sources: [ {{ {paths} }} ] }}\n")
        });
        let text = format!(
            "version: 1\nstore: \"{url}\"\nkeys: {{ kek: \"file:{here}/archive.key\" }}\n\
             limits: {{ segment_rows: {} }}\nstreams:\n{}",
            self.rows,
            streams.concat(),
        );
        let path = self.bench.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Archives everything to an address.
    pub(crate) fn archive_to(&self, url: &str) -> Output {
        self.configure("strongroom.yaml", url, None);
        strongroom(self.bench.path(), &["archive", "--json"])
    }

    /// Runs a command on the archive at an address.
    pub(crate) fn run_at(&self, url: &str, command: &[&str]) -> Output {
        let place = ["--to", url, "--key", "archive.key"];
        strongroom(self.bench.path(), &[command, &place[..]].concat())
    }

    /// Runs something at the address of a proxy; tells how it ended and how often each trouble came
    /// about. Where answers are late, the client does not wait for them.
    pub(crate) fn run_into(
        &self,
        plans: &[Plan],
        run: impl FnOnce(&str) -> Output,
    ) -> (Output, Vec<usize>) {
        let endpoint = self.server.endpoint().unwrap();
        let proxy = FaultProxy::start(&endpoint, plans);
        let mut url = self.bench.url.replace(&endpoint, &proxy.endpoint());
        let late = [Trouble::LateAnswer, Trouble::LateRequest, Trouble::Stall];
        if plans.iter().any(|plan| late.contains(&plan.trouble)) {
            url.push_str("&timeout=1");
        }
        let output = run(&url);
        (output, proxy.fired())
    }

    /// Archives into troubles.
    pub(crate) fn archive_into(&self, plans: &[Plan]) -> (Output, Vec<usize>) {
        self.run_into(plans, |url| self.archive_to(url))
    }

    /// Reads everything from outside.
    fn audit(&self) -> Result<Audit, Findings> {
        let store: Arc<dyn LockedStore> = Arc::new(self.bench.bucket());
        let keys = fs::read_to_string(self.bench.path().join("archive.key")).unwrap();
        audit(&store, &Arc::new(KeyFile::parse(&keys).unwrap()))
    }

    /// The next run, which nothing disturbs, makes it whole: one unforked log, every byte of the
    /// sources in it once, and no finding of `verify`.
    pub(crate) fn must_become_whole(&self, what: &dyn fmt::Display) -> Audit {
        let next = self.archive_to(&self.bench.url);
        assert_eq!(next.code, 0, "{what}: {}", next.stderr);
        self.must_be_whole(what)
    }

    /// The same of what there is.
    pub(crate) fn must_be_whole(&self, what: &dyn fmt::Display) -> Audit {
        let audit = self.must_hold_all(what);
        self.must_verify(what);
        audit
    }

    /// The auditor finds all of the sources, and nothing wrong.
    pub(crate) fn must_hold_all(&self, what: &dyn fmt::Display) -> Audit {
        let audit = self.audit().unwrap_or_else(|findings| panic!("{what}: {findings}"));
        compare(&audit, &self.sources).unwrap_or_else(|findings| panic!("{what}: {findings}"));
        assert_eq!(audit.published, audit.entries, "{what}: not all is published");
        assert!(audit.void.is_empty(), "{what}: {:?}", audit.void);
        audit
    }

    /// `verify` finds nothing wrong; gives what it says.
    pub(crate) fn must_verify(&self, what: &dyn fmt::Display) -> Output {
        let verified = self.bench.run(&VERIFY);
        let said = String::from_utf8_lossy(&verified.stdout);
        assert_eq!(verified.code, 0, "{what}: {said}{}", verified.stderr);
        assert_eq!(verified.text("verdict"), "PASS", "{what}: {said}");
        verified
    }

    /// `cat` gives every byte of the sources.
    pub(crate) fn must_give_back(&self, what: &dyn fmt::Display) {
        for Source { stream, origin, bytes, .. } in &self.sources {
            let output = self.bench.run(&["cat", "--stream", stream, "--origin", origin]);
            assert_eq!(output.code, 0, "{what}: {}", output.stderr);
            assert!(output.stdout == *bytes, "{what}: {stream} is another");
        }
    }
}

impl Server {
    /// Whether of several writers of a name one wins.
    pub(crate) fn has_fence(self) -> bool {
        self.options.is_empty()
    }

    /// How many clients at a time it serves without keeping them waiting for each other. Ceph waits
    /// for its disk; `MiniStack` is one thread.
    pub(crate) fn threads(self) -> usize {
        if self.has_fence() { 8 } else { 12 }
    }
}

/// Whether a run went on to its end; else it says why in one clear line.
pub(crate) fn went_on(output: &Output, what: &dyn fmt::Display) -> bool {
    // That `init` made the bucket is no error.
    let is_error =
        |line: &&str| line.starts_with("strongroom: ") && !line.contains("` was made, with ");
    let lines = output.stderr.lines().filter(is_error).count();
    match output.code {
        0 => return true,
        1 | 2 | 75 => assert_eq!(lines, 1, "{what}: {}", output.stderr),
        code => panic!("{what}: exit {code}: {}", output.stderr),
    }
    false
}

/// Works through cases side by side, and fails with the names of those that failed.
pub(crate) fn side_by_side<C: fmt::Display + Sync>(
    threads: usize,
    cases: &[C],
    work: impl Fn(&C) + Sync,
) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            if catch_unwind(AssertUnwindSafe(|| work(case))).is_err() {
                failed.lock().unwrap().push(case.to_string());
            }
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}
