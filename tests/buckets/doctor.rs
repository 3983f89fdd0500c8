//! What each store can do, as `doctor` finds it. A gap is asserted, so that a store that learns is noticed.

use strongroom_crypto::json::Value;

use super::{Bench, MINISTACK, RGW, Server, say};

/// Names and results of a list that `doctor --json` prints.
pub(crate) fn results(answer: &Value, list: &str) -> Vec<(String, String)> {
    let Value::Object(members) = answer else { panic!("{answer:?}") };
    let Some(Value::Array(items)) = members.get(list) else { panic!("{answer:?}") };
    let text = |item: &Value, name: &str| match item {
        Value::Object(members) => match members.get(name) {
            Some(Value::Text(text)) => text.clone(),
            other => panic!("`{name}` is {other:?}"),
        },
        other => panic!("{other:?}"),
    };
    items.iter().map(|item| (text(item, "name"), text(item, "result"))).collect()
}

/// The capabilities of an answer that do not hold, each with its result.
fn gaps(answer: &Value) -> Vec<String> {
    let missing = results(answer, "capabilities").into_iter().filter(|(_, found)| found != "holds");
    missing.map(|(name, found)| format!("{name} {found}")).collect()
}

fn examined(server: Server, expected: &[&str]) {
    let Some(bench) = Bench::with_archive(server) else { return };
    let output = bench.run(&["doctor", "--json"]).expect(0);
    let found = gaps(&output.json());
    say(&format!("{}: {found:?}", server.name));
    assert_eq!(found, expected, "{}", server.name);
    // The canaries are gone, and an auditor finds nothing of them.
    let verified = bench.run(&["verify", "--json"]).expect(0);
    assert_eq!(verified.text("verdict"), "PASS");
}

#[test]
fn ministack_is_as_it_is_known() {
    examined(
        MINISTACK,
        &[
            "bypass-governance MISSING",
            "multipart-lock MISSING",
            "plain-delete MISSING",
            "far-dates NOT PROVEN",
        ],
    );
}

#[test]
fn rgw_is_as_it_is_known() {
    examined(
        RGW,
        &[
            "fence NOT PROVEN",
            "bypass-governance MISSING",
            "checksum MISSING",
            "multipart-lock MISSING",
            "plain-delete MISSING",
            "far-dates NOT PROVEN",
        ],
    );
}
