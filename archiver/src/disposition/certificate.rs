//! The certificate of destruction: what went, why, by whose order, how, and what is left of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{DispositionOrder, Seal, TimeRange};
use strongroom_crypto::json::{JsonError, Members, ObjectReader, Value, array, object, text};
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::{Count, Decision, RuleResult};
use strongroom_retention::hold::Holds;
use strongroom_retention::schedule::Dated;

use super::approvals::Approval;
use super::execute::Clocks;
use super::history::{History, Ordered};
use crate::log::{Log, instant, timestamp};
use crate::policies::{About, Policies};

/// Longest certificate in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 8 << 20;

/// What the store cannot be asked about, and what this program does not reach.
const NOT_COVERED: [&str; 3] = [
    "replicas of the store: version deletes are not replicated",
    "backups of the key file and of the store",
    "copies that were exported or read before",
];

/// Everything that a certificate is made of.
pub(super) struct Certificate<'a> {
    pub(super) log: &'a Log,
    pub(super) keys: &'a KeyFile,
    pub(super) history: &'a History,
    pub(super) policies: &'a Policies,
    pub(super) ordered: &'a Ordered,
    pub(super) approvals: Vec<Approval>,
    pub(super) destroyed: &'a [Destroyed],
    pub(super) fates: &'a [(PeriodKeyName, KeyFate)],
    pub(super) clocks: Clocks,
    /// When it was all looked for again, by the store's clock.
    pub(super) verified: Timestamp,
}

/// A segment that is gone.
pub(super) struct Destroyed {
    pub(super) index: u64,
    pub(super) seal: Seal,
    pub(super) versions: Vec<String>,
    /// Uploads of its name that were never completed, and were aborted.
    pub(super) uploads: u64,
}

/// What became of a period key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyFate {
    /// It is gone, and so many uploads of its name that were never completed.
    Destroyed { uploads: u64 },
    /// A live segment needs it.
    Needed,
    /// A legal hold is set on it.
    Held,
    /// It cannot be deleted before.
    Locked(Instant),
}

impl KeyFate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Destroyed { .. } => "destroyed",
            Self::Needed => "needed by live segments",
            Self::Held => "held",
            Self::Locked(_) => "locked",
        }
    }

    const fn uploads(self) -> u64 {
        if let Self::Destroyed { uploads } = self { uploads } else { 0 }
    }

    const fn until(self) -> Option<Instant> {
        if let Self::Locked(until) = self { Some(until) } else { None }
    }
}

