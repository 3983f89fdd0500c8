//! PCI DSS 10.5.1 where everything older than the window was destroyed when it might be.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use strongroom_tests::clock::now;

use crate::scene::{Scene, assert_row, plain};

#[test]
fn a_stream_began_when_its_first_seal_says_though_that_segment_is_gone() {
    let scene = Scene::new("report-began", "PT4S");
    scene.trail("trail-1.ndjson", &[1]);
    scene.policy();
    scene.propose("gone.json", 1);
    for officer in ["ada", "ben"] {
        scene.sign(officer, &["disposition", "approve", "gone.json"]);
    }
    scene.run(&["disposition", "execute", "gone.json"]).expect(0);

    let at = now() + SignedDuration::from_mins(10);
    let begin = at.to_zoned(TimeZone::UTC).date() - 12.months();
    let first = begin.at(0, 5, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
    scene.trail_at("trail-2.ndjson", &[first + SignedDuration::from_hours(48)]);
    let gaps_begin_with = |day: &str| {
        let report = scene.report(&["report", "pci-10.5.1"], at);
        let row = report.row("stream", "trail");
        let midnight = format!("{begin}T00:00:00.000Z");
        assert_row(row, &[("twelve_months_from", &midnight), ("destroyed_12_months", "0")]);
        let reasons = plain(&row["reasons"]);
        assert!(!reasons.contains("began_within_12_months"), "{reasons}");
        assert!(reasons.contains("days_without_events"), "{reasons}");
        let gaps = plain(&row["gaps"]);
        assert!(gaps.starts_with(day), "{gaps}");
    };
    // The window begins with the first day of it, and not with the first event that is left.
    gaps_begin_with(&format!("{begin}..{}; ", begin + 1.day()));
    scene.trail_at("trail-3.ndjson", &[first]);
    gaps_begin_with(&format!("{}; ", begin + 1.day()));
}
