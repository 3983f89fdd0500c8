//! PCI DSS 10.5.1 over an archive of thirteen months, a segment a day.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use strongroom_archiver::log::{About, Item, Log};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{LockedStore, ObjectKey, PutOptions};
use strongroom_crypto::entry::{EntryKind, Seal, TimeRange};
use strongroom_crypto::keys::{KeyFile, OriginKey};
use strongroom_crypto::name::{Environment, Shard};
use strongroom_crypto::range::RangeList;
use strongroom_crypto::time::{Instant, MS_PER_HOUR};
use strongroom_crypto::{ArchiveId, Digest, SegmentId};
use strongroom_tests::entropy::Dice;
use strongroom_tests::policies::{PolicyText, put_in_force, registry};
use strongroom_tests::program::strongroom;
use strongroom_tests::sealed::{range, seal};
use strongroom_tests::temp::TempDir;

use crate::scene::{Report, assert_row, number, plain, report};

/// 2027-01-15T08:00:00Z.
const NOW_S: i64 = 1_800_000_000;
/// The rule that the report is about, and one that keeps for 180 days.
const PCI: &str = "pci-dss-10-5-1";
const CERT_IN: &str = "in-cert-in-2022-logs";
/// Days of events: over twelve months.
const DAYS: i64 = 396;

struct Year {
    dir: TempDir,
    /// The objects of the segments, one a day, and today's last.
    objects: Vec<String>,
}

#[test]
fn twelve_months_that_are_all_there_pass() {
    let year = Year::new("report-year", PCI, &[]);
    let row = year.pci().rows.remove(0);
    assert_row(
        &row,
        &[
            ("stream", "app"),
            ("verdict", "PASS"),
            ("reasons", ""),
            ("twelve_months_from", "2026-01-15T00:00:00.000Z"),
            ("newest_event", "2027-01-15T07:00:00.000Z"),
            // The first of both days is in.
            ("segments_12_months", "366"),
            ("segments_3_months", "93"),
            ("available_3_months", "93"),
            ("days_without_events", "0"),
            ("lock_modes", "GOVERNANCE"),
            ("lock_until_first", "2027-01-16T08:00:00.000Z"),
        ],
    );
    // One of the last three months is gone.
    let object = &year.objects[year.objects.len() - 20];
    fs::remove_file(year.dir.path().join("archive").join(object)).unwrap();
    fs::remove_dir_all(year.dir.path().join("archive/.versions").join(object)).unwrap();
    let row = year.pci().rows.remove(0);
    assert_row(&row, &[("verdict", "FAIL"), ("reasons", "missing"), ("missing_12_months", "1")]);
    assert_eq!(number(&row, "available_3_months"), 92);
}

#[test]
fn days_without_events_prove_nothing_and_too_short_a_policy_fails() {
    let year = Year::new("report-gaps", PCI, &[100, 101, 390]);
    let row = year.pci().rows.remove(0);
    // The 390th day before today is out of the window.
    assert_row(&row, &[("verdict", "NOT PROVEN"), ("reasons", "days_without_events")]);
    assert_row(&row, &[("days_without_events", "2"), ("gaps", "2026-10-06..2026-10-07")]);
    let later = (NOW_S + 5 * 86_400) * 1_000;
    let row = year.pci_at(Timestamp::from_millisecond(later).unwrap()).rows.remove(0);
    let gaps = "2026-10-06..2026-10-07; 2027-01-16..2027-01-19";
    assert_row(&row, &[("reasons", "days_without_events; lock_over"), ("gaps", gaps)]);
    let row = Year::new("report-short", CERT_IN, &[]).pci().rows.remove(0);
    assert_row(&row, &[("verdict", "FAIL"), ("reasons", "policy_keeps_less")]);
}

