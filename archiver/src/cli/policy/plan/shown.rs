//! A plan in words: what officers read before they sign it.

use strongroom_retention::decide::outline::{Outline, Term};

use crate::cli::{Failure, output};
use crate::plan::{Against, Basis, Lasting, Objects, Plan, Said, StreamPlan, change};
use strongroom_crypto::name::ClassName;

/// Prints a plan.
pub(super) fn show(plan: &Plan) -> Result<(), Failure> {
    let Basis { set, as_of, .. } = &plan.basis;
    output::line(format!("policy      version {} sha256:{}", set.version, set.policy))?;
    output::line(format!(
        "in force    from {}; approvals count until {}",
        set.effective, set.expires_at
    ))?;
    let supersedes =
        set.supersedes.map_or_else(|| "none".to_owned(), |digest| format!("sha256:{digest}"));
    output::line(format!("supersedes  {supersedes}"))?;
    against(&plan.against)?;
    for (name, stream) in &plan.streams {
        of_stream(name, stream)?;
    }
    for note in &plan.notes {
        let word = if note.starts_with('C') { "conflict" } else { "advice" };
        output::line(format!("{word:<11} {note}"))?;
    }
    irreversible(&plan.lasting)?;
    gone(plan)?;
    cost(plan)?;
    output::line(format!(
        "later       what is sealed after {as_of} follows the policy too, and is not counted here"
    ))?;
    Ok(())
}

fn of_stream(name: &str, stream: &StreamPlan) -> Result<(), Failure> {
    output::line(format!("stream      {name}"))?;
    for (what, count) in [
        ("locks move later", stream.extended),
        ("locks stay", stream.unchanged),
        ("locked beyond schedule", stream.locked_beyond_schedule),
        ("mode below policy", stream.mode_below_policy),
        ("not in the policy", stream.unclassified),
        ("may go by approval", stream.may_go),
        ("go WITHOUT approval", stream.goes_unasked),
    ] {
        if count.segments > 0 {
            let segments = output::counted(count.segments, "segment", "segments");
            output::line(format!("  {what:<24} {segments}, {}", output::size(count.bytes)))?;
        }
    }
    if stream.longer.segments > 0 {
        let segments = output::counted(stream.longer.segments, "segment", "segments");
        let by = years(stream.longer_seconds);
        output::line(format!("  {:<24} {segments}, by {by} in all", "kept longer"))?;
    }
    if let Some(latest) = stream.latest {
        output::line(format!("  {:<24} {latest}", "latest end of a lock"))?;
    }
    Ok(())
}

/// What was said of each stream, and what will be.
fn against(against: &Against) -> Result<(), Failure> {
    output::line(match against.policy {
        Some((digest, version)) => format!("against     version {version} sha256:{digest}"),
        None => "against     no policy: none is in force".to_owned(),
    })?;
    if let Some(governs) = against.governs {
        output::line(format!("governs     {governs}"))?;
    }
    for (id, sides) in &against.rules {
        output::line(format!("rule        {id}: {}", change(sides)))?;
        let [before, after] = sides.each_ref().map(Option::as_ref);
        for line in LINES {
            line.print(before, after)?;
        }
    }
    Ok(())
}

/// A line about a stream rule.
struct Line {
    name: &'static str,
    /// It stands also where nothing changed.
    always: bool,
    what: What,
}

/// What it says.
enum What {
    Number(fn(&Outline) -> &Option<Term>),
    Word(fn(&Said) -> String),
}

const fn number(name: &'static str, of: fn(&Outline) -> &Option<Term>) -> Line {
    Line { name, always: true, what: What::Number(of) }
}

const fn word(name: &'static str, always: bool, of: fn(&Said) -> String) -> Line {
    Line { name, always, what: What::Word(of) }
}

