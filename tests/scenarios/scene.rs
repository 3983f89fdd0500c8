//! One record, its policies, holds and clock events as files, and what the program says of them.

use std::fmt::Write as _;

use strongroom_crypto::{Digest, json::Value};
use strongroom_tests::{
    program::{Output, strongroom},
    temp::TempDir,
};

/// A policy of one stream, without its citations. It takes effect before every record.
const POLICY: &str = "\
schema: strongroom.policy/v1
metadata:
  name: schedule
  version: 1
  effective: 2000-01-01
  transition: current
  owner: records
catalogue:
  digest: sha256:PINNED
defaults:
  zone: ZONE
  max_lock: P12Y
  disposal:
    approval: two_person
    roles: [records-manager, legal]
streams:
  - id: audit
    title: Audit events
    record_class: AUD-1
    match: {stream: [audit]}
    clock: event_time
    segment: {max_span: PT24H}
    lock: compliance
    citations:
";
/// A day that no run of the tests comes after: `policy check` asks the machine for the time.
pub(crate) const FAR: &str = "2999-01-01";

/// The text of a policy.
#[derive(Clone)]
pub(crate) struct Plan(pub(crate) String);

impl Plan {
    /// A plan under the catalogue that comes with the program; each citation is an id and what follows it.
    pub(crate) fn new(zone: &str, citations: &[&str]) -> Self {
        let shipped = Scene::new("catalogue");
        let pinned = shipped.run(&["policy", "regulations", "--json"]).expect(0).text("digest");
        let mut text = POLICY.replace("PINNED", &pinned).replace("ZONE", zone);
        for citation in citations {
            writeln!(text, "      - {{reg: {citation}}}").unwrap();
        }
        Self(text)
    }

    /// The same with something in place of what stands there once.
    pub(crate) fn with(&self, from: &str, to: &str) -> Self {
        assert_eq!(self.0.matches(from).count(), 1, "{from:?} in {}", self.0);
        Self(self.0.replacen(from, to, 1))
    }

    /// The same as the version after another one, from a day on.
    pub(crate) fn after(&self, before: &Self, effective: &str) -> Self {
        let version = format!("version: 2\n  supersedes: {}", before.name());
        self.with("version: 1", &version).with("2000-01-01", effective)
    }

    /// The same under another catalogue.
    pub(crate) fn under(&self, catalogue: &str) -> Self {
        let (head, tail) = self.0.split_once("digest: sha256:").unwrap();
        let (_, tail) = tail.split_once('\n').unwrap();
        Self(format!("{head}digest: sha256:{}\n{tail}", Digest::of(catalogue.as_bytes())))
    }

    /// How facts name it.
    pub(crate) fn name(&self) -> String {
        format!("sha256:{}", self.digest())
    }

    /// The digest of its text.
    pub(crate) fn digest(&self) -> String {
        Digest::of(self.0.as_bytes()).to_string()
    }

    /// `policy check` of it, as if it began in the future.
    pub(crate) fn check(&self) -> Output {
        let scene = Scene::new("check");
        scene.write("policy.yaml", &self.with("2000-01-01", FAR).0);
        scene.run(&["policy", "check", "policy.yaml", "--json"])
    }

    /// Requires that it could be approved; the codes of the advice.
    pub(crate) fn passes(&self) -> Vec<String> {
        let checked = self.check().expect(0).json();
        assert_eq!(list(&checked, "complaints"), [], "{}", self.0);
        codes(&checked, "advice")
    }
}

/// A directory with what the program is given.
pub(crate) struct Scene {
    temp: TempDir,
    event: String,
    lock: Option<String>,
    stage: String,
    policies: Vec<(Plan, &'static str)>,
    holds: Vec<String>,
    clocks: Vec<String>,
    catalogues: Vec<String>,
}

impl Scene {
    /// Nothing but an event.
    pub(crate) fn new(event: &str) -> Self {
        Self {
            temp: TempDir::new("scenarios"),
            event: event.to_owned(),
            lock: None,
            stage: "live".to_owned(),
            policies: Vec::new(),
            holds: Vec::new(),
            clocks: Vec::new(),
            catalogues: Vec::new(),
        }
    }

    /// An event under one plan that could be approved.
    pub(crate) fn under(event: &str, plan: &Plan) -> Self {
        plan.passes();
        let mut scene = Self::new(event);
        scene.approve(plan, "2000-01-01T00:00:00Z");
        scene
    }

    pub(crate) fn approve(&mut self, plan: &Plan, at: &'static str) {
        self.policies.push((plan.clone(), at));
    }

    /// A catalogue of our own beside that of the program.
    pub(crate) fn catalogue(&mut self, text: &str) {
        let name = format!("catalogue-{}.yaml", self.catalogues.len());
        self.write(&name, text);
        self.catalogues.push(name);
    }

    pub(crate) fn hold(&mut self, id: &str, placed: &str, released: &str) {
        self.holds.push(format!("{{id: {id}, placed: {placed}, released: {released}}}"));
    }

    pub(crate) fn clock(&mut self, event: &str, at: &str, recorded: &str) {
        self.clocks.push(format!("{{event: {event}, at: {at}, recorded_at: {recorded}}}"));
    }

    /// The clock event was undone.
    pub(crate) fn reopen(&mut self, event: &str, at: &str, recorded: &str) {
        let event =
            format!("{{event: {event}, at: {at}, recorded_at: {recorded}, reopened: true}}");
        self.clocks.push(event);
    }

    pub(crate) fn locked(&mut self, until: &str) {
        self.lock = Some(until.to_owned());
    }

    pub(crate) fn approved(&mut self, at: &str, plan: &Plan) {
        self.stage = format!("{{approved_at: {at}, policy: {}}}", plan.name());
    }

