//! What a report that cannot be made says.

use strongroom_tests::program::strongroom;

use crate::scene::{PRICES, Scene};

#[test]
fn a_wrong_table_of_prices_is_explained() {
    let scene = Scene::new("report-prices", "PT10M");
    let cost = ["report", "cost", "--prices", "bad.yaml"];
    let missing = scene.run(&cost).expect(2);
    assert!(missing.stderr.contains("cannot read `bad.yaml`"), "{}", missing.stderr);
    for (from, to, why) in [
        ("CHF", "francs", "`currency` is `francs`, expected a currency's three letters"),
        ("20000", "2 cents", "`storage.STANDARD` is `2 cents`, expected a price such as `0.02`"),
        ("  put: 10\n", "", "missing field `put`"),
        ("version: 1", "version: 1\nvat: 8", "unknown field `vat`"),
    ] {
        scene.write("bad.yaml", &PRICES.replace(from, to));
        let refused = scene.run(&cost).expect(2);
        let said = &refused.stderr;
        assert!(said.contains("`bad.yaml`") && said.contains(why), "{said}");
        assert!(said.contains("next: correct the table of prices"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    let other = ["report", "cost", "--prices", "prices.yaml", "--storage-class", "ICE"];
    let refused = scene.run(&other).expect(2);
    let why = "no storage class `ICE`, only COLD, STANDARD";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
}

#[test]
fn the_sample_table_of_prices_is_good() {
    let scene = Scene::new("report-sample", "PT10M");
    scene.seal("app", "app.ndjson", "{\"n\":1}\n");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/prices.yaml");
    scene.run(&["report", "cost", "--prices", sample]).expect(0);
    scene.run(&["report", "cost", "--prices", sample, "--storage-class", "COLD"]).expect(0);
}

#[test]
fn without_an_archive_there_is_no_report() {
    let scene = Scene::new("report-nowhere", "PT10M");
    let nowhere = format!("file://{}/nowhere", scene.folder().display());
    for report in ["retention", "holds", "coverage", "dispositions", "pci-10.5.1"] {
        let said = strongroom(scene.folder(), &["report", report, "--to", &nowhere]).expect(2);
        assert!(said.stderr.contains("no archive at"), "{}", said.stderr);
        assert!(said.stderr.contains("next: "), "{}", said.stderr);
    }
    let both = scene.run(&["report", "holds", "--csv", "--json"]).expect(2);
    assert!(both.stderr.contains("cannot be used with"), "{}", both.stderr);
}
