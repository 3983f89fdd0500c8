//! What another client does to a bucket, what `verify` says of it, and that a run goes on all the same.

use std::{fs, io::Write as _};

use strongroom_archiver::store::{LockedStore as _, ObjectKey, PutOptions, StoreError, VersionId};
use strongroom_crypto::{Digest, json::Value};

use strongroom_tests::program::Output;

use super::{Bench, MINISTACK, RGW, Server};

/// The first object below a prefix.
fn first(bench: &Bench, prefix: &str) -> ObjectKey {
    let listed = bench.bucket().list(prefix, None, 1).unwrap();
    listed.into_iter().next().expect("an object").key
}

/// Verifies and requires a failure that names the object.
fn must_name(bench: &Bench, key: &ObjectKey) {
    let output = bench.run(&["verify", "--json"]).expect(1);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"verdict\":\"FAIL\"") && text.contains(key.as_str()), "{key}: {text}");
}

fn hidden_and_replaced(server: Server) {
    for prefix in ["segments/", "manifests/", "log/claim/"] {
        let Some(bench) = Bench::with_archive(server) else { return };
        let key = first(&bench, prefix);
        bench.bucket().try_delete(&key, None, false).unwrap();
        must_name(&bench, &key);
    }
    for prefix in ["segments/", "manifests/"] {
        let Some(bench) = Bench::with_archive(server) else { return };
        let key = first(&bench, prefix);
        let how = PutOptions { lock: None, create_only: false, sha256: Digest::of(b"other") };
        bench.bucket().put(&key, b"other", &how).unwrap();
        must_name(&bench, &key);
    }
}

#[test]
fn a_hidden_or_replaced_name_is_found_on_ministack() {
    hidden_and_replaced(MINISTACK);
}

#[test]
fn a_hidden_or_replaced_name_is_found_on_rgw() {
    hidden_and_replaced(RGW);
}

/// Locks are the store's, not this program's: another client cannot delete what is locked.
fn locked(server: Server) {
    let Some(bench) = Bench::with_archive(server) else { return };
    for prefix in ["segments/", "manifests/", "log/claim/", "keys/"] {
        let key = first(&bench, prefix);
        let bucket = bench.bucket();
        let version = bucket.head(&key, None).unwrap().unwrap().version;
        let refused = bucket.try_delete(&key, Some(&version), false).unwrap_err();
        assert!(matches!(refused, StoreError::Denied { .. }), "{key}: {refused}");
    }
    bench.run(&["verify", "--deep"]).expect(0);
}

#[test]
fn what_is_locked_stays_on_ministack() {
    locked(MINISTACK);
}

#[test]
fn what_is_locked_stays_on_rgw() {
    locked(RGW);
}

/// What lies over a name: a mark that hides it, or other bytes.
#[derive(Clone, Copy, Debug)]
enum Cover {
    Marker,
    Bytes,
}

use Cover::{Bytes, Marker};

/// What is covered, below which prefixes, whether only the last name of each, and whether a run
/// reads it, and so has to say so.
type Attack = (Cover, &'static [&'static str], bool, bool);

const ATTACKS: [Attack; 9] = [
    // What is left looks like a log that was just begun.
    (Marker, &["log/claim/00000000000000000001", "log/checkpoint", "log/tile/"], false, true),
    (Marker, &["log/claim/"], true, true),
    (Bytes, &["log/claim/"], true, true),
    (Marker, &["log/"], false, true),
    (Bytes, &["log/"], false, true),
    (Marker, &["manifests/", "segments/"], true, false),
    (Bytes, &["manifests/", "segments/"], true, false),
    (Marker, &["keys/"], false, true),
    (Bytes, &["keys/"], false, true),
];

/// Lays something over a name; tells the version that does.
fn cover(bench: &Bench, key: &ObjectKey, with: Cover) -> VersionId {
    let bucket = bench.bucket();
    match with {
        Marker => {
            bucket.try_delete(key, None, false).unwrap();
            let versions = bucket.list_versions(key.as_str()).unwrap();
            versions.into_iter().find(|one| one.is_latest && one.is_delete_marker).unwrap().version
        }
        Bytes => {
            let how = PutOptions { lock: None, create_only: false, sha256: Digest::of(b"other") };
            bucket.put(key, b"other", &how).unwrap()
        }
    }
}

/// The names that an attack is on.
fn attacked(bench: &Bench, prefixes: &[&str], last: bool) -> Vec<ObjectKey> {
    let of_prefix = |prefix: &&str| {
        let listed = bench.bucket().list(prefix, None, usize::MAX).unwrap();
        let skipped = if last { listed.len() - 1 } else { 0 };
        listed.into_iter().skip(skipped).map(|one| one.key).collect::<Vec<_>>()
    };
    prefixes.iter().flat_map(of_prefix).collect()
}

/// Requires that whatever keeps a verdict from `PASS` is about one of `names`.
fn must_name_only(verified: &Output, names: &[&str], what: &str) {
    let Value::Object(report) = verified.json() else { panic!("{verified:?}") };
    let Some(Value::Array(findings)) = report.get("findings") else { panic!("{report:?}") };
    for finding in findings {
        let Value::Object(finding) = finding else { panic!("{finding:?}") };
        let is = |name, text| finding.get(name) == Some(&Value::Text(String::from(text)));
        let faulty = is("result", "FAIL") || is("result", "NOT PROVEN");
        assert!(!faulty || names.iter().any(|name| is("object", name)), "{what}: {finding:?}");
    }
}

/// The archive gives a source back; what was said meanwhile.
fn must_give_back(bench: &Bench, name: &str, what: &str) -> String {
    let output = bench.run(&["cat", "--origin", &format!("file:{name}")]).expect(0);
    let source = fs::read(bench.path().join("events").join(name)).unwrap();
    assert!(output.stdout == source, "{what}: {name}");
    output.stderr
}

/// Something lies over locked objects: a run goes on with what is true, and nothing is lost, doubled
/// or forked, while it lies there and when it is gone.
fn covered(server: Server) {
    let Some(bench) = Bench::with_archive(server) else { return };
    for (with, prefixes, last, is_read) in ATTACKS {
        let what = format!("{}: {with:?} over {prefixes:?}", server.name);
        let keys = attacked(&bench, prefixes, last);
        let covers: Vec<_> = keys.iter().map(|key| cover(&bench, key, with)).collect();
        let names: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        let is_told = |said: &str| names.iter().any(|name| said.contains(*name));
        let log = bench.path().join("events/app.ndjson");
        let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
        writeln!(log, "{{\"attack\":\"{}\"}}", keys.len()).unwrap();
        let sealed = bench.archive();
        assert_eq!(sealed.code, 0, "{what}: {}", sealed.stderr);
        assert_eq!(sealed.number("events_sealed"), 1, "{what}");
        assert_eq!(is_told(&sealed.stderr), is_read, "{what}: {}", sealed.stderr);
        let said = must_give_back(&bench, "app.ndjson", &what);
        assert!(is_told(&said), "{what}: {said}");
        let verified = bench.run(&["verify", "--deep", "--json"]).expect(1);
        must_name_only(&verified, &names, &what);
        for (key, version) in keys.iter().zip(&covers) {
            bench.bucket().try_delete(key, Some(version), false).unwrap();
        }
    }
    bench.run(&["verify", "--deep"]).expect(0);
    must_give_back(&bench, "audit.log", server.name);
}

#[test]
fn a_run_goes_on_beneath_what_lies_over_a_name_on_ministack() {
    covered(MINISTACK);
}

#[test]
fn a_run_goes_on_beneath_what_lies_over_a_name_on_rgw() {
    covered(RGW);
}
