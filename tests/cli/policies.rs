//! The policies under `infra/aws` are those that the program prints.

use std::{fs, path::Path};

use strongroom_tests::{program::strongroom, temp::TempDir};

use super::transcript::{assert_same, blessing};

const DUTIES: [&str; 6] = ["archive", "lock", "hold", "remove", "verify", "audit"];
/// What the samples are for: the store of `infra/kubernetes/base/strongroom.yaml`.
const STORE: &str = "s3://example-audit-archive/kubernetes";
const ACCOUNT: &str = "123456789012";

fn printed(arguments: &[&str]) -> String {
    let temp = TempDir::new("policies");
    let place = ["duties", "--to", STORE, "--settle", "P7D", "--max-lock", "P3650D"];
    let output = strongroom(temp.path(), &[&place[..], arguments].concat()).expect(0);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_policies_are_those_of_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/aws");
    let key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/strongroom");
    let roles = DUTIES.map(|duty| format!("{duty}=arn:aws:iam::{ACCOUNT}:role/strongroom-{duty}"));
    let mut bucket = vec!["--bucket-policy"];
    bucket.extend(roles.iter().flat_map(|role| ["--principal", role]));
    let mut policies = vec![("bucket-policy.json".to_owned(), printed(&bucket))];
    policies.extend(DUTIES.map(|duty| {
        (format!("role-{duty}.json"), printed(&["--iam-policy", duty, "--kms-key", &key]))
    }));
    let mut differences = Vec::new();
    for (name, policy) in policies {
        if blessing() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(&name), &policy).unwrap();
        }
        if fs::read_to_string(folder.join(&name)).ok().as_ref() != Some(&policy) {
            differences.push(name);
        }
    }
    assert_same(&differences);
}
