//! Who decides in an archive of production, and what the recovery key may do.

use strongroom_tests::officers::Officer;
use strongroom_tests::program::{Output, strongroom};
use strongroom_tests::temp::TempDir;

const ADA: Officer = Officer { id: "ada", role: "records", seed: 1 };
const BEN: Officer = Officer { id: "ben", role: "legal", seed: 2 };
const CY: Officer = Officer { id: "cy", role: "legal", seed: 3 };
const SAFE: Officer = Officer { id: "safe", role: "recovery", seed: 4 };

struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new("officers"))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let to = format!("file://{}/archive", self.0.path().display());
        strongroom(self.0.path(), &[arguments, &["--to", &to]].concat())
    }

    fn init(&self, officers: &[Officer]) -> Output {
        let mut arguments = vec!["init".to_owned(), "--environment=production".to_owned()];
        arguments
            .extend(officers.iter().map(|one| format!("--officer={}", one.write(self.0.path()))));
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn signed(&self, arguments: &[&str], by: Officer) -> Output {
        self.run(&[arguments, &["--officer", by.id, "--officer-key", by.id]].concat())
    }

    fn verified(&self) -> String {
        let found = self.run(&["verify"]).expect(0);
        String::from_utf8(found.stdout).unwrap()
    }
}

#[test]
fn production_takes_three_officers_or_two_and_a_recovery_key() {
    let bench = Bench::new();
    let few = bench.init(&[ADA, BEN]).expect(2);
    assert!(few.stderr.contains("at least 3 officers in two roles"), "{}", few.stderr);
    let alone = bench.init(&[ADA, SAFE]).expect(2);
    assert!(alone.stderr.contains("at least 2 officers in two roles"), "{}", alone.stderr);
    bench.init(&[ADA, BEN, SAFE]).expect(0);
}

#[test]
fn the_recovery_key_waits_a_week_and_raises_an_alarm() {
    let bench = Bench::new();
    bench.init(&[ADA, BEN, SAFE]).expect(0);
    let newcomer = CY.write(bench.0.path());
    let add = ["officers", "add", newcomer.as_str()];
    assert!(!bench.verified().contains("ALARM"));
    bench.signed(&add, SAFE).expect(0);
    assert!(bench.verified().contains("ALARM: the recovery key signed a change of officers"));
    // It stands beside one officer, and not yet.
    bench.signed(&add, ADA).expect(0);
    let early = bench.signed(&add, ADA).expect(2);
    assert!(early.stderr.contains("seven days after"), "{}", early.stderr);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0);
    assert!(!String::from_utf8(listed.stdout).unwrap().contains("\"id\":\"cy\""));
    // It approves nothing else, because it is no officer's.
    let hold = ["hold", "place", "m-1", "--matter", "m", "--standing"];
    let refused = bench.signed(&hold, SAFE).expect(2);
    let recorded = "no officer signed (refused, recorded in entry 4)";
    assert!(refused.stderr.contains(recorded), "{}", refused.stderr);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let refused = r#""entry":4,"officer":"safe","signed":true,"why":"no officer signed""#;
    assert!(listed.contains(refused), "{listed}");
    // Two officers need no recovery.
    bench.signed(&add, BEN).expect(0);
    let listed = bench.run(&["officers", "list", "--json"]).expect(0);
    assert!(String::from_utf8(listed.stdout).unwrap().contains("\"id\":\"cy\""));
    assert!(!bench.verified().contains("ALARM"));
}