    pub(crate) fn stage(&mut self, stage: &str) {
        stage.clone_into(&mut self.stage);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.temp.path().join(name), text).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        strongroom(self.temp.path(), arguments)
    }

    /// The file of facts.
    pub(crate) fn facts(&self) -> String {
        let Self { event, stage, .. } = self;
        let mut text = format!(
            "record:\n  stream: audit\n  event_time: {event}\n  receive_time: {event}\n  stage: {stage}\n"
        );
        if let Some(lock) = &self.lock {
            writeln!(text, "  lock_until: {lock}").unwrap();
        }
        let policies = self.policies.iter();
        let policies = policies
            .map(|(plan, approved)| format!("{{policy: {}, approved: {approved}}}", plan.name()));
        let (holds, clocks) = (self.holds.iter().cloned(), self.clocks.iter().cloned());
        for (key, lines) in [
            ("policies", policies.collect::<Vec<_>>()),
            ("holds", holds.collect()),
            ("clock_events", clocks.collect()),
        ] {
            writeln!(text, "{key}: [{}]", lines.join(", ")).unwrap();
        }
        text
    }

    /// `policy explain --json` of the facts in a file, with every policy and catalogue of the scene.
    pub(crate) fn explain(&self, facts: &str, at: &str) -> Output {
        let mut arguments = vec!["policy", "explain", "--facts", facts, "--at", at, "--json"];
        let names: Vec<String> =
            (0..self.policies.len()).map(|nth| format!("policy-{nth}.yaml")).collect();
        for (name, (plan, _)) in names.iter().zip(&self.policies) {
            self.write(name, &plan.0);
            arguments.extend(["--policy", name]);
        }
        for name in &self.catalogues {
            arguments.extend(["--catalogue", name]);
        }
        self.run(&arguments)
    }

    /// What the program decides at an instant.
    pub(crate) fn decide(&self, at: &str) -> Decision {
        self.write("facts.yaml", &self.facts());
        Decision(self.explain("facts.yaml", at).expect(0).json())
    }
}

/// The catalogue that comes with the program, with another minimum for one rule.
pub(crate) fn amended(reg: &str, from: &str, to: &str) -> String {
    let printed = Scene::new("catalogue").run(&["policy", "regulations", "--yaml"]).expect(0);
    let text = String::from_utf8(printed.stdout).unwrap();
    let (head, tail) = text.split_once(&format!("- id: {reg}\n")).unwrap();
    let (from, to) = (format!("retain_min: {from}\n"), format!("retain_min: {to}\n"));
    let (entry, rest) = tail.split_once("- id: ").unwrap();
    assert!(entry.contains(&from), "{entry}");
    format!("{head}- id: {reg}\n{}- id: {rest}", entry.replacen(&from, &to, 1))
}

/// What `policy explain --json` said.
pub(crate) struct Decision(Value);

impl Decision {
    /// A member's text; nothing for `null`. Members inside are named `a.b`.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let found = path.split('.').fold(&self.0, |value, name| member(value, name));
        match found {
            Value::Null => None,
            Value::Text(text) => Some(text.clone()),
            other => Some(String::from_utf8(other.to_canonical()).unwrap()),
        }
    }

    /// Requires what members say; `-` is nothing.
    pub(crate) fn says(&self, expected: &[(&str, &str)]) -> &Self {
        for (name, expected) in expected {
            let found = self.get(name).unwrap_or_else(|| "-".to_owned());
            assert_eq!(found, *expected, "{name} in {}", self.shown());
        }
        self
    }

    /// The instant that a member has, and none of those that a wrong engine gives, which stand nowhere in the answer.
    pub(crate) fn ends(&self, name: &str, right: &str, wrong: &[&str]) -> &Self {
        self.says(&[(name, right)]);
        let shown = self.shown();
        for wrong in wrong {
            assert!(!shown.contains(wrong), "{wrong} in {shown}");
        }
        self
    }

    /// State and flags.
    pub(crate) fn stands(&self, state: &str, flags: &[&str]) -> &Self {
        assert_eq!(texts(list(&self.0, "flags")), flags, "{}", self.shown());
        self.says(&[("state", state)])
    }

    /// The ids of the holds that stand.
    pub(crate) fn holds(&self) -> Vec<String> {
        texts(list(&self.0, "holds"))
    }

    /// A cited rule.
    pub(crate) fn rule(&self, reg: &str) -> Self {
        let rules = list(&self.0, "rules").into_iter();
        let mut named = rules.filter(|rule| member(rule, "reg") == &Value::from(reg));
        Self(named.next().unwrap_or_else(|| panic!("no {reg} in {}", self.shown())))
    }

    /// The notes of a rule: the code, and the rule that it is about.
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = list(&self.0, "notes").into_iter().map(Self);
        notes
            .map(|note| {
                [note.get("code"), note.get("with")]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    fn shown(&self) -> String {
        String::from_utf8(self.0.to_canonical()).unwrap()
    }
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let Value::Object(members) = value else { panic!("{value:?} has no `{name}`") };
    members.get(name).unwrap_or_else(|| panic!("{value:?} has no `{name}`"))
}

pub(crate) fn list(value: &Value, name: &str) -> Vec<Value> {
    match member(value, name) {
        Value::Array(items) => items.clone(),
        other => panic!("{other:?} is no list"),
    }
}

fn texts(values: Vec<Value>) -> Vec<String> {
    let text = |value| if let Value::Text(text) = value { text } else { panic!("{value:?}") };
    values.into_iter().map(text).collect()
}

/// The codes of complaints or advice.
pub(crate) fn codes(checked: &Value, name: &str) -> Vec<String> {
    texts(list(checked, name).iter().map(|one| member(one, "code").clone()).collect())
}