const LINES: [Line; 9] = [
    word("streams", false, |said| said.matches.clone()),
    word("class", false, |said| said.class.clone()),
    number("keeps", |numbers| &numbers.keep),
    number("must go", |numbers| &numbers.must_go),
    number("at hand", |numbers| &numbers.fast),
    word("lock", true, |said| said.mode.to_string()),
    word("grace", true, |said| said.grace.clone()),
    word("disposal", false, |said| {
        if said.pre_approved { "approved by the policy" } else { "by two officers" }.to_owned()
    }),
    word("zone", false, |said| said.zone.clone()),
];

impl What {
    fn words(&self, said: &Said) -> String {
        match self {
            Self::Word(of) => of(said),
            Self::Number(of) => match of(&said.numbers) {
                None => "-".to_owned(),
                Some(Term { formula, reg, .. }) => format!("{formula} ({reg})"),
            },
        }
    }

    /// Where the law says so.
    fn citation(&self, said: &Said) -> String {
        match self {
            Self::Number(of) => match of(&said.numbers) {
                Some(Term { citation, .. }) if !citation.is_empty() => format!(": {citation}"),
                _ => String::new(),
            },
            Self::Word(_) => String::new(),
        }
    }
}

impl Line {
    fn print(&self, before: Option<&Said>, after: Option<&Said>) -> Result<(), Failure> {
        let [was, will] = [before, after].map(|said| said.map(|said| self.what.words(said)));
        let is_same = was == will;
        if is_same && !self.always {
            return Ok(());
        }
        let words = match (was, will) {
            (Some(was), Some(will)) if !is_same => format!("{was} -> {will}"),
            (was, will) => will.or(was).unwrap_or_default(),
        };
        let cited = after.or(before).map(|said| self.what.citation(said)).unwrap_or_default();
        output::line(format!("  {:<24} {words}{cited}", self.name))?;
        Ok(())
    }
}

/// Time added to several segments, in words.
fn years(seconds: u64) -> String {
    /// Of 365.25 days.
    const YEAR: u64 = 31_557_600;
    const DAY: u64 = 86_400;
    if seconds < YEAR {
        return output::counted(seconds / DAY, "day", "days");
    }
    let tenths = seconds.saturating_mul(10).saturating_add(YEAR / 2) / YEAR;
    format!("{}.{} years", output::count(tenths / 10), tenths % 10)
}

fn irreversible(lasting: &Lasting) -> Result<(), Failure> {
    if lasting.irreversible.is_empty() {
        output::line("irreversible  no lock")?;
    }
    for (kind, objects) in lasting.by_kind() {
        let Objects { count, bytes, until } = objects;
        let (count, bytes) = (output::count(count), output::size(bytes));
        let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
        output::line(format!(
            "irreversible  {count} {kind} ({bytes}){until}: nobody can shorten these locks"
        ))?;
    }
    Ok(())
}

/// What the policy approves by itself, and so nobody is asked about.
fn gone(plan: &Plan) -> Result<(), Failure> {
    let classes = &plan.basis.set.pre_approved;
    if classes.is_empty() {
        return Ok(());
    }
    let classes: Vec<&str> = classes.iter().map(ClassName::as_str).collect();
    let segments = plan.irreversible().saturating_sub(plan.lasting.count());
    let segments = output::counted(segments, "segment", "segments");
    output::line(format!(
        "irreversible  {segments} destroyed by the next sweep: disposals of {} take no approval, now and later",
        classes.join(", ")
    ))?;
    Ok(())
}

fn cost(plan: &Plan) -> Result<(), Failure> {
    let longer = plan.lasting.longer;
    let objects = output::counted(longer.count, "object", "objects");
    let kept = format!("{objects} ({}) kept longer", output::size(longer.bytes));
    output::line(match &plan.cost {
        None => format!("cost        {kept}; `--prices FILE` tells what that costs"),
        Some(cost) => format!(
            "cost        {kept}: {} {currency}, of that {} for storage until the new dates and {} for moving locks",
            cost.total(),
            cost.storage,
            cost.requests,
            currency = cost.currency
        ),
    })?;
    Ok(())
}
