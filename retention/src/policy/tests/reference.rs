//! The language's reference, `POLICY.md`, and its JSON Schema say what the reader does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::{env, fs};

use serde::Deserialize;

use super::super::complaint::{Code, Complaints};
use super::super::node::{Node, Value};
use super::super::{citation, file, matching, stream};
use super::{CATALOGUE, SAMPLE, sample};

const SCHEMA: &str = include_str!("../../../policy.schema.json");
const BOOK: &str = include_str!("../../../POLICY.md");
const CODES: &str = "\n<!-- codes: written by a test from the source -->\n";
const RULES: &str = "\n<!-- rules: written by a test from catalogue.yaml -->\n";

/// Each mapping of the language by its name in the schema.
const MAPPINGS: &[(&str, &[&str])] = &[
    ("backfill", stream::BACKFILL),
    ("catalogue", file::CATALOGUE),
    ("citation", citation::CITATION),
    ("clock", stream::CLOCK),
    ("decision", citation::DECISION),
    ("defaults", file::DEFAULTS),
    ("disposal", file::DISPOSAL),
    ("match", matching::MATCH),
    ("metadata", file::METADATA),
    ("personal_data", stream::PERSONAL_DATA),
    ("personal_field", stream::PERSONAL_FIELD),
    ("segment", stream::SEGMENT),
    ("stream", stream::STREAM),
];

fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|e| &e.node),
        Value::List(_) | Value::Scalar { .. } => None,
    }
}

fn keys(node: &Node) -> BTreeSet<&str> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Value::List(_) | Value::Scalar { .. } => BTreeSet::new(),
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_knows() {
    let mut complaints = Complaints::default();
    let schema = Node::parse(SCHEMA, &mut complaints).unwrap();
    assert_eq!(complaints.errors, []);
    let properties = |node| keys(member(node, "properties").unwrap());
    assert_eq!(properties(&schema), file::FILE.iter().copied().collect());
    let definitions = member(&schema, "$defs").unwrap();
    let mut found = BTreeSet::new();
    for name in keys(definitions) {
        let definition = member(definitions, name).unwrap();
        if member(definition, "properties").is_some() {
            let (_, known) = MAPPINGS.iter().find(|(mapping, _)| *mapping == name).unwrap();
            assert_eq!(properties(definition), known.iter().copied().collect(), "{name}");
            found.insert(name);
        }
    }
    assert_eq!(found, MAPPINGS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn the_reference_explains_every_key() {
    for key in MAPPINGS.iter().flat_map(|(_, keys)| keys.iter()).chain(file::FILE) {
        assert!(BOOK.contains(&format!("`{key}")) || BOOK.contains(&format!(".{key}`")), "{key}");
    }
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    name: String,
    jurisdiction: String,
    citation: String,
    force: String,
    basis: String,
    #[serde(default)]
    status: BTreeMap<String, String>,
    retain_min: Option<String>,
    retain_max: Option<String>,
    max_kind: String,
    fast_access: Option<BTreeMap<String, String>>,
    immutability: String,
    clock_start: String,
    cutoff: String,
    confidence: String,
    source: String,
}

fn limit(word: Option<&str>) -> String {
    match word {
        None => "none".into(),
        Some(word @ ("inherits" | "at_least_subject_record" | "life_of_enterprise")) => {
            format!("`{word}`")
        }
        Some(word) if word.starts_with('P') => format!("`{word}`"),
        Some(word) => format!("`{word}`: the policy gives the number"),
    }
}

fn page(rule: &Rule) -> String {
    let said = |map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
    };
    let maximum = match rule.retain_max {
        Some(_) => format!("{} ({})", limit(rule.retain_max.as_deref()), rule.max_kind),
        None => "none".into(),
    };
    let fast = rule.fast_access.as_ref().map_or("none".into(), |fast| {
        let period = fast.get("period").map(|period| format!("`{period}`"));
        let parts = [period, fast.get("meaning").cloned()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    });
    let mut rows = vec![
        ("Citation", rule.citation.clone()),
        ("Jurisdiction", rule.jurisdiction.clone()),
        ("Basis, force", format!("{}, {}", rule.basis, rule.force)),
        ("Minimum", limit(rule.retain_min.as_deref())),
        ("Maximum", maximum),
        ("Clock, cut-off", format!("`{}`, {}", rule.clock_start, rule.cutoff)),
        ("Fast access", fast),
        ("Immutability", rule.immutability.clone()),
        ("Confidence", rule.confidence.clone()),
        ("Source", rule.source.clone()),
    ];
    if !rule.status.is_empty() {
        rows.insert(3, ("Status", said(&rule.status)));
    }
    let mut text = format!("\n### `{}`\n\n{}\n\n| | |\n| --- | --- |\n", rule.id, rule.name);
    for (name, value) in rows {
        writeln!(text, "| {name} | {} |", value.replace('|', "\\|")).unwrap();
    }
    text
}

/// The reference with what is derived from the source and the catalogue.
fn written() -> String {
    let catalogue: Entries = serde_saphyr::from_str(CATALOGUE).unwrap();
    let (head, rest) = BOOK.split_once(CODES).expect("the mark of the codes");
    let between = rest.split_once("\n\n").expect("text after the codes").1;
    let (between, _) = between.split_once(RULES).expect("the mark of the rules");
    let mut text = format!("{head}{CODES}| code | what is wrong |\n| --- | --- |\n");
    for code in Code::ALL {
        writeln!(text, "| {code} | {} |", code.meaning()).unwrap();
    }
    write!(text, "\n{between}{RULES}").unwrap();
    let custom = |rule: &Rule| rule.basis == "customary";
    let standard =
        |rule: &Rule| ["contract", "standard", "guidance"].contains(&rule.force.as_str());
    let part = |rule: &Rule| match (custom(rule), standard(rule)) {
        (true, _) => "Custom",
        (_, true) => "Standards and guidance",
        _ => "Law and rules",
    };
    for name in ["Law and rules", "Standards and guidance", "Custom"] {
        write!(text, "\n## {name}\n").unwrap();
        catalogue.entries.iter().filter(|r| part(r) == name).for_each(|r| text += &page(r));
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "on demand it writes the files that it checks")]
fn the_reference_and_the_sample_follow_the_catalogue() {
    let (book, sample) = (written(), sample());
    if env::var("STRONGROOM_BLESS").as_deref() == Ok("policy") {
        let folder = env!("CARGO_MANIFEST_DIR");
        fs::write(format!("{folder}/POLICY.md"), book).unwrap();
        fs::write(format!("{folder}/sample-policy.yaml"), sample).unwrap();
        return;
    }
    let hint = "STRONGROOM_BLESS=policy cargo test -p strongroom-retention";
    assert!(book == BOOK, "POLICY.md does not follow the catalogue or the codes: {hint}");
    assert!(sample == SAMPLE, "the sample pins another catalogue: {hint}");
}
