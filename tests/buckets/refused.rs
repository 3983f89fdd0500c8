//! Buckets that cannot be used: one clear answer, and nothing written.

use std::fs;
use std::thread;
use std::time::Duration;

use strongroom_archiver::limits::Limits;
use strongroom_archiver::store::LockedStore as _;
use strongroom_tests::program::strongroom_with;

use super::made::Owner;
use super::{BUCKET, Bench, MINISTACK, RGW, Server, say};

#[test]
fn a_store_without_a_fence_needs_a_declared_single_writer() {
    let Some(bench) = Bench::on(RGW) else { return };
    let undeclared = bench.url.replace("&single_writer=true", "");
    let bench = Bench { url: undeclared, ..bench };
    let refused = bench.run(&["init", "--environment", "test"]).expect(2);
    assert!(refused.stderr.contains("ignores If-None-Match"), "{}", refused.stderr);
    assert!(refused.stderr.contains("single_writer=true"), "{}", refused.stderr);
    assert!(!bench.path().join("archive.key").exists(), "a key was made");
}

#[test]
fn refused_credentials_are_named() {
    let Some(bench) = Bench::with_archive(RGW) else { return };
    let place = ["--to", &bench.url, "--key", "archive.key"];
    for (variables, expected) in [
        ([("AWS_SECRET_ACCESS_KEY", "another secret")], "SignatureDoesNotMatch"),
        ([("AWS_ACCESS_KEY_ID", "NOBODY")], "InvalidAccessKeyId"),
    ] {
        let arguments = [&["archive"], &place[..], &["--stream", "events", "events"]].concat();
        let refused = strongroom_with(bench.path(), &arguments, &variables).expect(2);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("next: check credentials and permissions"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn what_is_not_there_is_named() {
    let Some(bench) = Bench::with_archive(MINISTACK) else { return };
    let elsewhere = |from: &str, to: &str| {
        let url = bench.url.replace(from, to);
        let place = ["--to", url.as_str(), "--key", "archive.key"];
        let arguments = [&["status"], &place[..]].concat();
        strongroom_with(bench.path(), &arguments, &[]).expect(2).stderr
    };
    let no_bucket = elsewhere(BUCKET, "strongroom-nowhere");
    assert!(no_bucket.contains("the bucket is not there"), "{no_bucket}");
    let no_archive = elsewhere(&format!("{BUCKET}/"), &format!("{BUCKET}/nothing-"));
    assert!(no_archive.contains("no archive at"), "{no_archive}");
}

#[test]
fn a_store_that_does_not_answer_is_tried_again_later() {
    let Some(bench) = Bench::with_archive(MINISTACK) else { return };
    let endpoint = MINISTACK.endpoint().unwrap();
    // Nothing listens on the port of `discard`.
    let url = bench.url.replace(&endpoint, "http://127.0.0.1:9");
    let arguments = ["archive", "--to", &url, "--key", "archive.key", "--stream", "e", "events"];
    let failed = strongroom_with(bench.path(), &arguments, &[]).expect(75);
    assert!(failed.stderr.contains("unavailable"), "{}", failed.stderr);
}

/// The keys of all versions at an archive's place.
fn stored(bench: &Bench) -> Vec<String> {
    let versions = bench.bucket().list_versions("").unwrap();
    versions.iter().map(|one| format!("{} {}", one.key, one.version)).collect()
}

/// Requires that a command is refused with a reason and a next step, and that nothing was written.
fn must_refuse(bench: &Bench, arguments: &[&str], reason: &str, next: &str) {
    let before = stored(bench);
    let refused = bench.run(arguments).expect(2);
    let lines: Vec<&str> = refused.stderr.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains(reason), "{}", refused.stderr);
    assert!(lines[1].starts_with("  next: ") && lines[1].contains(next), "{}", refused.stderr);
    assert_eq!(stored(bench), before);
}

const INIT: [&str; 3] = ["init", "--environment", "test"];
const ARCHIVE: [&str; 4] = ["archive", "--stream", "events", "events"];

/// Requires that `doctor` names what is missing and finds the bucket unusable.
fn must_diagnose(bench: &Bench, missing: &[&str]) {
    let found = bench.run(&["doctor"]).expect(1);
    let text = String::from_utf8(found.stdout).unwrap();
    for name in missing {
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        assert!(line.is_some_and(|line| line.contains(" MISSING ")), "{name}: {text}");
    }
    assert!(text.contains("not usable as it is"), "{text}");
}

fn without_lock(server: Server) {
    let Some(owner) = Owner::on(server) else { return };
    let plain = owner.bench("strongroom-tests-plain", false);
    let versioned = owner.bench("strongroom-tests-versioned", false);
    assert!(owner.set_versioning("strongroom-tests-versioned", true));
    for bench in [&plain, &versioned] {
        bench.write_events();
        must_refuse(bench, &INIT, "has no Object Lock", "name another bucket");
        must_refuse(bench, &ARCHIVE, "no archive at", "strongroom init");
        assert_eq!(stored(bench), [""; 0]);
        assert!(!bench.path().join("archive.key").exists(), "a key was made");
    }
    thread::scope(|scope| {
        scope.spawn(|| must_diagnose(&plain, &["versioning", "object-lock"]));
        scope.spawn(|| must_diagnose(&versioned, &["object-lock"]));
    });
}

#[test]
fn a_bucket_without_object_lock_is_refused_on_ministack() {
    without_lock(MINISTACK);
}

#[test]
fn a_bucket_without_object_lock_is_refused_on_rgw() {
    without_lock(RGW);
}

/// A default retention is worth knowing, and no obstacle: what asks for a lock gets that one.
fn locked_by_default(server: Server) {
    let Some(owner) = Owner::on(server) else { return };
    let bench = owner.bench("strongroom-tests-default-lock", true);
    owner.lock_by_default("strongroom-tests-default-lock");
    bench.write_events();
    let made = bench.run(&INIT).expect(0);
    assert!(made.stderr.contains("default retention (GOVERNANCE 1 days)"), "{}", made.stderr);
    assert!(made.stderr.contains("  next: "), "{}", made.stderr);
    bench.archive().expect(0);
    let bucket = bench.bucket();
    // Whole seconds, of the store's time and of a lock.
    let longest = bucket.now().unwrap() + Limits::TEST_LOCK + Duration::from_secs(2);
    for prefix in ["segments/", "manifests/", "log/claim/", "keys/"] {
        let key = bucket.list(prefix, None, 1).unwrap().pop().unwrap().key;
        let lock = bucket.head(&key, None).unwrap().unwrap().lock.unwrap();
        assert!(lock.until <= longest, "{key} is locked until {}", lock.until);
    }
    assert_eq!(bench.run(&["verify", "--deep", "--json"]).expect(0).text("verdict"), "PASS");
    let found = String::from_utf8(bench.run(&["doctor"]).expect(0).stdout).unwrap();
    let line = found.lines().find(|line| line.starts_with("no-default-retention"));
    assert!(line.is_some_and(|line| line.contains(" MISSING ")), "{found}");
}

#[test]
fn a_default_retention_is_named_on_ministack() {
    locked_by_default(MINISTACK);
}

#[test]
fn a_default_retention_is_named_on_rgw() {
    locked_by_default(RGW);
}

#[test]
fn suspended_versioning_stops_a_run() {
    for server in [MINISTACK, RGW] {
        let Some(owner) = Owner::on(server) else { continue };
        let bucket = format!("strongroom-tests-suspended-{}", std::process::id());
        let bench = owner.bench(&bucket, true);
        bench.run(&INIT).expect(0);
        bench.write_events();
        if !owner.set_versioning(&bucket, false) {
            say(&format!("{}: versioning cannot be suspended under Object Lock", server.name));
            bench.archive().expect(0);
            continue;
        }
        must_refuse(&bench, &ARCHIVE, "keeps no versions", "turn the bucket's versioning on");
        must_diagnose(&bench, &["versioning"]);
        let other = owner.bench(&bucket, true);
        must_refuse(&other, &INIT, "keeps no versions", "turn the bucket's versioning on");
        assert!(owner.set_versioning(&bucket, true));
        bench.archive().expect(0);
    }
}

#[test]
fn a_bucket_that_is_not_there_is_made_by_init_alone() {
    for server in [MINISTACK, RGW] {
        let bucket = format!("strongroom-tests-made-{}", std::process::id());
        let Some(bench) = Bench::in_bucket(server, &bucket) else { continue };
        bench.write_events();
        for _ in 0..2 {
            let refused = bench.run(&ARCHIVE).expect(2).stderr;
            assert!(refused.contains("the bucket is not there\n  next: "), "{refused}");
            // The next step can be taken as it is printed.
            assert!(refused.contains(&format!("init --environment test --to '{}'`", bench.url)));
        }
        let made = bench.run(&INIT).expect(0);
        let said = format!("bucket `{bucket}` was made, with Object Lock and versioning");
        assert!(made.stderr.contains(&said), "{}", made.stderr);
        let store = bench.bucket();
        assert_eq!(store.object_lock().unwrap(), (true, None));
        assert!(store.keeps_versions().unwrap());
        bench.archive().expect(0);
    }
}

/// `MiniStack` takes an access key of twelve digits for the account of that number.
#[test]
fn a_bucket_of_another_owner_is_refused() {
    let Some(bench) = Bench::with_archive(MINISTACK) else { return };
    let before = stored(&bench);
    let elsewhere = bench.url.replace(&format!("{BUCKET}/"), &format!("{BUCKET}/other-"));
    let other = [("AWS_ACCESS_KEY_ID", "222222222222")];
    for (url, arguments) in [(&bench.url, &ARCHIVE[..]), (&elsewhere, &INIT)] {
        let place = ["--to", url.as_str(), "--key", "another.key"];
        let arguments = [&arguments[..1], &place, &arguments[1..]].concat();
        let refused = strongroom_with(bench.path(), &arguments, &other).expect(2).stderr;
        assert!(refused.contains("403 AccessDenied"), "{refused}");
        assert!(refused.contains("next: check credentials and permissions"), "{refused}");
    }
    assert!(!bench.path().join("another.key").exists(), "a key was made");
    assert_eq!(stored(&bench), before);
    assert!(fs::exists(bench.path().join("archive.key")).unwrap());
}
