//! `policy check`: everything that is wrong with a file at once, and nothing about one that is right.

use strongroom_crypto::json::Value;

use super::scene::{FAR, Scene, codes, list};

const SAMPLE: &str = include_str!("../../retention/sample-policy.yaml");

/// The sample as if it began in the future, with edits.
fn sample(edits: &[(&str, &str)]) -> String {
    let later = [("2027-01-01", FAR), ("review_by: 2027-12-31", "review_by: 2999-12-31")];
    later.iter().chain(edits).fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the sample has no {from:?}");
        text.replacen(from, to, 1)
    })
}

/// The codes that a file is refused for.
fn refused(edits: &[(&str, &str)]) -> Vec<String> {
    let scene = Scene::new("check");
    scene.write("policy.yaml", &sample(edits));
    let output = scene.run(&["policy", "check", "policy.yaml", "--json"]).expect(2);
    codes(&output.json(), "complaints")
}

#[test]
fn the_sample_passes() {
    let scene = Scene::new("check");
    scene.write("policy.yaml", &sample(&[]));
    let plain = scene.run(&["policy", "check", "policy.yaml"]).expect(0);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert!(text.contains("no complaint") && text.contains("digest sha256:"), "{text}");
    assert!(plain.stderr.is_empty(), "{}", plain.stderr);
    let json = scene.run(&["policy", "check", "policy.yaml", "--json"]).expect(0).json();
    assert!(list(&json, "complaints").is_empty() && list(&json, "advice").is_empty());
}

