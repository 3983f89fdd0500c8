//! Duties as credentials of their own, on a store that has permissions: each may do what
//! `infra/duties.yaml` lists and nothing else, and its work is done with that.

use std::env;

use jiff::SignedDuration;
use strongroom_archiver::store::{Lock, LockMode, LockedStore as _, ObjectKey, PutOptions};
use strongroom_crypto::Digest;
use strongroom_crypto::json::Value;
use strongroom_tests::program::{Output, strongroom, strongroom_with};

use super::doctor::results;
use super::made::Owner;
use super::{Bench, MINISTACK, RGW, Server, say};

/// In the order in which canaries are put, held and tried.
const DUTIES: [&str; 6] = ["archive", "hold", "lock", "remove", "verify", "audit"];

/// Objects of the places that a new archive has nothing in: what is not there cannot be locked or held.
const EMPTY: [&str; 6] = [
    "inbox/access/1",
    "lists/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
    "policies/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.yaml",
    "catalogues/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.yaml",
    "certificates/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json",
    "records/1",
];

/// Runs a command with the credentials of a duty: those that `tests/servers/rgw` gives to its user.
pub(crate) fn run_as(bench: &Bench, duty: &str, arguments: &[&str]) -> Output {
    let of = |name: &str| format!("{}-{duty}", env::var(name).unwrap());
    let (id, secret) = (of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"));
    let variables =
        [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    let place = ["--to", &bench.url, "--key", "archive.key"];
    let (command, rest) = arguments.split_first().unwrap();
    strongroom_with(bench.path(), &[&[*command], &place[..], rest].concat(), &variables)
}

/// The policy of the bucket that gives each duty to the user of its name.
pub(crate) fn policy(bench: &Bench) -> String {
    let principals = DUTIES.map(|duty| format!("{duty}=arn:aws:iam:::user/{duty}"));
    let mut arguments = vec![
        "duties",
        "--bucket-policy",
        "--to",
        &bench.url,
        "--settle",
        "PT10M",
        "--max-lock",
        "P3650D",
    ];
    for principal in &principals {
        arguments.extend(["--principal", principal]);
    }
    String::from_utf8(strongroom(bench.path(), &arguments).expect(0).stdout).unwrap()
}

/// An archive with one object in every place, in a bucket of its own with a policy.
fn archive_under_policy(bucket: &str, change: impl Fn(String) -> String) -> Option<Bench> {
    let owner = Owner::on(RGW)?;
    let bench = owner.bench(bucket, true);
    bench.run(&["init", "--environment", "test"]).expect(0);
    bench.write_events();
    bench.archive().expect(0);
    let store = bench.bucket();
    let until = store.now().unwrap() + SignedDuration::from_mins(5);
    let lock = Some(Lock { mode: LockMode::Governance, until });
    let how = PutOptions { lock, create_only: true, sha256: Digest::of(b"read") };
    for name in EMPTY {
        store.put(&ObjectKey::new(name).unwrap(), b"read", &how).unwrap();
    }
    owner.put_policy(bucket, &change(policy(&bench)));
    Some(bench)
}

/// Names of an answer's list that have a result.
fn names(answer: &Value, list: &str, result: &str) -> Vec<String> {
    let named = results(answer, list).into_iter().filter(|(_, found)| found == result);
    named.map(|(name, _)| name).collect()
}

#[test]
fn every_duty_may_do_what_is_listed_and_nothing_else() {
    let Some(bench) = archive_under_policy("strongroom-duties-listed", |policy| policy) else {
        return;
    };
    for duty in DUTIES {
        let answer = run_as(&bench, duty, &["doctor", "--duty", duty, "--json"]).expect(0).json();
        let of = |result| names(&answer, "permissions", result);
        // What this server cannot say in a policy, or does not ask for.
        let unproven: &[&str] = match duty {
            "archive" | "remove" => &[
                "s3:PutObject with a lock records/",
                "s3:PutObjectRetention beyond the longest lock",
            ],
            "audit" => &["s3:PutObject with a lock inbox/"],
            _ => &[],
        };
        assert_eq!(of("NOT PROVEN"), unproven, "{duty}");
        assert_eq!((of("MISSING"), of("EXCESS")), (Vec::new(), Vec::new()), "{duty}");
        let held = of("holds");
        assert!(held.iter().any(|name| name == "s3:BypassGovernanceRetention"), "{duty}: {held:?}");
        say(&format!(
            "{}: duty {duty}: {} permissions as listed, NOT PROVEN {unproven:?}",
            RGW.name,
            held.len()
        ));
        // 5 on the bucket, 10 in 11 places, the one that undoes locks, and that a hold can be set.
        assert_eq!(held.len(), 5 + 10 * 11 + 1 + usize::from(duty == "hold"), "{duty}");
    }
}

#[test]
fn every_duty_does_its_work_and_no_others() {
    let Some(bench) = archive_under_policy("strongroom-duties-work", |policy| policy) else {
        return;
    };
    std::fs::write(bench.path().join("events/more.ndjson"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    let archive = ["archive", "--stream", "events", "--json", "events"];
    for duty in ["verify", "audit", "hold", "lock", "remove"] {
        let refused = run_as(&bench, duty, &archive).expect(2);
        assert!(refused.stderr.contains("this takes s3:"), "{duty}: {}", refused.stderr);
    }
    assert_eq!(run_as(&bench, "archive", &archive).expect(0).number("events_sealed"), 2);
    for duty in ["lock", "hold", "remove"] {
        run_as(&bench, duty, &["sweep", "--duty", duty]).expect(0);
    }
    let verified = run_as(&bench, "verify", &["verify", "--deep", "--json"]).expect(0);
    assert_eq!(verified.text("verdict"), "PASS");
    let bytes = run_as(&bench, "audit", &["cat", "--origin", "file:more.ndjson"]).expect(0).stdout;
    assert_eq!(bytes, b"{\"n\":1}\n{\"n\":2}\n");

    // Under the policy nothing breaks a lock, and the log says so: the second time as the first.
    for duty in ["archive", "hold", "remove", "archive", "hold", "remove"] {
        if duty != "remove" {
            run_as(&bench, duty, &["doctor", "--duty", duty]).expect(0);
            continue;
        }
        let attested = run_as(&bench, "remove", &["doctor", "--attest", "--json"]).expect(0).json();
        let of = |result| names(&attested, "checks", result);
        assert_eq!((of("BROKEN"), of("held").len()), (Vec::new(), 22));
        // This server judges a request for many objects by the bucket, where duty `remove` has nothing.
        let unproven = of("NOT PROVEN");
        assert!(unproven.iter().all(|name| name.starts_with("bulk-delete-")), "{unproven:?}");
        assert_eq!(unproven.len(), 4);
    }
    let verified = run_as(&bench, "verify", &["verify", "--json"]).expect(0);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(said.contains("22 checks withstood; not proven: bulk-delete-"), "{said}");
}

/// Who may not delete is refused everything, and that proves nothing.
#[test]
fn a_refusal_proves_nothing_to_who_may_not_delete() {
    let Some(bench) = archive_under_policy("strongroom-duties-control", |policy| policy) else {
        return;
    };
    let attested = run_as(&bench, "archive", &["doctor", "--attest", "--json"]).expect(1).json();
    let unproven = names(&attested, "checks", "NOT PROVEN");
    for check in ["delete-unlocked", "delete-governance", "bypass-compliance", "bulk-delete-held"] {
        assert!(unproven.iter().any(|name| name == check), "{check}: {unproven:?}");
    }
    // Nor may it sign for duty `remove` where it cannot write the log.
    run_as(&bench, "verify", &["doctor", "--attest"]).expect(2);
}

/// Without one of its permissions a duty ends with the permission's name: nothing looks unlocked.
#[test]
fn a_missing_permission_is_named() {
    let without = |action: &'static str| {
        move |policy: String| {
            policy.replace(&format!("\"{action}\",\n"), "").replace(
                // Where it stands last.
                &format!(",\n        \"{action}\"\n"),
                "\n",
            )
        }
    };
    let cases = [
        ("s3:GetObjectRetention", "verify", &["verify"][..]),
        ("s3:GetObjectRetention", "archive", &["archive", "--stream", "events", "events"]),
        ("s3:GetObjectLegalHold", "hold", &["sweep", "--duty", "hold"]),
        ("s3:ListBucketVersions", "verify", &["verify"]),
    ];
    for (number, (action, duty, arguments)) in cases.into_iter().enumerate() {
        let bucket = format!("strongroom-duties-missing-{number}");
        let Some(bench) = archive_under_policy(&bucket, without(action)) else { return };
        std::fs::write(bench.path().join("events/more.ndjson"), "{\"n\":1}\n").unwrap();
        let refused = run_as(&bench, duty, arguments).expect(2);
        assert!(refused.stderr.contains(action), "{duty} without {action}: {}", refused.stderr);
        let examined = run_as(&bench, duty, &["doctor", "--duty", duty, "--json"]).expect(1).json();
        let missing = names(&examined, "permissions", "MISSING");
        assert!(missing.iter().all(|name| name.starts_with(action)), "{missing:?}");
        assert!(!missing.is_empty());
    }
}

/// A permission too many is a finding.
#[test]
fn an_excess_permission_is_found() {
    let more = |policy: String| {
        let only = "\"Sid\": \"VerifyOnly";
        assert!(policy.contains(only), "{policy}");
        // The deny of what duty `verify` has no need of, pointed at somebody else.
        let mut statements = policy.split("    {\n").map(str::to_owned).collect::<Vec<_>>();
        for statement in statements.iter_mut().filter(|one| one.contains(only)) {
            *statement = statement.replace("user/verify", "user/nobody");
        }
        statements.join("    {\n").replacen(
            "\"s3:GetObjectLegalHold\"",
            "\"s3:GetObjectLegalHold\", \"s3:DeleteObjectVersion\"",
            usize::MAX,
        )
    };
    let Some(bench) = archive_under_policy("strongroom-duties-excess", more) else { return };
    run_as(&bench, "archive", &["doctor", "--duty", "archive"]);
    let examined =
        run_as(&bench, "verify", &["doctor", "--duty", "verify", "--json"]).expect(1).json();
    let found = names(&examined, "permissions", "EXCESS");
    let places = [
        "index/",
        "segments/",
        "manifests/",
        "keys/",
        "log/",
        "inbox/",
        "lists/",
        "policies/",
        "catalogues/",
        "certificates/",
        "records/",
    ];
    assert_eq!(found, places.map(|place| format!("s3:DeleteObjectVersion {place}")));
}

/// Without a policy the owner undoes locks of mode GOVERNANCE: found, signed, and said by `verify`.
fn attested_by_the_owner(server: Server) {
    let Some(bench) = Bench::with_archive(server) else { return };
    let answer = bench.run(&["doctor", "--attest", "--json"]).expect(1).json();
    let broken = [
        "bypass-governance",
        "bulk-delete-governance",
        "bypass-shorten-governance",
        "release-held",
    ];
    assert_eq!(names(&answer, "checks", "BROKEN"), broken, "{}", server.name);
    assert_eq!(names(&answer, "checks", "held").len(), 22, "{}", server.name);
    say(&format!("{}: attested by the owner: broken {broken:?}", server.name));
    let said = String::from_utf8(bench.run(&["verify", "--json"]).expect(0).stdout).unwrap();
    assert!(said.contains("BROKEN by: bulk-delete-governance, bypass-governance"), "{said}");
}

#[test]
fn what_the_owner_can_undo_is_attested_on_rgw() {
    attested_by_the_owner(RGW);
}

#[test]
fn what_the_owner_can_undo_is_attested_on_ministack() {
    attested_by_the_owner(MINISTACK);
}
