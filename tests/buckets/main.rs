//! The program on real buckets: Ceph RGW, which has locks and permissions and no fence, and `MiniStack`,
//! which has a fence and no permissions.
//!
//! `STRONGROOM_TEST_RGW` and `STRONGROOM_TEST_MINISTACK` are the endpoints that `tests/run` starts;
//! without one its store is skipped, and named.

mod credentials;
mod doctor;
mod duties;
mod faults;
mod foreign;
mod lies;
mod made;
mod race;
mod refused;
mod requests;
mod scene;
mod seeds;
mod sweeps;
mod unattended;

use std::{
    env, fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use jiff::civil::date;
use strongroom_archiver::{
    sample::Day,
    store::{StoreUrl, s3::S3Store},
};
use strongroom_tests::{
    program::{Output, strongroom},
    say,
    temp::TempDir,
};

/// A store to test against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    variable: &'static str,
    /// What its addresses need.
    options: &'static str,
}

pub(crate) const RGW: Server =
    Server { name: "Ceph RGW", variable: "STRONGROOM_TEST_RGW", options: "&single_writer=true" };
pub(crate) const MINISTACK: Server =
    Server { name: "MiniStack", variable: "STRONGROOM_TEST_MINISTACK", options: "" };

/// The bucket of these tests; each archive has a prefix of its own.
pub(crate) const BUCKET: &str = "strongroom-tests";

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Server {
    /// Its endpoint, if it runs.
    pub(crate) fn endpoint(self) -> Option<String> {
        let endpoint = env::var(self.variable).ok();
        if endpoint.is_none() {
            say(&format!("skipped: {} (`{}` names no endpoint)", self.name, self.variable));
        }
        endpoint
    }
}

/// A directory and the address of an archive that is not there yet.
pub(crate) struct Bench {
    temp: TempDir,
    pub(crate) url: String,
}

impl Bench {
    /// A fresh prefix in the bucket of these tests; nothing if the server does not run.
    pub(crate) fn on(server: Server) -> Option<Self> {
        Self::in_bucket(server, BUCKET)
    }

    /// The same in another bucket.
    pub(crate) fn in_bucket(server: Server, bucket: &str) -> Option<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (endpoint, options) = (server.endpoint()?, server.options);
        let prefix = format!("{}-{number}", std::process::id());
        let url = format!("s3://{bucket}/{prefix}?endpoint={endpoint}{options}");
        Some(Self { temp: TempDir::new("buckets"), url })
    }

    /// With an archive of a made-up morning.
    pub(crate) fn with_archive(server: Server) -> Option<Self> {
        let bench = Self::on(server)?;
        bench.run(&["init", "--environment", "test"]).expect(0);
        bench.write_events();
        bench.archive().expect(0);
        Some(bench)
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    /// Some events of two sources.
    fn write_events(&self) {
        let day = Day { date: date(2026, 11, 20), seed: 5 };
        let folder = self.path().join("events");
        fs::create_dir_all(&folder).unwrap();
        let mut log = fs::File::create(folder.join("audit.log")).unwrap();
        day.write_kubernetes(&mut log, 3_000).unwrap();
        let mut log = fs::File::create(folder.join("app.ndjson")).unwrap();
        day.write_application(&mut log, 500).unwrap();
    }

    /// Runs the program on the archive.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let place = ["--to", &self.url, "--key", "archive.key"];
        let (command, rest) = arguments.split_first().unwrap();
        strongroom(self.path(), &[&[*command], &place[..], rest].concat())
    }

    pub(crate) fn archive(&self) -> Output {
        self.run(&["archive", "--stream", "events", "--json", "events"])
    }

    /// The store as another client sees it.
    pub(crate) fn bucket(&self) -> S3Store {
        let StoreUrl::S3(at) = self.url.parse().unwrap() else { panic!("{}", self.url) };
        S3Store::connect(&at).unwrap()
    }
}

/// Seals, reads back, verifies and seals nothing twice.
fn whole_life(server: Server) {
    let Some(bench) = Bench::on(server) else { return };
    bench.run(&["init", "--environment", "test"]).expect(0);
    bench.write_events();
    let sealed = bench.archive().expect(0);
    assert_eq!((sealed.number("events_read"), sealed.number("events_sealed")), (3_500, 3_500));
    let again = bench.archive().expect(0);
    assert_eq!((again.number("segments"), again.number("bytes_stored")), (0, 0));
    for name in ["audit.log", "app.ndjson"] {
        let origin = format!("file:{name}");
        let bytes = bench.run(&["cat", "--origin", &origin]).expect(0).stdout;
        assert!(bytes == fs::read(bench.path().join("events").join(name)).unwrap(), "{name}");
    }
    let verified = bench.run(&["verify", "--deep", "--json"]).expect(0);
    assert_eq!(verified.text("verdict"), "PASS");
    let swept = bench.run(&["sweep", "--json"]).expect(0);
    assert_eq!((swept.number("abandoned"), swept.number("deleted")), (0, 0));
    let requests = sealed.number("requests");
    let idle = again.number("requests");
    say(&format!(
        "{}: 3,500 events in {} segments, {requests} requests; {idle} in a run without news",
        server.name,
        sealed.number("segments"),
    ));
}

#[test]
fn an_archive_lives_on_ministack() {
    whole_life(MINISTACK);
}

#[test]
fn an_archive_lives_on_rgw() {
    whole_life(RGW);
}

/// Real events, where they are at hand.
fn samples(server: Server) {
    let Some(folder) = env::var_os("STRONGROOM_SAMPLES") else {
        return say("skipped: samples on buckets (`STRONGROOM_SAMPLES` names no directory)");
    };
    let Some(bench) = Bench::on(server) else { return };
    bench.run(&["init", "--environment", "test"]).expect(0);
    let folder = folder.to_str().unwrap();
    let sealed = bench.run(&["archive", "--stream", "samples", "--json", folder]).expect(0);
    assert_eq!(sealed.number("events_read"), sealed.number("events_sealed"));
    let again = bench.run(&["archive", "--stream", "samples", "--json", folder]).expect(0);
    assert_eq!((again.number("events_read"), again.number("segments")), (0, 0));
    assert_eq!(bench.run(&["verify", "--deep", "--json"]).expect(0).text("verdict"), "PASS");
    say(&format!("{}: samples, {} events", server.name, sealed.number("events_sealed")));
}

#[test]
fn samples_are_archived_on_ministack() {
    samples(MINISTACK);
}

#[test]
fn samples_are_archived_on_rgw() {
    samples(RGW);
}
