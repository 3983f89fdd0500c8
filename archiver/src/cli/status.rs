//! `strongroom status`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use strongroom_crypto::SegmentId;
use strongroom_crypto::json::{Value, array, object, text};
use strongroom_crypto::origin::OriginHandle;
use strongroom_crypto::state::{PolicyRecord, State};
use strongroom_retention::decision::Flag;

use super::target::{Place, Target};
use super::{EXIT_DONE, Failure, Machine, output};
use crate::log::{Gone, Keyring, Sealed, instant, newest_checkpoint, walk};
use crate::policies::Policies;
use crate::quarantine::is_quarantined;
use crate::read::{OriginStatus, origins};
use crate::store::{Covered, LockedStore};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// List the segments too
    #[arg(long)]
    segments: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, machine: &Machine) -> Result<u8, Failure> {
    let place = arguments.target.resolve()?;
    place.key()?;
    let store = place.store_read_only(machine)?;
    let keys = place.keys()?;
    let keyring = Arc::new(Keyring::new(Arc::clone(&store), Arc::clone(&keys)));
    let covered = keyring.covered();
    let (state, seals) = walk(&*store, &keys, covered)?;
    let head = newest_checkpoint(&*store, keys.log().verifier(), covered)?;
    let vkey = keys.log().verifier().to_string();
    let origins = origins(&*store, Some(&keyring), &seals)?;
    let destroyed = |sealed: &Sealed| matches!(sealed.gone, Some(Gone::Destroyed(_)));
    let gone = seals.iter().filter(|sealed| destroyed(sealed)).count();
    let seals: Vec<Sealed> = seals.into_iter().filter(|sealed| !destroyed(sealed)).collect();
    output::warn(covered);
    let sum = |of: fn(&Sealed) -> u64| seals.iter().map(of).fold(0, u64::saturating_add);
    let (events, bytes) = (sum(|sealed| sealed.seal.events.count), sum(|sealed| sealed.seal.bytes));
    let retention = Retention::of(&place, &*store, covered, (&state, &seals))?;
    let ahead = &retention.ahead;
    let in_quarantine = seals.iter().filter(|sealed| ahead.contains(&sealed.seal.segment_id));
    let quarantined: u64 = in_quarantine.map(|sealed| sealed.seal.events.count).sum();
    let size = head.as_ref().map_or(0, |head| head.size);
    if arguments.json {
        let origins = array(origins.iter().map(describe_origin));
        let listed = if arguments.segments {
            array(seals.iter().map(|sealed| describe(sealed, ahead)))
        } else {
            Value::Null
        };
        output::json(&object([
            ("archive_id", text(state.archive_id())),
            ("blocked", retention.blocked.into()),
            ("bytes_segments", bytes.into()),
            ("checkpoint_size", size.into()),
            ("destroyed", gone.into()),
            ("entries", state.size().into()),
            ("environment", text(state.environment())),
            ("events", events.into()),
            ("latest", text(state.latest())),
            ("log_open_sha256", text(state.log_open_sha256())),
            ("origins", origins),
            ("overdue", retention.overdue.into()),
            ("policy", retention.policy.as_ref().map(describe_policy).into()),
            ("quarantined", quarantined.into()),
            ("segment_list", listed),
            ("segments", state.live_segments().into()),
            ("store", state.store().into()),
            ("unclassified", retention.unclassified.into()),
            ("vkey", vkey.into()),
            ("warnings", array(covered.warnings().into_iter().map(Value::Text))),
        ]))?;
        return Ok(EXIT_DONE);
    }
    show_head(&state, &vkey, size)?;
    let (segments, events) = (output::count(state.live_segments()), output::count(events));
    output::line(format!("segments    {segments} live, {events} events, {}", output::size(bytes)))?;
    show_quarantined(quarantined, ahead.len())?;
    if gone > 0 {
        output::line(format!(
            "destroyed   {}: `strongroom disposition list`",
            output::counted(count_of(gone), "segment", "segments")
        ))?;
    }
    retention.show()?;
    show_origins(origins)?;
    if arguments.segments {
        show_segments(&seals)?;
    }
    Ok(EXIT_DONE)
}

/// What decides how long segments are kept.
struct Retention {
    /// The policy in force.
    policy: Option<PolicyRecord>,
    /// How many live segments no policy speaks of: none is in force, or its streams are others.
    unclassified: u64,
    /// How many a minimum keeps that crosses a maximum, and nobody decided.
    blocked: u64,
    /// How many a maximum wants gone that is over.
    overdue: u64,
    /// The segments whose events lie too far ahead of their receipt.
    ahead: BTreeSet<SegmentId>,
}

