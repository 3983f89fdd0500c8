//! Compressed files that cannot be decoded: each run says so, and they are kept as they are when that is asked for.

use std::{fs, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use strongroom_crypto::json::{self, Value};
use strongroom_tests::program::{Output, strongroom};

use super::Bench;

/// The strings of a list of the JSON output.
pub(super) fn list(output: &Output, name: &str) -> Vec<String> {
    let Value::Object(members) = output.json() else { panic!() };
    let Some(Value::Array(items)) = members.get(name) else { panic!("no list `{name}`") };
    let text = |item: &Value| match item {
        Value::Text(text) => text.clone(),
        other => panic!("`{name}` has {other:?}"),
    };
    items.iter().map(text).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Archives one file or directory as a stream.
pub(super) fn archive(bench: &Bench, stream: &str, format: &str, path: &str) -> Output {
    let arguments =
        ["archive", "--to", &bench.store, "--json", "--stream", stream, "--format", format, path];
    strongroom(bench.path(), &arguments)
}

fn cat(bench: &Bench, stream: &str, origin: &str) -> Vec<u8> {
    let arguments = ["cat", "--to", &bench.store, "--stream", stream, "--origin", origin];
    strongroom(bench.path(), &arguments).expect(0).stdout
}

#[test]
fn what_cannot_be_decoded_is_complained_of_until_it_is_kept_as_it_is() {
    let bench = Bench::new();
    let lines = "{\"event\":1}\n".repeat(3_000);
    let whole = gzip(lines.as_bytes());
    let mut flipped = whole.clone();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    let zstd = zstd::encode_all(lines.as_bytes(), 3).unwrap();
    let cases = [
        ("garbage", [&whole[..], b"garbage"].concat(), "is damaged gzip data"),
        ("crc", flipped, "is damaged gzip data"),
        ("cut", whole[..whole.len() - 20].to_vec(), "ends in the middle of its gzip data"),
        ("zstd", [&zstd[..], b"garbage"].concat(), "is damaged zstd data"),
    ];
    for (name, bytes, said) in cases {
        fs::create_dir(bench.path().join(name)).unwrap();
        fs::write(bench.path().join(name).join("a.gz"), &bytes).unwrap();
        for format in ["auto", "text", "auto"] {
            let output = archive(&bench, name, format, name).expect(1);
            assert_eq!(output.number("events_read"), 0, "{name} as {format}");
            let failures = list(&output, "failures");
            assert!(failures.len() == 1 && failures[0].contains(said), "{name}: {failures:?}");
            assert!(failures[0].contains("give `--format binary` to keep the file as it is"));
            let next = output.stderr.lines().nth(1).unwrap_or_default();
            assert!(next.starts_with("  next: ") && next.contains("`--format binary`"), "{next}");
        }
        let output = archive(&bench, name, "binary", name).expect(0);
        assert_eq!((output.number("events_sealed"), output.number("events_rejected")), (1, 0));
        assert!(cat(&bench, name, "file:a.gz") == bytes, "{name}: the bytes differ");
        // From now on nothing of it is missing, however it is looked at.
        for format in ["binary", "auto"] {
            let output = archive(&bench, name, format, name).expect(0);
            assert_eq!(output.number("events_read"), 0, "{name}");
            let skipped = usize::from(format == "auto");
            assert_eq!(list(&output, "skipped").len(), skipped, "{name}: {}", output.stderr);
        }
    }
    // The one that was cut turns out whole: now it can be decoded, and is archived so.
    fs::write(bench.path().join("cut/a.gz"), &whole).unwrap();
    assert_eq!(archive(&bench, "cut", "auto", "cut").expect(0).number("events_sealed"), 3_000);
    // More was appended to what was kept as it is: that is missing again.
    let mut file =
        fs::OpenOptions::new().append(true).open(bench.path().join("garbage/a.gz")).unwrap();
    file.write_all(b", and more").unwrap();
    archive(&bench, "garbage", "auto", "garbage").expect(1);
    archive(&bench, "garbage", "binary", "garbage").expect(0);
    assert!(cat(&bench, "garbage", "file:a.gz").ends_with(b"garbage, and more"));
    let verify = ["verify", "--to", &bench.store, "--deep", "--json"];
    strongroom(bench.path(), &verify).expect(0);
}

#[test]
fn a_configuration_can_ask_for_bytes_as_they_are() {
    let bench = Bench::new();
    let bytes: Vec<u8> =
        (0..2_500_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(bench.path().join("disk.img"), &bytes).unwrap();
    let text = format!(
        "version: 1\nstore: {}\nkeys: {{ kek: \"file:store.key\" }}\nlimits: {{ max_record: 3KiB }}\n\
         streams:\n  - name: image\n    sources:\n      - {{ paths: [disk.img], format: binary }}\n",
        bench.store
    );
    fs::write(bench.path().join("strongroom.yaml"), text).unwrap();
    let output = strongroom(bench.path(), &["archive", "--json"]).expect(0);
    assert_eq!((output.number("events_sealed"), output.number("events_rejected")), (4, 0));
    assert!(cat(&bench, "image", "file:disk.img") == bytes);
}

#[test]
fn a_format_that_does_not_fit_is_warned_of() {
    let bench = Bench::new();
    fs::write(bench.path().join("plain.log"), "one\ntwo\n{\"three\":3}\n").unwrap();
    let output = archive(&bench, "plain", "ndjson", "plain.log").expect(0);
    let expected = "2 of 3 records are kept raw: is the format the right one?";
    assert_eq!(list(&output, "warnings"), [expected]);
    assert_eq!(output.stderr, format!("strongroom: {expected}\n"));
    fs::write(bench.path().join("old.log.bz2"), b"BZh91AY&SY\n\x01\x02").unwrap();
    let warned = list(&archive(&bench, "old", "auto", "old.log.bz2").expect(0), "warnings");
    assert!(
        warned.len() == 1 && warned[0].starts_with("`old.log.bz2` is bzip2 data"),
        "{warned:?}"
    );
    let again = archive(&bench, "old", "auto", "old.log.bz2").expect(0);
    assert_eq!(list(&again, "warnings"), [""; 0], "nothing of it was read");
    let asked = archive(&bench, "asked", "binary", "old.log.bz2").expect(0);
    assert_eq!(list(&asked, "warnings"), [""; 0]);
    assert!(json::parse(asked.stdout.trim_ascii(), 1 << 16).is_ok());
}