impl Certificate<'_> {
    pub(super) fn to_json(&self) -> Value {
        let order = &self.ordered.order;
        let versions = self.destroyed.iter().map(|one| one.versions.len()).sum::<usize>();
        let decisions: Vec<Decision> = self.destroyed.iter().map(|one| self.decide(one)).collect();
        let segments = self.destroyed.iter().zip(&decisions);
        let segments = segments.map(|(one, decision)| segment(one, decision));
        let name = self.dated(order.policy).map(|dated| dated.policy().name.as_str());
        let seals: Vec<(u64, &Seal)> =
            self.destroyed.iter().map(|one| (one.index, &one.seal)).collect();
        let mut members = self.entered().members(&seals);
        let run: [(&str, Value); 17] = [
            ("approvals", array(self.approvals.iter().map(Approval::to_json))),
            ("certificate_before", self.history.certificate.map(text).into()),
            ("data_subjects", data_subjects()),
            ("exceptions", array(self.exceptions())),
            ("executor", self.executor()),
            ("keys", array(self.fates.iter().map(|(name, fate)| key(name, *fate)))),
            ("not_covered", array(NOT_COVERED)),
            ("organisation", self.organisation()),
            ("places", array([self.place()])),
            ("policy_name", name.into()),
            ("residual_copies", array(self.residual_copies())),
            ("segments", array(segments)),
            ("series", array(self.series(&decisions).into_values())),
            ("time", self.time()),
            ("uploads_aborted", self.uploads().into()),
            ("verification", self.verification()),
            ("versions", versions.into()),
        ];
        for (name, value) in run {
            members.insert(name, value);
        }
        Value::Object(members)
    }

    fn entered(&self) -> Entered<'_> {
        let Ordered { index, at, order, .. } = self.ordered;
        Entered { state: &self.history.state, order, index: *index, at: *at }
    }

    /// What was decided of a segment when its destruction was ordered.
    fn decide(&self, one: &Destroyed) -> Decision {
        let (about, at) = (About::from(&one.seal), timestamp(self.ordered.at));
        self.policies.decide_about(&about, None, &Holds::default(), at)
    }

    fn dated(&self, policy: Digest) -> Option<&Dated> {
        self.policies.schedule().iter().find(|dated| dated.digest() == policy)
    }

    /// No entry and no policy names the organisation: the policy names a function in it.
    fn organisation(&self) -> Value {
        let owner = self.dated(self.ordered.order.policy).map(|dated| &*dated.policy().owner);
        object([
            ("name", Value::Null),
            ("policy_owner", owner.into()),
            ("reason", "an archive is not told the name of its organisation".into()),
        ])
    }

    /// What was destroyed, by the rules of the policies that governed it, each once.
    fn series(&self, decisions: &[Decision]) -> BTreeMap<(Digest, String), Value> {
        let mut series = BTreeMap::new();
        for decision in decisions {
            let Some(by) = &decision.governed_by else { continue };
            let rules = self.dated(by.digest).into_iter().flat_map(|one| &one.policy().streams);
            let title = rules.into_iter().find(|rule| rule.id == by.stream_rule);
            let one = || {
                object([
                    ("catalogue", text(by.catalogue)),
                    ("citations", array(decision.rules.iter().map(citation))),
                    ("class", text(&by.class)),
                    ("policy", text(by.digest)),
                    ("policy_name", by.policy.as_str().into()),
                    ("policy_version", by.version.into()),
                    ("schedule_item", by.stream_rule.as_str().into()),
                    ("title", title.map(|rule| rule.title.as_str()).into()),
                ])
            };
            series.entry((by.digest, by.stream_rule.clone())).or_insert_with(one);
        }
        series
    }

    fn uploads(&self) -> u64 {
        let segments = self.destroyed.iter().map(|one| one.uploads);
        segments.chain(self.fates.iter().map(|(_, fate)| fate.uploads())).sum()
    }

    fn place(&self) -> Value {
        let gone = self.fates.iter().all(|(_, fate)| matches!(fate, KeyFate::Destroyed { .. }));
        object([("method", method(gone).into()), ("url", self.log.store().url().into())])
    }

    /// What should have gone with the segments and is still there.
    fn exceptions(&self) -> impl Iterator<Item = Value> {
        let kept = self.fates.iter().filter(|(_, fate)| !matches!(fate, KeyFate::Destroyed { .. }));
        kept.map(|(name, fate)| {
            let until = fate.until().map(|until| format!(" until {until}")).unwrap_or_default();
            let why = format!("{}{until}", fate.as_str());
            object([("object", format!("keys/period/{name}").into()), ("why", why.into())])
        })
    }

    /// What may still be read by, and until when.
    fn residual_copies(&self) -> impl Iterator<Item = Value> {
        let keys = self.fates.iter().filter_map(|(name, fate)| {
            let copy = format!("keys/period/{name}");
            let why = "destroyed by the first sweep after that";
            fate.until().map(|until| residual(copy, Some(until), why))
        });
        let unknown = "the archive does not know of them";
        keys.chain(NOT_COVERED.map(|copy| residual(copy.to_owned(), None, unknown)))
    }

    /// All was looked for again before this was written: where something is left nothing is certified.
    fn verification(&self) -> Value {
        object([
            ("at", text(instant(self.verified))),
            ("left", array::<Value>([])),
            ("method", "lists of versions and of unfinished uploads".into()),
        ])
    }

    fn executor(&self) -> Value {
        object([
            ("key_id", text(self.keys.role(Role::Remove).id())),
            ("role", "remove".into()),
            ("software", concat!("strongroom ", env!("CARGO_PKG_VERSION")).into()),
        ])
    }

    fn time(&self) -> Value {
        let Clocks { local, store } = self.clocks;
        object([("local", text(instant(local))), ("store", text(instant(store)))])
    }
}

