//! The certificate of destruction: what went, why, by whose order, how, and what is left of it.

use std::collections::BTreeMap;

use strongroom_crypto::entry::{DispositionOrder, Seal, TimeRange};
use strongroom_crypto::json::{JsonError, ObjectReader, Value, array, object, text};
use strongroom_crypto::keys::{KeyFile, Role};
use strongroom_crypto::name::PeriodKeyName;
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::Decision;
use strongroom_retention::hold::Holds;

use super::execute::Clocks;
use super::history::{History, Ordered};
use crate::log::{Log, instant, timestamp};
use crate::policies::{About, Policies};

/// Longest certificate in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 8 << 20;

/// What the store cannot be asked about, and what this program does not reach.
const NOT_COVERED: [&str; 4] = [
    "uploads in parts that were never completed: their bytes were never readable",
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
    pub(super) destroyed: &'a [Destroyed],
    pub(super) fates: &'a [(PeriodKeyName, KeyFate)],
    pub(super) clocks: Clocks,
}

/// A segment that is gone.
pub(super) struct Destroyed {
    pub(super) index: u64,
    pub(super) seal: Seal,
    pub(super) versions: Vec<String>,
}

/// What became of a period key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyFate {
    /// It is gone.
    Destroyed,
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
            Self::Destroyed => "destroyed",
            Self::Needed => "needed by live segments",
            Self::Held => "held",
            Self::Locked(_) => "locked",
        }
    }
}

impl Certificate<'_> {
    pub(super) fn to_json(&self) -> Value {
        let (order, log) = (&self.ordered.order, self.log);
        let events =
            self.destroyed.iter().fold(0_u64, |sum, one| sum.saturating_add(one.seal.events.count));
        let versions = self.destroyed.iter().map(|one| one.versions.len()).sum::<usize>();
        let gone = self.fates.iter().all(|(_, fate)| *fate == KeyFate::Destroyed);
        let method = if gone { "version delete and key destroyed" } else { "version delete" };
        let (from, to) = self.inclusive();
        object([
            ("approvals", array(self.approvals())),
            ("archive_id", text(log.state().archive_id())),
            ("certificate_before", self.history.certificate.map(text).into()),
            ("events", events.into()),
            ("executor", self.executor()),
            ("hold_check", self.hold_check()),
            (
                "inclusive_dates",
                object([("from", from.map(text).into()), ("to", to.map(text).into())]),
            ),
            ("keys", array(self.fates.iter().map(|(name, fate)| key(name, *fate)))),
            ("list", text(order.list)),
            ("list_object", format!("lists/{}.json", order.list).into()),
            ("method", method.into()),
            ("not_covered", array(NOT_COVERED)),
            ("order", text(&order.order)),
            ("order_at", text(self.ordered.at)),
            ("order_entry", self.ordered.index.into()),
            ("places", array([log.store().url()])),
            ("policy", text(order.policy)),
            ("policy_version", self.policy_version().into()),
            ("segment_bytes", order.bytes.into()),
            ("segment_count", order.count.into()),
            ("segments", array(self.destroyed.iter().map(|one| self.segment(one)))),
            ("time", self.time()),
            ("v", 1.into()),
            (
                "verification",
                object([("left", array::<Value>([])), ("method", "list of versions".into())]),
            ),
            ("versions", versions.into()),
        ])
    }

    fn approvals(&self) -> impl Iterator<Item = Value> {
        let registry = self.history.state.officers();
        self.ordered.order.signatures.iter().map(move |signed| {
            let role = registry.get(&signed.officer).map(|officer| text(&officer.role));
            object([("officer", text(&signed.officer)), ("role", role.into())])
        })
    }

    fn executor(&self) -> Value {
        object([
            ("key_id", text(self.keys.role(Role::Remove).id())),
            ("role", "remove".into()),
            ("software", concat!("strongroom ", env!("CARGO_PKG_VERSION")).into()),
        ])
    }

    /// The order is valid only if none of its segments was held when it was entered.
    fn hold_check(&self) -> Value {
        object([
            ("at", text(self.ordered.at)),
            ("hold_epoch", self.ordered.order.hold_epoch.into()),
            ("result", "no hold".into()),
        ])
    }

    fn policy_version(&self) -> Option<u64> {
        let mut policies = self.history.state.policies().iter();
        let policy = policies.find(|policy| policy.policy == self.ordered.order.policy)?;
        Some(policy.version)
    }

    /// From the first event to the last, by their own word or by their receipt.
    fn inclusive(&self) -> (Option<Instant>, Option<Instant>) {
        let times = || {
            self.destroyed.iter().map(|one| one.seal.event_time.unwrap_or(one.seal.receive_time))
        };
        (times().map(TimeRange::min).min(), times().map(TimeRange::max).max())
    }

    fn time(&self) -> Value {
        let Clocks { local, store } = self.clocks;
        object([("local", text(instant(local))), ("store", text(instant(store)))])
    }

    fn segment(&self, one: &Destroyed) -> Value {
        let Destroyed { index, seal, versions } = one;
        let holds = Holds::default();
        let at = timestamp(self.ordered.at);
        let decision = self.policies.decide_about(&About::from(seal), None, &holds, at);
        let Decision { keep_until, must_go_by, deciding_rule, .. } = &decision;
        let rule = deciding_rule.as_deref();
        let citation = decision.rules.iter().find(|found| Some(found.reg.as_str()) == rule);
        let item = decision.governed_by.as_ref().map(|governed| governed.stream_rule.as_str());
        object([
            ("bytes", seal.bytes.into()),
            ("citation", citation.map(|found| found.citation.as_str()).into()),
            ("class", text(Policies::class(&decision, &seal.class))),
            ("class_at_seal", text(&seal.class)),
            ("deciding_rule", rule.into()),
            ("entry", (*index).into()),
            ("events", seal.events.count.into()),
            ("id", text(seal.segment_id)),
            ("keep_until", keep_until.instant().map(|at| text(instant(at))).into()),
            ("must_go_by", must_go_by.map(|at| text(instant(at))).into()),
            ("object", text(&seal.object)),
            ("schedule_item", item.into()),
            ("sha256", text(seal.object_sha256)),
            ("stream", text(&seal.stream)),
            ("versions", array(versions.iter().map(String::as_str))),
        ])
    }
}

