//! A decision in full, for machines and for people. The same decision has the same bytes.

use std::fmt::{self, Display};

use jiff::Timestamp;
use strongroom_crypto::json::{Members, Value, array, object, text};

use crate::decision::{Count, Decision, Flag, Governance, KeepUntil, Note, RuleResult};
use crate::facts::{Facts, Stage, Times};
use crate::period::{BeyondCalendar, Counting, Period, Zone};
use crate::settling::LATEST_LOCK;

/// Version of the JSON form.
const VERSION: u32 = 1;

/// One period counted for one instant, without a policy.
#[derive(Clone, Debug)]
pub struct Bare {
    /// How long.
    pub period: Period,
    /// How it is counted.
    pub counting: Counting,
    /// What starts it.
    pub event_time: Timestamp,
}

impl Bare {
    /// Its end.
    ///
    /// # Errors
    ///
    /// [`BeyondCalendar`].
    pub fn until(&self) -> Result<Timestamp, BeyondCalendar> {
        self.counting.until(self.event_time, self.period)
    }
}

/// A decision that prints itself for people.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a>(pub &'a Decision);

impl Explanation<'_> {
    /// The decision as JSON: every input that mattered, every rule, and the result.
    pub fn to_json(self) -> Value {
        let Decision { facts, governed_by, flags, rules, .. } = self.0;
        let one = self.0;
        object([
            ("v", VERSION.into()),
            ("at", text(one.at)),
            ("facts", known(facts)),
            ("holds", array(one.holds.standing.iter().map(text))),
            ("last_release", one.holds.last_release.map(text).into()),
            ("governed_by", governed_by.as_ref().map(governance).into()),
            ("keep_until", until(one.keep_until)),
            ("must_go_by", one.must_go_by.map(text).into()),
            ("fast_until", one.fast_until.map(until).into()),
            ("lock_until", one.lock_until.map(text).into()),
            ("lock_capped", one.lock_capped.into()),
            ("eligible_at", one.eligible_at.map(text).into()),
            ("destroyable_from", one.destroyable_from.map(text).into()),
            ("deciding_rule", one.deciding_rule.clone().into()),
            ("state", one.state.as_str().into()),
            ("flags", array(flags.iter().map(|flag| flag.as_str()))),
            (
                "locked_beyond_schedule",
                one.locked_beyond_schedule
                    .map(|lock| object([("until", text(lock.until)), ("days", lock.days.into())]))
                    .into(),
            ),
            ("immutability", one.immutability.as_str().into()),
            ("rules", array(rules.iter().map(rule))),
            ("tzdata", one.tzdata.into()),
            ("engine", one.engine.into()),
        ])
    }
}

fn until(end: KeepUntil) -> Value {
    end.instant().map_or_else(|| "OPEN".into(), text)
}

fn known(facts: &Facts) -> Value {
    let mut labels = Members::default();
    for (name, value) in &facts.labels {
        labels.insert(name.as_str(), value.as_str());
    }
    let times =
        |times: Times| object([("min", text(times.least())), ("max", text(times.greatest()))]);
    let approval = match facts.stage {
        Stage::Approved { at, policy } => object([("at", text(at)), ("policy", text(policy))]),
        Stage::Live | Stage::InReview | Stage::Ordered | Stage::Destroyed => Value::Null,
    };
    object([
        ("segment", facts.segment.map(text).into()),
        ("stream", text(&facts.stream)),
        ("labels", labels.into()),
        ("event_time", facts.event_time.map(times).into()),
        ("receive_time", times(facts.receive_time)),
        ("lock_until", facts.lock_until.map(text).into()),
        ("settle_until", facts.settle_until.map(text).into()),
        ("stage", facts.stage.as_str().into()),
        ("approval", approval),
    ])
}

fn governance(by: &Governance) -> Value {
    object([
        ("policy", by.policy.as_str().into()),
        ("version", by.version.into()),
        ("policy_digest", text(by.digest)),
        ("catalogue_digest", text(by.catalogue)),
        ("effective", text(by.effective)),
        ("stream_rule", by.stream_rule.as_str().into()),
        ("class", text(&by.class)),
        ("zone", text(&by.zone)),
        ("grace", text(by.grace)),
    ])
}

fn rule(rule: &RuleResult) -> Value {
    let note = |note: &Note| {
        let (code, with) = note.code();
        object([("code", code.into()), ("with", with.into())])
    };
    object([
        ("reg", rule.reg.as_str().into()),
        ("citation", rule.citation.as_str().into()),
        ("weight", rule.weight.as_str().into()),
        ("min", rule.min.as_ref().map(count).into()),
        ("max", rule.max.as_ref().map(count).into()),
        ("fast_until", rule.fast.map(until).into()),
        ("immutability", rule.immutability.as_str().into()),
        ("notes", array(rule.notes.iter().map(note))),
    ])
}