fn segment(one: &Destroyed, decision: &Decision) -> Value {
    let Destroyed { index, seal, versions, .. } = one;
    let Decision { keep_until, must_go_by, deciding_rule, governed_by, .. } = decision;
    let rule = deciding_rule.as_deref();
    let citation = decision.rules.iter().find(|found| Some(found.reg.as_str()) == rule);
    object([
        ("bytes", seal.bytes.into()),
        ("citation", citation.map(|found| found.citation.as_str()).into()),
        ("class", text(Policies::class(decision, &seal.class))),
        ("class_at_seal", text(&seal.class)),
        ("deciding_rule", rule.into()),
        ("entry", (*index).into()),
        ("events", seal.events.count.into()),
        ("id", text(seal.segment_id)),
        ("keep_until", keep_until.instant().map(|at| text(instant(at))).into()),
        ("must_go_by", must_go_by.map(|at| text(instant(at))).into()),
        ("object", text(&seal.object)),
        ("policy", governed_by.as_ref().map(|by| text(by.digest)).into()),
        ("schedule_item", governed_by.as_ref().map(|by| by.stream_rule.as_str()).into()),
        ("sha256", text(seal.object_sha256)),
        ("stream", text(&seal.stream)),
        ("versions", array(versions.iter().map(String::as_str))),
    ])
}

/// A rule that a policy cites, with the periods that it gives.
fn citation(rule: &RuleResult) -> Value {
    let period = |count: &Option<Count>| count.as_ref().and_then(|count| count.period).map(text);
    object([
        ("citation", rule.citation.as_str().into()),
        ("max", period(&rule.max).into()),
        ("min", period(&rule.min).into()),
        ("rule", rule.reg.as_str().into()),
        ("weight", rule.weight.as_str().into()),
    ])
}

fn data_subjects() -> Value {
    let reason = "events are not searched for the persons whom they are about";
    object([("count", Value::Null), ("reason", reason.into())])
}

fn residual(copy: String, expires: Option<Instant>, reason: &str) -> Value {
    object([
        ("copy", copy.into()),
        ("expires", expires.map(text).into()),
        ("reason", reason.into()),
    ])
}

/// Who said yes: the schedule itself, where nobody had to sign.
fn approved_by(order: &DispositionOrder) -> &'static str {
    if order.signatures.is_empty() { "schedule" } else { "officers" }
}

fn key(name: &PeriodKeyName, fate: KeyFate) -> Value {
    object([
        ("fate", fate.as_str().into()),
        ("key", format!("keys/period/{name}").into()),
        ("until", fate.until().map(text).into()),
    ])
}

/// What the log says of a disposal, by itself.
#[derive(Clone, Copy, Debug)]
pub struct Entered<'a> {
    /// What the entries add up to.
    pub state: &'a State,
    /// The order.
    pub order: &'a DispositionOrder,
    /// Its entry.
    pub index: u64,
    /// When that was made.
    pub at: Instant,
}

impl Entered<'_> {
    /// The members of a certificate that follow from the log alone. `seals` are those of what was
    /// destroyed, with their entries.
    fn members(&self, seals: &[(u64, &Seal)]) -> Members {
        let Self { state, order, index, at } = self;
        let events = seals.iter().fold(0_u64, |sum, (_, one)| sum.saturating_add(one.events.count));
        let record = state.policies().iter().find(|policy| policy.policy == order.policy);
        let members = object([
            ("approved_by", approved_by(order).into()),
            ("archive_id", text(state.archive_id())),
            ("catalogue", record.map(|policy| text(policy.catalogue)).into()),
            ("events", events.into()),
            ("hold_check", self.hold_check()),
            ("id", text(&order.order)),
            ("inclusive_dates", inclusive_dates(seals)),
            ("list", text(order.list)),
            ("list_object", format!("lists/{}.json", order.list).into()),
            ("order", text(&order.order)),
            ("order_at", text(at)),
            ("order_entry", (*index).into()),
            ("policy", text(order.policy)),
            ("policy_version", record.map(|policy| policy.version).into()),
            ("segment_bytes", order.bytes.into()),
            ("segment_count", order.count.into()),
            ("v", 1.into()),
        ]);
        if let Value::Object(members) = members { members } else { Members::default() }
    }

    /// The order is valid only if none of its segments was held when it was entered.
    fn hold_check(&self) -> Value {
        object([
            ("at", text(self.at)),
            ("hold_epoch", self.order.hold_epoch.into()),
            ("result", "no hold".into()),
        ])
    }

    /// Where a certificate differs from the log: what it says of its order, of who approved it, of each
    /// segment that it destroyed, and of their keys.
    ///
    /// # Errors
    ///
    /// The bytes are no certificate.
    pub fn differences(
        &self,
        bytes: &[u8],
        seals: &[(u64, &Seal)],
    ) -> Result<Vec<String>, JsonError> {
        let mut certificate = ObjectReader::from_bytes(bytes, MAX_CERTIFICATE_BYTES)?;
        let mut found = Vec::new();
        for (name, expected) in self.members(seals).iter() {
            if certificate.value(name)? != *expected {
                found.push(format!("`{name}` is not what the log says"));
            }
        }
        let approvals = certificate.objects("approvals")?.into_iter();
        let approvals: Vec<(String, [u8; 64])> = approvals
            .map(|mut one| Ok((one.text("officer")?, one.base64("sig")?)))
            .collect::<Result<_, JsonError>>()?;
        let signed = self.order.signatures.iter();
        if !signed.map(|signed| (signed.officer.to_string(), signed.sig)).eq(approvals) {
            found.push("`approvals` are not those of its order".to_owned());
        }
        let mut segments = BTreeMap::new();
        for mut one in certificate.objects("segments")? {
            let mut said = Vec::new();
            for name in SEALED {
                said.push(one.value(name)?);
            }
            segments.insert(one.text("id")?, said);
        }
        for (entry, seal) in seals {
            if segments.remove(&seal.segment_id.to_string()) != Some(sealed(*entry, seal).into()) {
                let id = seal.segment_id;
                found.push(format!("segment {id} is not as it was sealed, or not named"));
            }
        }
        if let Some((id, _)) = segments.first_key_value() {
            found.push(format!("segment {id} is not one of its order"));
        }
        found.extend(keys_differ(&mut certificate, seals)?);
        for name in RUN {
            certificate.value(name)?;
        }
        certificate.finish()?;
        Ok(found)
    }
}