#[test]
fn five_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let scene = Scene::new("check");
    // Not in the order in which they stand.
    let edits = [
        ("reg: pci-dss-10-5-1", "reg: pci-dss-10-7"),
        ("set_max: P10Y", "set_max: 10y"),
        ("zone: Europe/Berlin", "zone: EST"),
        ("lock: compliance", "lokc: compliance"),
        ("roles: [records-manager, legal]", "roles: [legal, legal]"),
    ];
    scene.write("policy.yaml", &sample(&edits));
    let told = ["P006", "P009", "P001", "P015", "P008"];
    let output = scene.run(&["policy", "check", "policy.yaml"]).expect(2);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    let mut places = Vec::new();
    for (line, code) in text.lines().zip(told) {
        let parts: Vec<&str> = line.splitn(4, ':').collect();
        let [file, at, column, message] = parts[..] else { panic!("{line}") };
        assert!(file == "policy.yaml" && message.starts_with(&format!(" {code} ")), "{line}");
        assert!(message.contains("; write "), "{line}");
        places.push((at.parse::<usize>().unwrap(), column.parse::<usize>().unwrap()));
    }
    assert!(places.is_sorted_by(|one, next| one.0 < next.0), "{places:?}");
    assert!(output.stderr.contains("5 complaints"), "{}", output.stderr);
    let json = scene.run(&["policy", "check", "policy.yaml", "--json"]).expect(2).json();
    assert_eq!(codes(&json, "complaints"), told);
    let lines = list(&json, "complaints").into_iter().map(|one| match one {
        Value::Object(members) => match members.get("line") {
            Some(Value::Int(line)) => usize::try_from(line.get()).unwrap(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    });
    let places = places.into_iter().map(|(line, _)| line);
    assert_eq!(lines.collect::<Vec<_>>(), places.collect::<Vec<_>>());
}

#[test]
fn each_bad_policy_is_refused_with_its_code() {
    let pci = "reg: pci-dss-10-5-1";
    let tax = "reg: de-ao-147-buchungsbelege";
    for (code, from, to) in [
        ("P001", "pci-dss-10-5-1\n", "pci-dss-10-5-1\n        retian_min: P1Y\n"),
        ("P002", "version: 1 ", "version: 0 "),
        ("P003", "version: 1 ", "version: 2 "),
        ("P004", FAR, "2020-01-01"),
        ("P005", "digest: sha256:", "digest: sha256:0"),
        ("P006", "zone: Europe/Berlin", "zone: EST"),
        ("P006", "zone: Europe/Berlin", "zone: Mars/Olympus"),
        ("P007", "\"12-31\"", "\"02-29\""),
        ("P009", "[records-manager, legal]", "[legal, legal]"),
        ("P009", "two_person", "one_person"),
        ("P010", "id: vouchers", "id: card-access"),
        ("P012", "match: {stream: [payments-access]}", "match: {}"),
        ("P013", "{stream: [ledger-postings]}", "{stream: [payments-access]}"),
        ("P014", "segment: {max_span: PT24H}", "segment: {}"),
        ("P015", pci, "reg: pci-dss-10-7"),
        ("P016", pci, "reg: us-omb-m-21-31"),
        ("P017", tax, "reg: us-sox-itgc-logs"),
        ("P018", pci, "reg: pci-dss-10-5-1\n        set_min: P365D\n        rationale: a year"),
        ("P019", tax, "reg: us-hipaa-164-316"),
        ("P020", pci, "reg: eu-dora-2024-1774-12"),
        ("P021", "        rationale: Twelve months to find misuse and six to examine it\n", ""),
        ("P022", tax, "reg: us-sec-17a-4-b"),
        ("P023", "max_lock: P12Y", "max_lock: P6M"),
        ("P024", pci, "reg: us-sec-17a-4-b"),
        (
            "P026",
            "set_max: P18M",
            "set_max: P18M\n        decision: {code: C3, resolve: keep, approved_by: [dpo], review_by: 2999-12-31}",
        ),
        ("P027", "owner: records", "owner: jane.doe@example.org"),
        ("P030", "owner: records", "owner: records\n  name: again"),
        ("P031", "owner: records", "owner: &who records"),
        ("P032", "[eu-central-1]", "[NO]"),
        ("P035", "id: vouchers", "id: v\u{43e}uchers"),
        ("C1", "set_max: P18M", "set_max: P6M"),
        ("C3", pci, "reg: us-nydfs-500-06-cyber"),
        ("C4", tax, "reg: in-dpdp-8-3"),
        ("C5", "set_max: P18M", "set_max: P13M"),
    ] {
        let codes = refused(&[(from, to)]);
        assert!(codes.iter().any(|found| found == code), "{code} {to:?}: {codes:?}");
    }
    let gone = [
        ("      - reg: eu-gdpr-5-1-e\n        set_max: P10Y\n", ""),
        (
            "        rationale: The tax law's eight years from the end of the year, and one for open assessments\n",
            "",
        ),
    ];
    assert_eq!(refused(&gone), ["P025"]);
    assert_eq!(
        refused(&[(&format!("citations:\n      - {pci}"), "citations: []\n    x:\n      - a: b")]),
        ["P011", "P001"]
    );
}

#[test]
fn what_is_no_period_is_refused() {
    for period in [
        "6y", "6 years", "P", "PT", "P-1Y", "P1.5Y", "P6M0", "p6m", "365", "P1Y2", "PT8760H",
        "\"P6Y \"",
    ] {
        let wrong = format!("max_lock: {period}");
        assert_eq!(refused(&[("max_lock: P12Y", &wrong)]), ["P008"], "{period}");
    }
}

#[test]
fn a_rule_that_leaves_its_period_to_the_policy_wants_a_number_whatever_its_weight() {
    let check = |number: &str, code: i32| {
        let cited = format!("reg: us-nist-800-92\n        accepted_by: [legal]{number}");
        let scene = Scene::new("check");
        scene.write("policy.yaml", &sample(&[("reg: pci-dss-10-5-1", &cited)]));
        let checked = scene.run(&["policy", "check", "policy.yaml", "--json"]).expect(code);
        codes(&checked.json(), "complaints")
    };
    assert_eq!(check("", 2), ["P020"]);
    assert_eq!(check("\n        set_min: P90D", 2), ["P021"]);
    let nothing: [&str; 0] = [];
    assert_eq!(check("\n        set_min: P90D\n        rationale: our risk analysis", 0), nothing);
}
