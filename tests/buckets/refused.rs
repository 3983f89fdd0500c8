//! Buckets that cannot be used: one clear answer, and nothing written.

use strongroom_tests::program::strongroom_with;

use super::{BUCKET, Bench, MINISTACK, RGW};

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
        assert!(refused.stderr.contains("next: check the permissions"), "{}", refused.stderr);
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