/// What a certificate says of a segment as its seal does.
const SEALED: [&str; 7] =
    ["bytes", "class_at_seal", "entry", "events", "object", "sha256", "stream"];

fn sealed(entry: u64, seal: &Seal) -> [Value; 7] {
    [
        seal.bytes.into(),
        text(&seal.class),
        entry.into(),
        seal.events.count.into(),
        text(&seal.object),
        text(seal.object_sha256),
        text(&seal.stream),
    ]
}

/// What only the run knows that destroyed it, or the policies decide.
const RUN: [&str; 13] = [
    "certificate_before",
    "data_subjects",
    "exceptions",
    "executor",
    "not_covered",
    "organisation",
    "policy_name",
    "residual_copies",
    "series",
    "time",
    "uploads_aborted",
    "verification",
    "versions",
];

/// Whether a certificate names the keys of its segments, and says how they went by what became of them.
fn keys_differ(
    certificate: &mut ObjectReader,
    seals: &[(u64, &Seal)],
) -> Result<Option<String>, JsonError> {
    let (mut named, mut gone) = (BTreeSet::new(), true);
    for mut key in certificate.objects("keys")? {
        named.insert(key.text("key")?);
        gone &= key.text("fate")? == (KeyFate::Destroyed { uploads: 0 }).as_str();
    }
    let needed = seals.iter().map(|(_, seal)| format!("keys/period/{}", seal.period_key));
    if named != needed.collect() {
        return Ok(Some("`keys` are not those of its segments".to_owned()));
    }
    for mut place in certificate.objects("places")? {
        if place.text("method")? != method(gone) {
            return Ok(Some("`method` is not what became of its `keys`".to_owned()));
        }
    }
    Ok(None)
}

/// How a place was cleared.
const fn method(keys_are_gone: bool) -> &'static str {
    if keys_are_gone { "version delete and key destroyed" } else { "version delete" }
}

/// From the first event to the last, by their own word or by their receipt.
fn inclusive_dates(seals: &[(u64, &Seal)]) -> Value {
    let times = || seals.iter().map(|(_, seal)| seal.event_time.unwrap_or(seal.receive_time));
    let (from, to) = (times().map(TimeRange::min).min(), times().map(TimeRange::max).max());
    object([("from", from.map(text).into()), ("to", to.map(text).into())])
}

/// The objects of the period keys that a certificate says are destroyed.
///
/// # Errors
///
/// The bytes are no certificate.
pub fn destroyed_keys(bytes: &[u8]) -> Result<Vec<String>, JsonError> {
    let mut members = ObjectReader::from_bytes(bytes, MAX_CERTIFICATE_BYTES)?;
    let mut names = Vec::new();
    for mut key in members.objects("keys")? {
        if key.text("fate")? == (KeyFate::Destroyed { uploads: 0 }).as_str() {
            names.push(key.text("key")?);
        }
    }
    Ok(names)
}
