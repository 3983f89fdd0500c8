//! What the cost report says, worked out by hand.

use jiff::Timestamp;
use strongroom_tests::clock::now;

use crate::archive;
use crate::scene::{assert_row, number, plain};

/// Millionths of the price of a GB in a month, as the scene's table says.
const STANDARD: u128 = 20_000_000_000;
const COLD: u128 = 5_000_000_000;
const GB: u128 = 1_000_000_000;
/// Seconds of a month of 30.4375 days.
const MONTH: u128 = 2_629_800;

fn money(micros: u128) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[test]
fn cost_is_bytes_by_time_by_price() {
    let scene = archive("report-cost");
    scene.sign("ada", &["hold", "place", "m-1", "--stream", "app", "--matter", "x"]);
    let at = now();
    let cost = ["report", "cost", "--prices", "prices.yaml"];
    let report = scene.report(&cost, at);
    assert_eq!(report.rows.len(), 3);
    let segment = &scene.segments("trail")[0];
    let bytes = u128::from(number(segment, "bytes"));
    let ends: Timestamp = plain(&segment["settle_until"]).parse().unwrap();
    // The settling lock is over last: whole seconds from the report on.
    let at_ms = Timestamp::from_millisecond(at.as_millisecond()).unwrap();
    let seconds = u128::try_from(ends.duration_since(at_ms).as_secs()).unwrap();
    let row = report.row("stream", "trail");
    assert_row(
        row,
        &[
            ("class", "sec-1"),
            ("currency", "CHF"),
            ("storage_class", "STANDARD"),
            ("segments", "1"),
            ("per_month", &money((bytes * STANDARD).div_ceil(GB))),
            ("until_they_may_go", &money((bytes * seconds * STANDARD).div_ceil(GB * MONTH))),
            ("last_may_go", &plain(&segment["settle_until"])),
            ("undated_segments", "0"),
            ("rolling_locks_per_month", "0.000000"),
        ],
    );
    // What is held has a date that nobody knows; what is not classified has none, and its lock rolls:
    // two objects every five minutes, 8,766 times a month, at 10 and 1 for 1,000 requests.
    let app = report.row("stream", "app");
    assert_row(app, &[("undated_segments", "2"), ("until_they_may_go", "0.000000")]);
    assert_row(app, &[("last_may_go", ""), ("rolling_locks_per_month", "0.000000")]);
    let web = report.row("stream", "web");
    assert_row(web, &[("undated_segments", "1"), ("rolling_locks_per_month", "192.852000")]);
    let cold = [&cost[..], &["--storage-class", "COLD"]].concat();
    let row = scene.report(&cold, at).row("stream", "trail").clone();
    assert_row(&row, &[("per_month", &money((bytes * COLD).div_ceil(GB)))]);
}

#[test]
fn cost_by_month_ends_when_the_last_may_go() {
    let scene = archive("report-months");
    let at = now();
    let report = scene.report(&["report", "cost", "--by-month", "--prices", "prices.yaml"], at);
    let of = |stream: &str| {
        report.rows.iter().filter(|row| plain(&row["stream"]) == stream).collect::<Vec<_>>()
    };
    // Three years and a day, in 37 months: 38 if the day is the first of a month and not its hour.
    let app = of("app");
    assert!((37..=38).contains(&app.len()), "{}", app.len());
    let bytes: u64 = scene.segments("app").iter().map(|segment| number(segment, "bytes")).sum();
    assert!(app.iter().all(|row| number(row, "bytes") == bytes));
    assert_eq!(of("web").len(), 12);
    assert_eq!(plain(&app[0]["month"]), at.to_string()[..7]);
    // A month of 31 days costs what its seconds do.
    let bytes = u128::from(bytes);
    let long = app.iter().skip(1).find(|row| plain(&row["month"]).ends_with("-01")).unwrap();
    let expected = (bytes * 31 * 86_400 * STANDARD).div_ceil(GB * MONTH);
    assert_eq!(plain(&long["cost"]), money(expected));
}
