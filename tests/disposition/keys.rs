//! A key that is still locked when the last of its segments is destroyed.

use std::thread::sleep;
use std::time::Duration;

use jiff::SignedDuration;
use strongroom_archiver::store::{Lock, LockMode, ObjectKey};
use strongroom_tests::clock::now;

use super::scene::Scene;

#[test]
fn a_locked_key_is_destroyed_by_a_later_sweep() {
    let scene = Scene::new("keys");
    scene.propose();
    scene.approve("ada", "ada").expect(0);
    scene.approve("ben", "ben").expect(0);
    let names = scene.names("keys/period");
    let key = ObjectKey::new(names[0].as_str()).unwrap();
    let until = now() + SignedDuration::from_secs(20);
    let (log, _) = scene.open(Vec::new());
    let version = log.store().head(&key, None).unwrap().unwrap().version;
    let lock = Lock { mode: LockMode::Governance, until };
    log.store().extend_lock(&key, &version, lock).unwrap();
    drop(log);
    scene.run(&["execute", "batch.json"]).expect(0);
    let shown = scene.run(&["verify", &scene.order()]).expect(0);
    let shown = String::from_utf8(shown.stdout).unwrap();
    // An exception, with its date, to the destruction of what is certified.
    let key = key.as_str();
    for line in ["key           ", "exception     ", "copies        "] {
        let said = shown.lines().find(|found| found.starts_with(&format!("{line}{key}")));
        assert!(said.is_some_and(|said| said.contains(" until ")), "{line}: {shown}");
    }
    assert!(shown.contains("/archive: version delete\n"), "{shown}");
    scene.verify("PASS");
    let destroyed = || {
        let swept = scene.strongroom(&["sweep", "--duty", "remove", "--json"]).expect(0);
        swept.number("keys_destroyed")
    };
    assert_eq!((destroyed(), scene.names("keys/period")), (0, names));
    while now() <= until {
        sleep(Duration::from_millis(250));
    }
    let told = scene.strongroom(&["sweep", "--duty", "remove"]).expect(0).stdout;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("keys        1 key of destroyed segments destroyed\n"), "{told}");
    assert_eq!(destroyed(), 0);
    assert_eq!(scene.names("keys/period"), [""; 0]);
    scene.verify("PASS");
}
