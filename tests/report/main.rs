//! Reports, made by the program of archives of which the test knows what is in them.

mod began;
mod csv;
mod errors;
mod future;
mod money;
mod scene;
mod year;

use std::thread::sleep;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use strongroom_archiver::store::file::FileStore;
use strongroom_archiver::store::{Lock, LockedStore as _, ObjectKey};
use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;
use strongroom_tests::entropy::Dice;

use scene::{Scene, assert_row, member, number, plain, rows};

/// An archive of three streams, two of them under a policy: a segment of `trail` and one of `app` from
/// before it, one of `app` from after it, and one of `web`, of which it does not speak.
fn archive(name: &str) -> Scene {
    let scene = Scene::new(name, "PT10M");
    scene.trail("trail-1.ndjson", &[1, 2, 3]);
    scene.seal("app", "app-1.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    scene.seal("web", "web-1.log", "GET /\n");
    scene.policy();
    scene.seal("app", "app-2.ndjson", "{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n");
    scene
}

/// The first instant after a period of years from today, as reports spell it.
fn after_years(years: i64) -> String {
    let date = now().to_zoned(TimeZone::UTC).date() + years.years() + 1.day();
    format!("{date}T00:00:00.000Z")
}

#[test]
fn retention_says_what_is_kept_until_when_and_what_stands_in_the_way() {
    let before = now();
    let scene = archive("report-retention");
    let at = now();
    let files = scene.files();
    let report = scene.report(&["report", "retention"], at);
    assert_eq!(report.rows.len(), 3);
    let (trail, app) = (&scene.segments("trail")[0], scene.segments("app"));
    let bytes = number(&app[0], "bytes") + number(&app[1], "bytes");
    let row = report.row("stream", "trail");
    let lock_ends = plain(&trail["settle_until"]);
    assert_row(
        row,
        &[
            ("class", "sec-1"),
            ("policy", &plain(member(&report.json, "policy"))),
            ("policy_version", "1"),
            ("schedule_item", "trail"),
            ("segments", "1"),
            ("events", "3"),
            ("bytes", &plain(&trail["bytes"])),
            ("oldest_event", "2020-03-01T10:00:00.000Z"),
            ("newest_event", "2020-03-03T10:00:00.000Z"),
            ("keep_until_first", "2021-03-04T00:00:00.000Z"),
            ("keep_until_last", "2021-03-04T00:00:00.000Z"),
            // Its period is over, its settling lock is not.
            ("retain", "1"),
            ("eligible", "0"),
            ("locked_beyond_schedule", "0"),
            ("locked_beyond_until", ""),
            ("mode_below_policy", "0"),
            ("overdue", "0"),
            ("missing", "0"),
        ],
    );
    let row = report.row("stream", "app");
    assert_row(
        row,
        &[
            ("class", "app-1"),
            ("segments", "2"),
            ("events", "5"),
            ("bytes", &bytes.to_string()),
            ("keep_until_last", &after_years(3)),
            ("must_go_by_first", &after_years(4)),
            ("must_go_by_last", &after_years(4)),
            ("retain", "2"),
            ("locked_beyond_schedule", "0"),
            // The one from before the policy is under GOVERNANCE for ever.
            ("mode_below_policy", "1"),
            ("unclassified", "0"),
        ],
    );
    let unclassified = [("class", "unclassified"), ("policy", ""), ("open", "1")];
    assert_row(report.row("stream", "web"), &unclassified);
    assert_row(report.row("stream", "web"), &[("unclassified", "1"), ("keep_until_first", "")]);

    // After the lock and after the dates; and before there was a policy, or a segment.
    let later = lock_ends.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(1);
    let row = scene.report(&["report", "retention"], later).row("stream", "trail").clone();
    assert_row(&row, &[("eligible", "1"), ("retain", "0"), ("locked_beyond_schedule", "0")]);
    let far = now() + SignedDuration::from_hours(24 * 366 * 5);
    let row = scene.report(&["report", "retention"], far).row("stream", "app").clone();
    assert_row(&row, &[("eligible", "2"), ("overdue", "2")]);
    let early = scene.run(&["report", "retention", "--at", &before.to_string()]).expect(2);
    assert!(early.stderr.contains("the archive was begun"), "{}", early.stderr);
    assert_eq!(scene.files(), files, "a report changed the archive");
}

#[test]
fn a_lock_that_was_moved_on_without_need_is_beyond_schedule() {
    let scene = archive("report-beyond");
    let (root, entropy) = (scene.folder().join("archive"), Dice::new(1, 1).into_closure());
    let store = FileStore::open(&root, Box::new(now), entropy).unwrap();
    let key = ObjectKey::new(plain(&scene.segments("trail")[0]["object"])).unwrap();
    let head = store.head(&key, None).unwrap().unwrap();
    let settling = head.lock.unwrap();
    let lock = Lock { until: settling.until + SignedDuration::from_mins(1), ..settling };
    store.extend_lock(&key, &head.version, lock).unwrap();
    let row = scene.report(&["report", "retention"], now()).row("stream", "trail").clone();
    assert_row(&row, &[("locked_beyond_schedule", "1"), ("retain", "1")]);
    let until: Timestamp = plain(&row["locked_beyond_until"]).parse().unwrap();
    assert_eq!(until, lock.until);
}

#[test]
fn retention_lists_segments_one_by_one() {
    let scene = archive("report-segments");
    let report = scene.report(&["report", "retention", "--segments"], now());
    assert_eq!(report.rows.len(), 4);
    for segment in ["trail", "app", "web"].into_iter().flat_map(|name| scene.segments(name)) {
        let row = report.row("segment", &plain(&segment["segment_id"]));
        let same = ["stream", "events", "bytes", "object"];
        for name in same {
            assert_eq!(row[name], segment[name], "{name}");
        }
    }
    let modes = report.rows.iter().map(|row| (plain(&row["stream"]), plain(&row["lock_mode"])));
    let modes: Vec<(String, String)> = modes.collect();
    let of = |mode: &str| modes.iter().filter(|(_, found)| found == mode).count();
    assert_eq!((of("COMPLIANCE"), of("GOVERNANCE")), (1, 3), "{modes:?}");
    let below = report.row("mode_below_policy", "true");
    assert_row(below, &[("stream", "app"), ("lock_mode", "GOVERNANCE"), ("state", "RETAIN")]);
    assert_row(below, &[("deciding_rule", "pci-dss-10-5-1"), ("must_go_by", &after_years(4))]);
}

#[test]
fn a_report_is_of_the_log_as_it_stood() {
    let scene = Scene::new("report-as-of", "PT10M");
    scene.seal("app", "app-1.ndjson", "{\"n\":1}\n");
    let unclassified = now();
    let before = scene.report(&["report", "retention"], unclassified);
    assert_eq!(member(&before.json, "policy"), &Value::Null);
    assert_row(before.row("stream", "app"), &[("unclassified", "1"), ("events", "1")]);
    scene.policy();
    scene.seal("app", "app-2.ndjson", "{\"n\":2}\n");
    scene.sign("ada", &["hold", "place", "m-1", "--stream", "app", "--matter", "x"]);
    let again = scene.report(&["report", "retention"], unclassified);
    // Locks are the store's, and moved meanwhile; what the log said then is what it says of then.
    assert_eq!(again.json, before.json);
    let now = scene.report(&["report", "retention"], now());
    assert_eq!(plain(member(&now.json, "policy_version")), "1");
    assert_row(now.row("stream", "app"), &[("segments", "2"), ("held", "2")]);
    assert_eq!(scene.report(&["report", "holds"], unclassified).rows.len(), 0);
}

#[test]
fn holds_say_what_is_held_and_what_a_release_left_held() {
    let scene = archive("report-holds");
    let place = ["hold", "place", "m-1", "--stream", "app", "--standing", "--matter"];
    let custodian = ["Smith v. \"Jones\", 7", "--custodian", "J. Doe"];
    scene.sign("ada", &[&place[..], &custodian].concat());
    scene.seal("app", "app-3.ndjson", "{\"n\":6}\n");
    scene.sign("ben", &["hold", "place", "m-2", "--stream", "trail", "--matter", "other"]);
    let segment = plain(&scene.segments("app")[0]["segment_id"]);
    scene.sign("ben", &["hold", "place", "m-3", "--segment", &segment, "--matter", "third"]);
    let before = now();
    let report = scene.report(&["report", "holds"], before);
    assert_eq!(report.rows.len(), 3);
    let m1 = report.row("hold", "m-1");
    assert_row(
        m1,
        &[
            ("state", "active"),
            ("class", "app-1"),
            ("segments", "3"),
            ("events", "6"),
            ("listed", "2"),
            ("standing", "app"),
            ("placed_times", "1"),
            ("released_at", ""),
            ("still_held", "0"),
            ("flags_not_as_ordered", "3"),
        ],
    );
    let bytes: u64 = scene.segments("app").iter().map(|segment| number(segment, "bytes")).sum();
    assert_eq!(number(m1, "bytes"), bytes);
    assert_row(report.row("hold", "m-2"), &[("class", "sec-1"), ("events", "3")]);
    assert_row(report.row("hold", "m-3"), &[("segments", "1"), ("events", "2")]);
    let shown = String::from_utf8(report.json.to_canonical()).unwrap();
    assert!(!shown.contains("Jones") && !shown.contains("Doe"), "{shown}");
    let details = scene.report(&["report", "holds", "--details"], before);
    let m1 = details.row("hold", "m-1");
    assert_row(m1, &[("matter", "Smith v. \"Jones\", 7"), ("custodians", "J. Doe")]);

    scene.run(&["sweep", "--duty", "hold"]).expect(0);
    let swept = scene.report(&["report", "holds"], before);
    assert!(swept.rows.iter().all(|row| number(row, "flags_not_as_ordered") == 0));
    scene.sign("ada", &["hold", "release", "m-1", "--reason", "settled"]);
    scene.sign("ben", &["hold", "release", "m-1"]);
    let report = scene.report(&["report", "holds"], now());
    let m1 = report.row("hold", "m-1");
    assert_row(
        m1,
        &[
            ("state", "released"),
            ("segments", "0"),
            ("still_held", "1"),
            ("still_held_by", "m-3"),
            // Two flags are still set that nothing orders.
            ("flags_not_as_ordered", "2"),
        ],
    );
    assert!(!plain(&m1["released_at"]).is_empty());
    let retention = scene.report(&["report", "retention"], now());
    assert_row(retention.row("stream", "app"), &[("segments", "3"), ("held", "1")]);
}

#[test]
fn coverage_finds_what_is_not_as_it_should_be() {
    let scene = archive("report-coverage");
    scene.trail("trail-2.ndjson", &[7]);
    let at = now();
    let report = scene.configured(&["report", "coverage"], at);
    let streams: Vec<String> = report.rows.iter().map(|row| plain(&row["stream"])).collect();
    assert_eq!(streams, ["app", "never", "trail", "web"]);
    let app = [("findings", ""), ("configured", "true"), ("class", "app-1"), ("events", "5")];
    assert_row(report.row("stream", "app"), &app);
    assert_row(report.row("stream", "app"), &[("sealed_segments", "2"), ("live_segments", "2")]);
    let never = [("findings", "never_archived; unclassified"), ("sealed_segments", "0")];
    assert_row(report.row("stream", "never"), &never);
    assert_row(report.row("stream", "web"), &[("findings", "not_configured; unclassified")]);
    let trail = report.row("stream", "trail");
    assert_row(trail, &[("findings", "gaps"), ("days", "7"), ("class", "sec-1")]);
    assert!(plain(&trail["gaps"]).ends_with("2020-03-04..2020-03-06"), "{trail:?}");
    assert!(plain(&trail["last_sealed"]).parse::<Timestamp>().unwrap() <= at);
    // Two days later nothing has come.
    let later = at + SignedDuration::from_hours(48);
    let report = scene.configured(&["report", "coverage"], later);
    assert_row(report.row("stream", "app"), &[("findings", "silent")]);
    let patient = ["report", "coverage", "--silent-after", "P3D"];
    assert_row(scene.configured(&patient, later).row("stream", "app"), &[("findings", "")]);
    // Without a configuration nobody knows what should be there.
    let report = scene.report(&["report", "coverage"], at);
    assert_eq!(report.rows.len(), 3);
    assert_row(report.row("stream", "web"), &[("findings", "unclassified"), ("configured", "")]);
}

#[test]
fn a_source_that_falls_silent_beside_a_busy_one_is_found() {
    let scene = Scene::new("report-origins", "PT10M");
    scene.seal("app", "quiet.ndjson", "{\"n\":1}\n");
    scene.seal("app", "busy.ndjson", "{\"n\":2}\n");
    sleep(Duration::from_millis(1_500));
    scene.seal("app", "busy.ndjson", "{\"n\":2}\n{\"n\":3}\n");
    let later = now() + SignedDuration::from_hours(1);
    let silent_after = |period: &str| {
        let coverage = ["report", "coverage", "--silent-after", period];
        let app = scene.report(&coverage, later).row("stream", "app").clone();
        let listed = plain(&app["silent_origins_last_received"]);
        let last = listed
            .split("; ")
            .filter_map(|one| one.split_once(' '))
            .map(|(handle, last)| (last.parse::<Timestamp>().unwrap(), handle.to_owned()));
        let mut last: Vec<_> = last.collect();
        last.sort();
        (app, last)
    };
    // Where all sources are silent the stream is.
    let (app, last) = silent_after("PT1S");
    assert_row(&app, &[("findings", "unclassified; silent"), ("silent_origins", "2")]);
    let busy = later.duration_since(last[1].0).as_secs() + 1;
    let (app, silent) = silent_after(&format!("PT{busy}S"));
    assert_row(&app, &[("findings", "unclassified; silent_origins"), ("origins", "2")]);
    assert_eq!((number(&app, "silent_origins"), &silent[..]), (1, &last[..1]));
    let status = scene.run(&["status", "--json"]).expect(0).json();
    let origins = rows(&status, "origins");
    let quiet = origins.iter().find(|one| plain(&one["handle"]) == silent[0].1).unwrap();
    assert_eq!(plain(&quiet["origin"]), "file:quiet.ndjson");
}

#[test]
fn dispositions_say_what_went_by_whose_order_and_what_was_refused() {
    let scene = Scene::new("report-dispositions", "PT4S");
    scene.trail("trail-1.ndjson", &[1, 2, 3]);
    let bytes = plain(&scene.segments("trail")[0]["bytes"]);
    scene.policy();
    scene.propose("no.json", 1);
    let review = ["disposition", "review", "no.json", "--verdict", "reject", "--reason", "wait"];
    scene.sign("cy", &review);
    let states = [("eligible", "1"), ("in_review", "0")];
    assert_row(scene.report(&["report", "retention"], now()).row("stream", "trail"), &states);
    scene.propose("yes.json", 1);
    scene.sign("ada", &["disposition", "approve", "yes.json"]);
    let waiting = scene.report(&["report", "dispositions"], now());
    assert_eq!(waiting.rows.len(), 2);
    let row = waiting.row("state", "waiting");
    assert_row(row, &[("approved_by", "ada"), ("segments", "1"), ("classes", "sec-1")]);
    let states = [("eligible", "0"), ("in_review", "1"), ("approved", "0")];
    assert_row(scene.report(&["report", "retention"], now()).row("stream", "trail"), &states);
    scene.sign("ben", &["disposition", "approve", "yes.json"]);
    let approved = scene.report(&["report", "dispositions"], now());
    assert_row(approved.row("state", "approved"), &[("approved_by", "ada; ben")]);
    let states = [("eligible", "0"), ("in_review", "0"), ("approved", "1")];
    assert_row(scene.report(&["report", "retention"], now()).row("stream", "trail"), &states);
    let done = scene.run(&["disposition", "execute", "yes.json", "--json"]).expect(0);

    let report = scene.report(&["report", "dispositions"], now());
    assert_eq!(report.rows.len(), 2);
    let row = report.row("state", "certified");
    assert_row(
        row,
        &[
            ("segments", "1"),
            ("bytes", &bytes),
            ("classes", "sec-1"),
            ("streams", "trail"),
            ("approved_by", "ada; ben"),
            ("policy_version", "1"),
            ("certificate", &done.text("certificate")),
            ("open_since", ""),
        ],
    );
    let rejected = report.row("state", "rejected");
    assert_row(rejected, &[("reviewed_by", "cy"), ("classes", "sec-1"), ("approved_by", "")]);
    assert_ne!(rejected["statement"], row["statement"]);
    // Between the order and its certificate.
    let ordered: Timestamp = plain(&row["at"]).parse().unwrap();
    let open = scene.report(&["report", "dispositions"], ordered);
    let row = open.row("state", "open");
    assert_row(row, &[("open_since", &plain(&row["at"])), ("certified_at", "")]);
    let retention = scene.report(&["report", "retention"], ordered);
    let row = retention.row("stream", "trail");
    assert_row(row, &[("destroying", "1"), ("eligible", "0")]);
    assert_row(row, &[("missing", "0"), ("gone_since", "1")]);
    assert_eq!(scene.report(&["report", "retention"], now()).rows.len(), 0);
    // An empty table says what it is of, in each form.
    assert_eq!(scene.report(&["report", "holds"], now()).rows.len(), 0);
}

#[test]
fn a_batch_that_can_become_nothing_any_more_is_named_so() {
    let scene = Scene::new("report-batches", "PT4S");
    scene.trail("trail-1.ndjson", &[1]);
    scene.policy();
    for batch in ["one.json", "two.json"] {
        scene.propose(batch, 1);
        scene.sign("ada", &["disposition", "approve", batch]);
    }
    let review = ["disposition", "review", "one.json", "--verdict", "extend", "--reason", "wait"];
    scene.sign("cy", &review);
    let states = || {
        let report = scene.report(&["report", "dispositions"], now());
        let mut states: Vec<String> = report.rows.iter().map(|row| plain(&row["state"])).collect();
        states.sort();
        states
    };
    assert_eq!(states(), ["extended", "rejected", "waiting"]);
    let report = scene.report(&["report", "dispositions"], now());
    let (said, about) = (report.row("state", "extended"), report.row("state", "rejected"));
    assert_eq!((&said["order"], &said["statement"]), (&about["order"], &about["statement"]));
    // A hold that was placed since makes every approval void.
    scene.sign("ada", &["hold", "place", "m-1", "--stream", "trail", "--matter", "x"]);
    assert_eq!(states(), ["extended", "moved", "rejected"]);
    let retention = scene.report(&["report", "retention"], now());
    assert_row(retention.row("stream", "trail"), &[("retain", "1"), ("held", "1")]);
    // In forty days nobody's signature counts any more.
    let later = now() + SignedDuration::from_hours(24 * 40);
    let report = scene.report(&["report", "dispositions"], later);
    assert_row(report.row("state", "expired"), &[("approved_by", "ada"), ("segments", "1")]);
}
