//! Events that say that they happened after they were received count on the day of their receipt.

use jiff::{SignedDuration, Timestamp};
use strongroom_crypto::json::Value;
use strongroom_tests::clock::now;

use crate::scene::{Scene, assert_row, plain};

#[test]
fn an_event_of_the_future_is_no_event_of_that_day() {
    let scene = Scene::new("report-future", "PT10M");
    let tomorrow = now() + SignedDuration::from_hours(24);
    scene.trail_at("trail.ndjson", &[tomorrow, "2099-06-01T00:00:00Z".parse().unwrap()]);
    let segments = scene.segments("trail").len().to_string();
    let report = scene.report(&["report", "coverage"], now());
    let row = report.row("stream", "trail");
    let received = plain(&row["last_received"]);
    assert_row(row, &[("findings", "unclassified"), ("quarantined", &segments)]);
    assert_row(row, &[("newest_event", &received), ("days", "1"), ("gap_days", "0")]);
    // Two days of which nothing came lie between the receipt and yesterday.
    let later = received.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(72);
    let report = scene.report(&["report", "pci-10.5.1"], later);
    let row = report.row("stream", "trail");
    assert_row(row, &[("newest_event", &received), ("days_without_events", "2")]);
    let report = scene.report(&["report", "retention"], now());
    assert_row(report.row("stream", "trail"), &[("newest_event", &received)]);
}

#[test]
fn a_good_event_among_those_of_the_future_makes_them_no_truer() {
    let scene = Scene::new("report-mixed", "PT10M");
    let ahead: Timestamp = "2099-06-01T00:00:00Z".parse().unwrap();
    // After eight turns from good to bad they share a segment.
    scene.trail_at("trail.ndjson", &[now(), ahead].repeat(20));
    let quarantined = Value::from(true);
    let segments = scene.segments("trail");
    let apart = segments.iter().filter(|one| one["quarantined"] == quarantined).count();
    assert!(apart < segments.len(), "{apart} of {}", segments.len());
    let report = scene.report(&["report", "coverage"], now());
    let row = report.row("stream", "trail");
    assert_row(row, &[("quarantined", &apart.to_string()), ("gap_days", "0")]);
    let at = |name: &str| plain(&row[name]).parse::<Timestamp>().unwrap();
    let latest = at("last_received") + SignedDuration::from_mins(5);
    assert!(at("newest_event") <= latest, "{row:?}");
}
