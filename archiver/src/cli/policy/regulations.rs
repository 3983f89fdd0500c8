//! `strongroom policy regulations`

use std::collections::BTreeMap;

use clap::Args;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_retention::catalogue::{Catalogue, Maximum, Regulation};

use super::Law;
use crate::cli::{EXIT_DONE, Failure, output};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only this rule, with everything that is known of it
    id: Option<String>,
    #[command(flatten)]
    law: Law,
    /// Print the catalogue that comes with the program, as policies pin it
    #[arg(long, conflicts_with_all = ["id", "catalogue", "json"])]
    yaml: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.yaml {
        for line in Catalogue::shipped_text().lines() {
            output::line(line)?;
        }
        return Ok(EXIT_DONE);
    }
    let catalogue = arguments.law.read()?;
    let listed: Vec<&Regulation> = match &arguments.id {
        None => catalogue.iter().collect(),
        Some(id) => vec![catalogue.get(id).ok_or_else(|| {
            let next = "`strongroom policy regulations` lists them all";
            Failure::input(format!("no rule `{id}` in the catalogue"), next)
        })?],
    };
    if arguments.json {
        output::json(&object([
            ("compiled", catalogue.compiled().into()),
            ("digest", text(catalogue.digest())),
            ("regulations", array(listed.iter().map(|rule| describe(rule)))),
        ]))?;
        return Ok(EXIT_DONE);
    }
    match listed.as_slice() {
        [rule] if arguments.id.is_some() => whole(rule)?,
        _ => table(&listed)?,
    }
    output::line(format!("catalogue sha256:{}, {}", catalogue.digest(), catalogue.compiled()))?;
    output::line("Not legal advice: which rules bind you is for your counsel to say.")?;
    Ok(EXIT_DONE)
}

/// One line for each rule.
fn table(rules: &[&Regulation]) -> Result<(), Failure> {
    let width = |name: &str, of: fn(&Regulation) -> &str| {
        let longest = rules.iter().map(|rule| of(rule).chars().count()).max();
        longest.unwrap_or_default().max(name.len())
    };
    let (id, place) = (width("ID", |rule| &rule.id), width("WHERE", |rule| &rule.jurisdiction));
    // What is said in words would tear the columns apart.
    let number = |limit: String| if limit.starts_with(['P', '-']) { limit } else { "*".into() };
    output::line(format!(
        "{:<id$}  {:<place$}  {:<11}  {:<7}  {:<7}  NAME",
        "ID", "WHERE", "BASIS", "MINIMUM", "MAXIMUM"
    ))?;
    for rule in rules {
        output::line(format!(
            "{:<id$}  {:<place$}  {:<11}  {:<7}  {:<7}  {}",
            rule.id,
            rule.jurisdiction,
            rule.basis.as_str(),
            number(rule.retain_min.to_string()),
            number(rule.retain_max.to_string()),
            rule.name
        ))?;
    }
    output::line("* is no number: `strongroom policy regulations ID` shows what the rule says")?;
    Ok(())
}

/// Everything that is known of a rule, what matters most first.
fn whole(rule: &Regulation) -> Result<(), Failure> {
    let maximum = format!("{} ({})", rule.retain_max, rule.max_kind.as_str());
    let fast = rule.fast_access.as_ref();
    let period = fast.and_then(|fast| fast.period).map(|period| period.to_string());
    let fast = [period, fast.and_then(|fast| fast.meaning.clone())];
    let rows = [
        ("id", rule.id.clone()),
        ("name", rule.name.clone()),
        ("citation", rule.citation.clone()),
        ("jurisdiction", rule.jurisdiction.clone()),
        ("basis, force", format!("{}, {}", rule.basis.as_str(), rule.force.as_str())),
        ("status", rule.status.to_string()),
        ("minimum", rule.retain_min.to_string()),
        ("on request", rule.retain_min_on_request.clone().unwrap_or_default()),
        ("maximum", if rule.retain_max == Maximum::None { "-".to_owned() } else { maximum }),
        ("clock, cut-off", format!("{}, {}", rule.clock_start, rule.cutoff.as_str())),
        ("fast access", fast.into_iter().flatten().collect::<Vec<_>>().join(": ")),
        ("immutability", rule.immutability.as_str().to_owned()),
        ("record kinds", rule.record_kinds.join(", ")),
        ("disposal duty", rule.disposal_duty.clone()),
        ("erasure", rule.erasure_interplay.clone()),
        ("notes", rule.engine_notes.clone().unwrap_or_default()),
        ("confidence", rule.confidence.as_str().to_owned()),
        ("source", rule.source.clone()),
    ];
    let variants = rule.variants.iter().map(|variant| ("variant", said(variant)));
    for (name, value) in rows.into_iter().chain(variants).filter(|(_, value)| !value.is_empty()) {
        output::line(format!("{name:<14}  {value}"))?;
    }
    Ok(())
}

fn said(words: &BTreeMap<String, String>) -> String {
    let words = words.iter().map(|(name, value)| format!("{name} {value}"));
    words.collect::<Vec<_>>().join(", ")
}

fn describe(rule: &Regulation) -> Value {
    let fast = rule.fast_access.as_ref();
    object([
        ("basis", rule.basis.as_str().into()),
        ("citation", rule.citation.as_str().into()),
        ("clock_start", rule.clock_start.as_str().into()),
        ("confidence", rule.confidence.as_str().into()),
        ("cutoff", rule.cutoff.as_str().into()),
        ("disposal_duty", rule.disposal_duty.as_str().into()),
        ("erasure_interplay", rule.erasure_interplay.as_str().into()),
        ("fast_access", fast.and_then(|fast| fast.meaning.clone()).map(Value::Text).into()),
        ("fast_period", fast.and_then(|fast| fast.period).map(text).into()),
        ("force", rule.force.as_str().into()),
        ("id", rule.id.as_str().into()),
        ("immutability", rule.immutability.as_str().into()),
        ("jurisdiction", rule.jurisdiction.as_str().into()),
        ("max_kind", rule.max_kind.as_str().into()),
        ("name", rule.name.as_str().into()),
        ("notes", rule.engine_notes.clone().map(Value::Text).into()),
        ("record_kinds", array(rule.record_kinds.iter().map(String::as_str))),
        ("retain_max", text(&rule.retain_max)),
        ("retain_min", text(&rule.retain_min)),
        ("source", rule.source.as_str().into()),
    ])
}
