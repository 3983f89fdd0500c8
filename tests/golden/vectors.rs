//! The committed vectors and their lists: `refused.tsv` (name, what is wrong, error) and `accepted.tsv` (name, SHA-256 of
//! the bytes, what they yield).

use std::{collections::BTreeMap, fs, path::Path};

use strongroom_crypto::Digest;

use super::archive::{Golden, files_below, folder};
use super::faults::{self, Fault};
use super::judge::judge;
use super::{document, vectors_folder};

/// At least so many refusals are shown.
const MIN_REFUSED: usize = 40;

/// A line of `refused.tsv`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) name: String,
    pub(crate) wrong: String,
    pub(crate) error: String,
}

/// The list of refusals, in its order.
pub(crate) fn refusals() -> Vec<Refusal> {
    folder();
    let text = fs::read_to_string(vectors_folder().join("refused.tsv")).unwrap();
    let lines = text.lines().map(|line| {
        let [name, wrong, error] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        Refusal { name: name.to_owned(), wrong: wrong.to_owned(), error: error.to_owned() }
    });
    lines.collect()
}

fn rewrite(folder: &Path, files: &[(String, Vec<u8>)]) {
    fs::remove_dir_all(folder).ok();
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Makes all vectors from the golden archive, and what is derived from them.
pub(crate) fn write(golden: &Golden) {
    let (mut list, mut files) = (Vec::new(), Vec::new());
    for Fault { name, wrong, bytes } in faults::all(golden) {
        let error = match judge(golden, &name, &bytes) {
            Err(error) => error,
            Ok(read) => panic!("`{name}` is not refused: {read}"),
        };
        assert!(!error.contains(['\t', '\n']), "{name}: {error}");
        list.push(format!("{name}\t{wrong}\t{error}\n"));
        files.push((name, bytes));
    }
    rewrite(&vectors_folder().join("refused"), &files);
    fs::write(vectors_folder().join("refused.tsv"), list.concat()).unwrap();
    let (mut list, mut files) = (Vec::new(), Vec::new());
    for (name, bytes) in faults::accepted(golden) {
        let yields = judge(golden, &name, &bytes)
            .unwrap_or_else(|error| panic!("`{name}` is refused: {error}"));
        list.push(format!("{name}\t{}\t{yields}\n", Digest::of(&bytes)));
        files.push((name, bytes));
    }
    rewrite(&vectors_folder().join("accepted"), &files);
    fs::write(vectors_folder().join("accepted.tsv"), list.concat()).unwrap();
    document::write(golden);
}

fn committed(kind: &str) -> BTreeMap<String, Vec<u8>> {
    folder();
    let files = files_below(&vectors_folder().join(kind));
    files.into_iter().map(|(path, bytes)| (path.to_str().unwrap().to_owned(), bytes)).collect()
}

#[test]
fn every_bad_vector_is_refused_for_its_reason() {
    let golden = Golden::open();
    let (files, list) = (committed("refused"), refusals());
    assert!(list.len() >= MIN_REFUSED, "{} refusals", list.len());
    assert!(
        list.iter().all(|refusal| files.contains_key(&refusal.name)),
        "a listed vector is missing"
    );
    assert_eq!(files.len(), list.len(), "a vector is not listed, or one is listed twice");
    let mut found = Vec::new();
    for Refusal { name, error, .. } in &list {
        match judge(&golden, name, &files[name]) {
            Err(now) if now == *error => {}
            Err(now) => found.push(format!("{name}: {now}\n    listed: {error}")),
            Ok(read) => found.push(format!("{name} is not refused any more: {read}")),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_good_vector_yields_what_it_did() {
    let golden = Golden::open();
    let files = committed("accepted");
    let text = fs::read_to_string(vectors_folder().join("accepted.tsv")).unwrap();
    let mut now = Vec::new();
    for line in text.lines() {
        let name = line.split('\t').next().unwrap();
        let bytes = &files[name];
        let yields = judge(&golden, name, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        now.push(format!("{name}\t{}\t{yields}\n", Digest::of(bytes)));
    }
    assert_eq!(now.concat(), text);
    assert_eq!(files.len(), text.lines().count(), "a vector is not listed");
}

#[test]
fn every_kind_of_vector_has_a_good_one() {
    let good = committed("accepted");
    for name in committed("refused").keys() {
        let kind = faults::kind(name);
        assert!(
            good.keys().any(|good| faults::kind(good) == kind),
            "no good `{kind}` beside {name}"
        );
    }
}
