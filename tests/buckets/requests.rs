//! The requests that a run says it made are those that came to the store: repetitions, pages and the
//! questions of the program itself included.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use strongroom_archiver::store::{
    Lock, LockMode, LockedStore as _, ObjectKey, PutOptions, StoreUrl, s3::S3Store,
};
use strongroom_crypto::Digest;
use strongroom_crypto::json::Value;
use strongroom_tests::fault_proxy::{FaultProxy, Plan, Trouble};
use strongroom_tests::program::strongroom;

use super::{Bench, MINISTACK, RGW, Server, say};

/// What a request is paid as, by its method and target.
fn kind(line: &str) -> &'static str {
    let (method, target) = line.split_once(' ').unwrap();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    match method {
        "PUT" if query.contains("retention") => "lock",
        "PUT" if query.contains("legal-hold") => "hold",
        "PUT" | "POST" => "put",
        "GET" if query.contains("list-type=2") || query.contains("versions") => "list",
        "GET" => "get",
        "HEAD" => "head",
        "DELETE" => "delete",
        _ => panic!("{line}"),
    }
}

/// How many of each kind came to a proxy; kinds of which there were none are listed too.
fn seen(proxy: &FaultProxy) -> BTreeMap<String, u64> {
    let kinds = ["delete", "get", "head", "hold", "list", "lock", "put"];
    let mut seen: BTreeMap<String, u64> = kinds.map(|kind| (kind.to_owned(), 0)).into();
    for line in proxy.requests() {
        *seen.get_mut(kind(&line)).unwrap() += 1;
    }
    seen
}

fn run_is_counted(server: Server, plan: Plan) {
    let Some(bench) = Bench::on(server) else { return };
    bench.run(&["init", "--environment", "test"]).expect(0);
    bench.write_events();
    let endpoint = server.endpoint().unwrap();
    let proxy = FaultProxy::start(&endpoint, &[plan]);
    let url = bench.url.replace(&endpoint, &proxy.endpoint());
    let place = ["--to", url.as_str(), "--key", "archive.key"];
    let arguments =
        [&["archive"], &place[..], &["--stream", "events", "--json", "events"]].concat();
    let run = strongroom(bench.path(), &arguments).expect(0);
    let Value::Object(members) = run.json() else { panic!() };
    let Some(Value::Object(told)) = members.get("requests_by_kind") else { panic!() };
    let number = |value: &Value| match value {
        Value::Int(number) => u64::try_from(number.get()).unwrap(),
        other => panic!("{other:?}"),
    };
    let told: BTreeMap<String, u64> =
        told.iter().map(|(kind, count)| (kind.to_string(), number(count))).collect();
    say(&format!("{}, {:?} troubles: {told:?}", server.name, proxy.fired()));
    assert_eq!(told, seen(&proxy));
    assert_eq!(run.number("requests"), told.values().sum::<u64>());
}

#[test]
fn a_run_counts_what_came_to_the_store() {
    for server in [MINISTACK, RGW] {
        for times in [0, 2] {
            // The first read is asked for three times.
            let trouble = Trouble::SlowDown;
            run_is_counted(
                server,
                Plan { method: "GET", target: "/log/claim/", after: 0, times, trouble },
            );
        }
    }
}

#[test]
fn a_store_counts_requests_of_every_kind() {
    let Some(bench) = Bench::on(MINISTACK) else { return };
    bench.bucket().create_bucket().unwrap();
    let endpoint = MINISTACK.endpoint().unwrap();
    let plan =
        Plan { method: "PUT", target: "/", after: 0, times: 0, trouble: Trouble::ErrorBefore };
    let proxy = FaultProxy::start(&endpoint, &[plan]);
    let StoreUrl::S3(at) = bench.url.replace(&endpoint, &proxy.endpoint()).parse().unwrap() else {
        panic!("{}", bench.url)
    };
    let store = S3Store::connect(&at).unwrap();
    let key = ObjectKey::new("index/a").unwrap();
    let how = PutOptions { lock: None, create_only: true, sha256: Digest::of(b"bytes") };
    let version = store.put(&key, b"bytes", &how).unwrap();
    store.put(&key, b"bytes", &how).unwrap_err();
    store.get(&key, None).unwrap().unwrap();
    store.set_hold(&key, &version, true).unwrap();
    store.set_hold(&key, &version, false).unwrap();
    let until = store.now().unwrap() + SignedDuration::from_secs(1);
    store.extend_lock(&key, &version, Lock { mode: LockMode::Governance, until }).unwrap();
    store.list("", None, 9).unwrap();
    store.list_versions("").unwrap();
    store.try_delete(&key, Some(&version), true).unwrap();
    let sent = store.sent().unwrap();
    let told = [
        ("delete", sent.deletes),
        ("get", sent.gets),
        ("head", sent.heads),
        ("hold", sent.holds),
        ("list", sent.lists),
        ("lock", sent.extends),
        ("put", sent.puts),
    ];
    let told: BTreeMap<String, u64> = told.map(|(kind, count)| (kind.to_owned(), count)).into();
    assert_eq!(told, seen(&proxy));
    assert!(told.values().all(|count| *count > 0), "{told:?}");
}