impl Year {
    /// A production archive under a policy, without the events of some days before today.
    fn new(name: &str, regulation: &str, without: &[i64]) -> Self {
        let dir = TempDir::in_memory(name);
        let mut dice = Dice::new(1, 1);
        let keys = Arc::new(KeyFile::generate(ArchiveId::generate(&mut dice), &mut dice));
        let key = dir.path().join("archive.key");
        fs::write(&key, keys.to_text().as_bytes()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let mut year = Self { dir, objects: Vec::new() };
        let mut log = year.begin(&keys);
        put_in_force(&mut log, &keys, &policy(regulation), at(0));
        year.seal(&mut log, without);
        year
    }

    fn begin(&self, keys: &Arc<KeyFile>) -> Log {
        let next = AtomicU64::new(0);
        let clock = Box::new(|| Timestamp::from_second(NOW_S).unwrap());
        let unique = Box::new(move || next.fetch_add(1, Ordering::Relaxed));
        let store = FileStore::create(&self.dir.path().join("archive"), clock, unique).unwrap();
        let about = About {
            environment: Environment::Production,
            officers: registry(),
            settle: Duration::from_hours(24),
        };
        let dice = &mut Dice::new(1, 2);
        Log::create(Arc::new(store), Arc::clone(keys), &about, dice).unwrap().unwrap()
    }

    /// A segment for each day; what is in the objects is nobody's business here.
    fn seal(&mut self, log: &mut Log, without: &[i64]) {
        let store = Arc::clone(log.store());
        let lock = log.birth_lock().unwrap();
        let mut dice = Dice::new(2, 1);
        let origin = OriginKey::from_bytes(&[3; 32]).handle("app", "file:x").unwrap();
        let days = (0..DAYS).rev().filter(|day| !without.contains(day));
        let items: Vec<Item> = days
            .enumerate()
            .map(|(place, day)| {
                let n = u64::try_from(place).unwrap();
                let id = SegmentId::new(1_800_000_000_000 + n, &mut dice).unwrap();
                let happened = at(-24 * day - 1);
                let ranges = RangeList::new(vec![range(origin, n)]).unwrap();
                let event_time = TimeRange::new(happened, happened);
                let seal = Seal { event_time, ..seal(id, "app", at(0), &ranges) };
                let how = PutOptions {
                    lock: Some(lock),
                    create_only: true,
                    sha256: Digest::of(b"object"),
                };
                store.put(&ObjectKey::new(seal.object.as_str()).unwrap(), b"object", &how).unwrap();
                self.objects.push(seal.object.as_str().to_owned());
                Item { kind: EntryKind::SegmentSeal(Box::new(seal)), beside: Some(ranges.into()) }
            })
            .collect();
        assert!(log.append(&items, Some(Shard::WHOLE), &mut dice).unwrap().is_empty());
    }

    fn pci(&self) -> Report {
        self.pci_at(Timestamp::from_second(NOW_S).unwrap())
    }

    fn pci_at(&self, at: Timestamp) -> Report {
        let to = format!("file://{}/archive", self.dir.path().display());
        let pci = ["report", "pci-10.5.1", "--to", &to];
        let made =
            report(&pci, at, &|more| strongroom(self.dir.path(), &[&pci[..], more].concat()));
        assert_eq!(made.rows.len(), 1);
        assert_eq!(plain(&made.rows[0]["class"]), "app-1");
        made
    }
}

/// Hours from now.
fn at(hours: i64) -> Instant {
    Instant::from_unix_ms(NOW_S * 1_000 + hours * MS_PER_HOUR).unwrap()
}

fn policy(regulation: &str) -> String {
    let streams = format!(
        "  - id: applications
    title: What applications say
    record_class: app-1
    match: {{stream: [app]}}
    clock: event_time
    segment: {{max_span: PT24H}}
    lock: governance
    citations:
      - {{reg: {regulation}}}
"
    );
    PolicyText { zone: "America/New_York", streams: &streams, ..PolicyText::default() }.text()
}
