//! What a plan says of each stream, against the policy in force.

use strongroom_crypto::json::Value;

use crate::DONE;
use crate::office::{Office, Stream};

const CYBER: &str = "{reg: us-nydfs-500-06-cyber}";

/// A member of an object within others.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, name| match value {
        Value::Object(members) => members.get(name).unwrap_or_else(|| panic!("no `{name}`")),
        other => panic!("{other:?}"),
    })
}

/// The lines about a rule or a stream.
fn part<'a>(shown: &'a str, head: &str) -> Vec<&'a str> {
    let mut lines = shown.lines().skip_while(|line| *line != head);
    assert!(lines.next().is_some(), "no `{head}` in\n{shown}");
    lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect()
}

#[test]
fn a_plan_says_what_each_stream_was_and_what_it_will_be() {
    let office = Office::new();
    office.archive("a", 2);
    let first = office.plan_in_words(1, &[Stream::governance("P1Y")]);
    assert!(first.contains("against     no policy: none is in force\n"), "{first}");
    let said = part(&first, "rule        app: added");
    assert!(said.contains(&"keeps                    P1Y (pci-dss-10-5-1): PCI DSS 10.5.1 (10.3 protection of logs)"), "{first}");
    office.in_force(1, &[Stream::governance("P1Y")]);
    office.archive("b", 2);
    office.sweep();

    let streams = [Stream::compliance("P1Y").citing(CYBER)];
    let shown = office.plan_in_words(2, &streams);
    let against = format!("against     version 1 sha256:{}\n", office.policy_in_force());
    assert!(shown.contains(&against), "{shown}");
    let expected = [
        "keeps                    P1Y (pci-dss-10-5-1) -> P3Y (us-nydfs-500-06-cyber): 23 NYCRR 500.06(a)(2),(b)",
        "must go                  -",
        "at hand                  P3M (pci-dss-10-5-1): PCI DSS 10.5.1 (10.3 protection of logs)",
        "lock                     GOVERNANCE -> COMPLIANCE",
        "grace                    P30D",
    ];
    assert_eq!(part(&shown, "rule        app: changed"), expected);
    // Two segments, two years each.
    let stream = part(&shown, "stream      app");
    assert!(
        stream.contains(&"kept longer              2 segments, by 4.0 years in all"),
        "{shown}"
    );

    let said = office.plan(2, &streams).expect(DONE).member("against");
    assert_eq!(at(&said, &["version"]), &Value::from(1_u64));
    let Value::Array(rules) = at(&said, &["rules"]) else { panic!("{said:?}") };
    let [rule] = &rules[..] else { panic!("{rules:?}") };
    for (path, expected) in [
        (&["change"][..], "changed"),
        (&["before", "keep", "period"], "P1Y"),
        (&["before", "keep", "reg"], "pci-dss-10-5-1"),
        (&["after", "keep", "period"], "P3Y"),
        (&["after", "keep", "reg"], "us-nydfs-500-06-cyber"),
        (&["after", "keep", "citation"], "23 NYCRR 500.06(a)(2),(b)"),
        (&["before", "mode"], "GOVERNANCE"),
        (&["after", "mode"], "COMPLIANCE"),
    ] {
        assert_eq!(at(rule, path), &Value::from(expected), "{path:?}");
    }
    // Who approves reads the same, and the plan is still made again byte for byte.
    office.approve_both(2);
    office.apply(2, &[]).expect(DONE);
}

#[test]
fn a_stream_that_comes_or_goes_is_named() {
    let office = Office::new();
    office.archive("a", 2);
    office.in_force(1, &[Stream::governance("P1Y")]);
    let web = Stream::from_closing().about("stream: [web]").called("web");
    let shown = office.plan_in_words(2, &[Stream::governance("P1Y"), web]);
    let same = part(&shown, "rule        app: unchanged");
    assert!(same.iter().all(|line| !line.contains("->")), "{shown}");
    let added = part(&shown, "rule        web: added");
    assert!(added.contains(&"streams                  web"), "{shown}");
    let keeps =
        "keeps                    P6Y from `account_closed` (us-sec-17a-4-c): 17 CFR 240.17a-4(c)";
    assert!(added.contains(&keeps), "{shown}");
    let shown = office.plan_in_words(2, &[web]);
    assert!(!part(&shown, "rule        app: removed").is_empty());
    assert!(!shown.contains("  kept longer  "), "{shown}");
}