fn count(count: &Count) -> Value {
    object([
        ("period", count.period.map(text).into()),
        ("number_from", count.number_from.as_str().into()),
        ("start", count.start.as_str().into()),
        ("anchor", count.anchor.map(text).into()),
        ("date", count.date.map(text).into()),
        ("cut_off", count.cut_off.map(text).into()),
        ("until", until(count.until)),
    ])
}

/// Instants as a place sees them, and in UTC.
struct Clock<'a>(Option<&'a Zone>);

impl Clock<'_> {
    fn at(&self, at: Timestamp) -> String {
        match self.0 {
            Some(zone) if zone.name() != "UTC" => format!("{} {zone} ({at})", zone.date(at)),
            Some(_) | None => at.to_string(),
        }
    }

    fn until(&self, end: KeepUntil) -> String {
        end.instant().map_or_else(|| "open".to_owned(), |at| self.at(at))
    }

    fn count(&self, count: &Count) -> String {
        let period = count.period.map_or_else(|| "no number".to_owned(), |one| one.to_string());
        let from = count.number_from.as_str();
        let anchor = count.anchor.map(|at| format!(" {at}")).unwrap_or_default();
        let date = count.date.map(|date| format!(", which is {date}")).unwrap_or_default();
        let cut_off = count.cut_off.filter(|cut_off| count.date != Some(*cut_off));
        let cut_off = cut_off.map(|date| format!(", cut off {date}")).unwrap_or_default();
        let (start, end) = (count.start.as_str(), self.until(count.until));
        format!("{period} ({from}) from {start}{anchor}{date}{cut_off}: {end}")
    }
}

impl Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = self.0;
        let clock = Clock(one.governed_by.as_ref().map(|by| &by.zone));
        let flags = one.flags.iter().copied().map(Flag::as_str);
        let state: Vec<&str> = std::iter::once(one.state.as_str()).chain(flags).collect();
        writeln!(f, "{} at {}: {}", one.facts.stream, one.at, state.join(" "))?;
        if let Some(segment) = one.facts.segment {
            writeln!(f, "segment {segment}, which stays or goes as a whole")?;
        }
        match &one.governed_by {
            None => writeln!(f, "unclassified: no policy in force has a rule for this stream")?,
            Some(by) => writeln!(
                f,
                "policy {} version {} since {}, stream rule {}, class {}",
                by.policy, by.version, by.effective, by.stream_rule, by.class
            )?,
        }
        writeln!(f, "keep until: {}", clock.until(one.keep_until))?;
        if let Some(rule) = &one.deciding_rule {
            writeln!(f, "deciding rule: {rule}")?;
        }
        let at = |at: Option<Timestamp>| at.map(|at| clock.at(at));
        let settling = one.facts.settling(one.at);
        let settling = settling.filter(|until| one.keep_until < KeepUntil::Until(*until));
        let lines = [
            ("must go by", at(one.must_go_by)),
            ("at hand until", one.fast_until.map(|end| clock.until(end))),
            ("lock until", at(one.lock_until)),
            ("settling until", at(settling)),
            ("last hold released", at(one.holds.last_release)),
            ("eligible", at(one.eligible_at)),
            ("once approved, may be destroyed from", at(one.destroyable_from)),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                writeln!(f, "{name}: {value}")?;
            }
        }
        if one.lock_capped {
            let of_stores = one.lock_until == Some(LATEST_LOCK);
            let limit =
                if of_stores { "where stores' dates end" } else { "at the policy's `max_lock`" };
            writeln!(f, "the lock ends early, {limit}: it has to be moved again")?;
        }
        if let Some(lock) = one.locked_beyond_schedule {
            writeln!(f, "locked beyond schedule: {} days, {}", lock.days, clock.at(lock.until))?;
        }
        for hold in &one.holds.standing {
            writeln!(f, "held by: {hold}")?;
        }
        one.rules.iter().try_for_each(|rule| write_rule(f, &clock, rule))?;
        writeln!(f, "tzdata {}, engine {}", one.tzdata, one.engine)
    }
}