fn key(name: &PeriodKeyName, fate: KeyFate) -> Value {
    let until = if let KeyFate::Locked(until) = fate { Some(text(until)) } else { None };
    object([
        ("fate", fate.as_str().into()),
        ("key", format!("keys/period/{name}").into()),
        ("until", until.into()),
    ])
}

/// Where a certificate differs from the log: what it says of its order, of who approved it, and of each
/// segment that it destroyed, with the entry of its seal.
///
/// # Errors
///
/// The bytes are no certificate.
pub fn differences<'a>(
    bytes: &[u8],
    order: &DispositionOrder,
    order_entry: u64,
    destroyed: impl Iterator<Item = (u64, &'a Seal)>,
) -> Result<Vec<String>, JsonError> {
    let mut members = ObjectReader::from_bytes(bytes, MAX_CERTIFICATE_BYTES)?;
    let expected = [
        ("list", order.list.to_string()),
        ("order", order.order.to_string()),
        ("policy", order.policy.to_string()),
    ];
    let mut found = Vec::new();
    for (name, expected) in expected {
        if members.text(name)? != expected {
            found.push(format!("`{name}` is not that of its order"));
        }
    }
    let counts = [
        ("order_entry", order_entry),
        ("segment_bytes", order.bytes),
        ("segment_count", order.count),
    ];
    for (name, expected) in counts {
        if members.u64(name)? != expected {
            found.push(format!("`{name}` is not that of its order"));
        }
    }
    let approvals = members.objects("approvals")?.into_iter();
    let approvals: Vec<String> =
        approvals.map(|mut one| one.text("officer")).collect::<Result<_, _>>()?;
    let signed = order.signatures.iter().map(|signed| signed.officer.to_string());
    if !signed.eq(approvals) {
        found.push("`approvals` are not those of its order".to_owned());
    }
    let mut segments = BTreeMap::new();
    for mut one in members.objects("segments")? {
        let said = (one.u64("entry")?, one.text("object")?, one.text("sha256")?, one.u64("bytes")?);
        segments.insert(one.text("id")?, said);
    }
    for (entry, seal) in destroyed {
        let sealed = (entry, seal.object.to_string(), seal.object_sha256.to_string(), seal.bytes);
        if segments.remove(&seal.segment_id.to_string()) != Some(sealed) {
            found
                .push(format!("segment {} is not as it was sealed, or not named", seal.segment_id));
        }
    }
    if let Some((id, _)) = segments.first_key_value() {
        found.push(format!("segment {id} is not one of its order"));
    }
    Ok(found)
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
        if key.text("fate")? == KeyFate::Destroyed.as_str() {
            names.push(key.text("key")?);
        }
    }
    Ok(names)
}
