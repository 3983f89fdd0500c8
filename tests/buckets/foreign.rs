//! What another client does to a bucket, and what `verify` says of it.

use strongroom_archiver::store::{LockedStore as _, ObjectKey, PutOptions, StoreError};
use strongroom_crypto::Digest;

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