fn write_rule(f: &mut fmt::Formatter<'_>, clock: &Clock<'_>, rule: &RuleResult) -> fmt::Result {
    writeln!(f, "rule {} ({}), {}", rule.reg, rule.citation, rule.weight.as_str())?;
    if let Some(min) = &rule.min {
        writeln!(f, "  at least {}", clock.count(min))?;
    }
    if let Some(max) = &rule.max {
        writeln!(f, "  at most {}", clock.count(max))?;
    }
    if let Some(fast) = rule.fast {
        writeln!(f, "  at hand until {}", clock.until(fast))?;
    }
    for note in &rule.notes {
        writeln!(f, "  note {}: {}", note.code().0, words(note))?;
    }
    Ok(())
}

/// What a note says, for people.
fn words(note: &Note) -> String {
    match note {
        Note::Unknown => "the catalogue does not have it".to_owned(),
        Note::Rescinded => "it is no law any more".to_owned(),
        Note::AdviceOnly => "its maximum is advice".to_owned(),
        Note::NoNumber => "nobody gave its number".to_owned(),
        Note::NotStarted => "the event that starts it is not recorded".to_owned(),
        Note::BeyondCalendar => "it ends beyond the calendar".to_owned(),
        Note::FutureEvent => "the event lies too far ahead of its receipt, which counts".to_owned(),
        Note::Backfill => "the event counts, although it was received later".to_owned(),
        Note::Conflict(with) => format!("it ends before `{with}` does, and nobody decided"),
        Note::Exempted(with) => format!("it yields to `{with}`"),
        Note::ForeignLaw(with) => format!("`{with}` is not law that the GDPR gives way to"),
        Note::Decided(with) => format!("the policy decided that it yields to `{with}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::{Scene, cite, policy};
    use crate::period::Cutoff;

    fn scene() -> Scene {
        let plan = policy("Europe/Berlin", vec![cite("de-ao-147-buchungsbelege")]);
        let mut scene = Scene::new("2025-12-31T23:30:00Z", plan);
        scene.hold("matter-a", "2026-01-01T00:00:00Z", None);
        scene
    }

    #[test]
    fn json_has_every_field_and_the_same_bytes_every_time() {
        let decision = scene().decide("2026-02-01T00:00:00Z");
        let json = Explanation(&decision).to_json();
        let Value::Object(members) = &json else { panic!("not an object") };
        let text_of = |name: &str| members.get(name).cloned();
        assert_eq!(text_of("keep_until"), Some("2034-12-31T23:00:00Z".into()));
        assert_eq!(text_of("must_go_by"), Some(Value::Null));
        assert_eq!(text_of("deciding_rule"), Some("de-ao-147-buchungsbelege".into()));
        assert_eq!(text_of("state"), Some("RETAIN".into()));
        assert_eq!(text_of("flags"), Some(array(["HELD"])));
        assert_eq!(text_of("holds"), Some(array(["matter-a"])));
        assert_eq!(text_of("engine"), Some(1.into()));
        for name in ["fast_until", "lock_until", "facts", "rules", "tzdata", "governed_by"] {
            assert!(members.get(name).is_some(), "{name}");
        }
        let rules = String::from_utf8(members.get("rules").unwrap().to_canonical()).unwrap();
        let min = r#""min":{"anchor":"2025-12-31T23:30:00Z","cut_off":"2026-12-31","date":"2026-01-01","number_from":"catalogue","period":"P8Y","start":"event_time","until":"2034-12-31T23:00:00Z"}"#;
        assert!(rules.contains(min), "{rules}");
        let again = scene().decide("2026-02-01T00:00:00Z");
        assert_eq!(Explanation(&again).to_json().to_canonical(), json.to_canonical());
    }

    #[test]
    fn people_read_the_local_date_and_utc() {
        let decision = scene().decide("2026-02-01T00:00:00Z");
        let text = Explanation(&decision).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "audit at 2026-02-01T00:00:00Z: RETAIN HELD");
        for line in [
            "keep until: 2035-01-01 Europe/Berlin (2034-12-31T23:00:00Z)",
            "deciding rule: de-ao-147-buchungsbelege",
            "held by: matter-a",
            "  at least P8Y (catalogue) from event_time 2025-12-31T23:30:00Z, which is 2026-01-01, \
             cut off 2026-12-31: 2035-01-01 Europe/Berlin (2034-12-31T23:00:00Z)",
        ] {
            assert!(lines.contains(&line), "{line}\n{text}");
        }
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{text}");
    }

    #[test]
    fn a_bare_period_needs_no_policy() {
        let bare = Bare {
            period: "P6M".parse().unwrap(),
            counting: Counting { zone: "Europe/Brussels".parse().unwrap(), cutoff: Cutoff::None },
            event_time: "2027-08-31T22:30:00Z".parse().unwrap(),
        };
        assert_eq!(bare.until().unwrap().to_string(), "2028-03-01T23:00:00Z");
    }
}
