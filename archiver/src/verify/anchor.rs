//! What an auditor brings along: the verifier key, the digest of the first entry, the key file.
//!
//! A first claim is signed by a key that it registers itself. Whoever can write to the store can make one, so that it is
//! believed only as far as it is what the auditor already knows.

use strongroom_crypto::entry::LogOpen;
use strongroom_crypto::keys::KeyFile;

use super::fold::Fold;
use super::{Audit, Mark};
use crate::log::role_keys;

const FIRST: &str = "entry 0";

/// Compares the first entry with everything that is at hand.
pub(super) fn check(audit: &Audit<'_>, fold: &Fold) {
    let Some(opening) = &fold.opening else {
        return audit.note("fold", FIRST, Mark::NotProven, "the first entry cannot be had");
    };
    let fail = |check, detail: String| audit.note(check, FIRST, Mark::Fail, detail);
    let vkey = audit.options.vkey;
    if opening.log_vkey != vkey.to_string() {
        fail(
            "vkey",
            format!("the log names the verifier key `{}`, not the one given", opening.log_vkey),
        );
    } else if vkey.name() != format!("strongroom/{}", opening.archive_id) {
        fail("vkey", format!("the key's name is not that of {}", opening.archive_id));
    }
    compare_digest(audit, fold);
    if let Some(keys) = audit.options.key_file {
        compare_keys(audit, opening, keys);
    }
    if opening.store != audit.store.url() {
        let detail = format!("the archive lives in `{}`: this is a copy", opening.store);
        audit.note("store", FIRST, Mark::Info, detail);
    }
}

/// One finding in place of many: nothing of a log can be judged with another log's verifier key.
pub(super) fn check_stranger(audit: &Audit<'_>, fold: &Fold, opening: &LogOpen) {
    let detail = format!(
        "the verifier key given is not this log's: it signed no checkpoint here, and the log names `{}`",
        opening.log_vkey
    );
    audit.note("vkey", FIRST, Mark::Fail, detail);
    if audit.options.log_open.is_some() {
        compare_digest(audit, fold);
    }
}

fn compare_digest(audit: &Audit<'_>, fold: &Fold) {
    match (audit.options.log_open, fold.log_open_sha256) {
        (Some(known), Some(found)) if known != found => {
            let detail = format!("its digest is {found}, not the one given: this is another log");
            audit.note("log-open", FIRST, Mark::Fail, detail);
        }
        (None, _) if audit.options.key_file.is_none() => {
            let detail =
                "its digest was not compared: give the one that `init` printed with `--log-open`";
            audit.note("log-open", FIRST, Mark::Info, detail);
        }
        _ => {}
    }
}

/// A log registers exactly the role keys of the key file that it was made with.
fn compare_keys(audit: &Audit<'_>, opening: &LogOpen, keys: &KeyFile) {
    let fail = |detail: &str| audit.note("log-open", FIRST, Mark::Fail, detail);
    if opening.keys != role_keys(keys) {
        fail("it does not register the role keys of the key file: this log was made with others");
    }
    let log = keys.log().verifier();
    if log != audit.options.vkey && opening.log_vkey != log.to_string() {
        fail("it does not name the log key of the key file");
    }
}