impl Retention {
    fn of(
        place: &Place,
        store: &dyn LockedStore,
        covered: &Covered,
        (state, seals): (&State, &[Sealed]),
    ) -> Result<Self, Failure> {
        let now = store.now()?;
        let policies = place.policies_of(store, covered, state);
        let policies = policies.unwrap_or_else(|failure| {
            let next = "run `strongroom verify`; until then every segment counts as unclassified";
            output::complain(&failure.message, Some(next));
            Policies::default()
        });
        let (mut unclassified, mut blocked, mut overdue) = (0, 0, 0);
        for segment in state.segments() {
            let decision = policies.decide(segment, &[], now);
            unclassified += u64::from(decision.governed_by.is_none());
            blocked += u64::from(decision.flags.contains(&Flag::Blocked));
            overdue += u64::from(decision.flags.contains(&Flag::Overdue));
        }
        let seals = seals.iter().map(|sealed| &sealed.seal);
        let ahead = seals.filter(|seal| is_quarantined(seal, policies.future_skew(seal.policy)));
        Ok(Self {
            policy: state.policy_in_force(instant(now)).cloned(),
            unclassified,
            blocked,
            overdue,
            ahead: ahead.map(|seal| seal.segment_id).collect(),
        })
    }

    fn show(&self) -> Result<(), Failure> {
        let Some(policy) = &self.policy else {
            output::line(
                "retention   no policy in force: every segment is unclassified, under a rolling settling lock",
            )?;
            return Ok(());
        };
        let (version, digest) = (policy.version, policy.policy);
        output::line(format!("retention   policy version {version} sha256:{digest}"))?;
        if self.unclassified > 0 {
            let segments = output::counted(self.unclassified, "segment", "segments");
            output::line(format!(
                "unclassified {segments}, under a rolling settling lock: `strongroom policy plan` shows of which streams"
            ))?;
        }
        for (count, flag, why) in [
            (self.blocked, "blocked", "a minimum crosses a maximum, and nobody decided"),
            (self.overdue, "overdue", "a maximum that binds is over"),
        ] {
            if count > 0 {
                let segments = output::counted(count, "segment", "segments");
                output::line(format!(
                    "{flag:<11} {segments}: {why}: `strongroom report retention --segments` names them"
                ))?;
            }
        }
        Ok(())
    }
}

fn describe_policy(policy: &PolicyRecord) -> Value {
    object([
        ("digest", text(policy.policy)),
        ("effective", text(policy.effective)),
        ("version", policy.version.into()),
    ])
}

fn show_quarantined(events: u64, segments: usize) -> Result<(), Failure> {
    if events > 0 {
        let events = output::counted(events, "event", "events");
        let segments = output::counted(count_of(segments), "segment", "segments");
        output::line(format!(
            "quarantined {events} in {segments}, ahead of the receipt: `status --segments --json`"
        ))?;
    }
    Ok(())
}

fn count_of(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn describe_origin((handle, origin): (&OriginHandle, &OriginStatus)) -> Value {
    object([
        ("end", origin.end.into()),
        ("generation", origin.generation.into()),
        ("generations", origin.generations.into()),
        ("handle", text(handle)),
        ("origin", origin.name.clone().map(Value::Text).into()),
        ("stream", origin.stream.as_str().into()),
    ])
}

fn show_head(state: &State, vkey: &str, size: u64) -> Result<(), Failure> {
    output::line(format!(
        "archive     {} ({} environment)",
        state.archive_id(),
        state.environment()
    ))?;
    output::line(format!("store       {}", state.store()))?;
    output::line(format!("vkey        {vkey}"))?;
    output::line(format!(
        "log         {}, checkpoint at {size}, last entry {}",
        output::counted(state.size(), "entry", "entries"),
        state.latest()
    ))?;
    Ok(())
}

fn describe(sealed: &Sealed, quarantined: &BTreeSet<SegmentId>) -> Value {
    let seal = &sealed.seal;
    object([
        ("bytes", seal.bytes.into()),
        ("events", seal.events.count.into()),
        ("object", seal.object.as_str().into()),
        ("quarantined", quarantined.contains(&seal.segment_id).into()),
        ("segment_id", text(seal.segment_id)),
        ("settle_until", text(seal.settle_until)),
        ("stream", seal.stream.as_str().into()),
    ])
}

fn show_segments(seals: &[Sealed]) -> Result<(), Failure> {
    output::line("")?;
    output::line(format!("{:<24} {:>14} {:>14}  SEGMENT", "STREAM", "EVENTS", "BYTES"))?;
    for Sealed { seal, .. } in seals {
        let (events, bytes) = (output::count(seal.events.count), output::count(seal.bytes));
        let (stream, id) = (seal.stream.as_str(), seal.segment_id);
        output::line(format!("{stream:<24} {events:>14} {bytes:>14}  {id}"))?;
    }
    Ok(())
}

fn show_origins(origins: BTreeMap<OriginHandle, OriginStatus>) -> Result<(), Failure> {
    if !origins.is_empty() {
        output::line("")?;
        output::line(format!("{:<24} {:>3} {:>14}  ORIGIN", "STREAM", "GEN", "SEALED BYTES"))?;
    }
    let mut rows: Vec<_> = origins.into_iter().collect();
    rows.sort_by(|(_, a), (_, b)| (&a.stream, &a.name).cmp(&(&b.stream, &b.name)));
    for (handle, origin) in rows {
        let name = origin.name.unwrap_or_else(|| format!("(handle {handle})"));
        let earlier = origin.generations.saturating_sub(1);
        let earlier =
            if earlier == 0 { String::new() } else { format!("  (and {earlier} earlier)") };
        output::line(format!(
            "{:<24} {:>3} {:>14}  {name}{earlier}",
            origin.stream,
            origin.generation,
            output::count(origin.end)
        ))?;
    }
    Ok(())
}
