//! Policies: their text, and how two officers put one in force without the program.

use strongroom_archiver::document::Document;
use strongroom_archiver::log::{Item, Log};
use strongroom_crypto::Digest;
use strongroom_crypto::entry::{EntryKind, PolicySet};
use strongroom_crypto::keys::{KeyFile, RoleKey};
use strongroom_crypto::officer::{OfficerKey, OfficerSignature, Registry, Signatures};
use strongroom_crypto::time::Instant;
use strongroom_retention::catalogue::Catalogue;

use crate::clock::now;
use crate::entropy::Dice;

/// Who decides about disposal in these policies.
pub const ROLES: [&str; 2] = ["legal", "records"];

/// A policy, of which tests say the streams and what else they are about.
#[derive(Clone, Copy, Debug)]
pub struct PolicyText<'a> {
    /// Its number.
    pub version: u32,
    /// The day that it begins on, as `YYYY-MM-DD`.
    pub effective: &'a str,
    /// The digest of the one before it.
    pub supersedes: Option<Digest>,
    /// The digest of its catalogue.
    pub catalogue: Option<Digest>,
    /// Whose dates count.
    pub zone: &'a str,
    /// Between the end of a period and the earliest destruction.
    pub grace: &'a str,
    /// The items of `streams`, two spaces in.
    pub streams: &'a str,
}

impl Default for PolicyText<'_> {
    fn default() -> Self {
        Self {
            version: 1,
            effective: "2027-01-15",
            supersedes: None,
            catalogue: None,
            zone: "UTC",
            grace: "P30D",
            streams: "",
        }
    }
}

impl PolicyText<'_> {
    /// The file.
    pub fn text(&self) -> String {
        let Self { version, effective, supersedes, catalogue, zone, grace, streams } = self;
        let supersedes = supersedes.map(|digest| format!("\n  supersedes: sha256:{digest}"));
        let supersedes = supersedes.unwrap_or_default();
        let catalogue = catalogue.unwrap_or_else(|| Catalogue::shipped().unwrap().digest());
        let [first, second] = ROLES;
        format!(
            "schema: strongroom.policy/v1
metadata:
  name: test
  version: {version}{supersedes}
  effective: {effective}
  transition: current
  owner: records
catalogue: {{file: catalogue.yaml, digest: \"sha256:{catalogue}\"}}
defaults:
  zone: {zone}
  fiscal_year_end: \"12-31\"
  max_future_skew: PT5M
  max_lock: P12Y
  grace: {grace}
  review_sla: P14D
  sweep_every: P1D
  disposal: {{approval: two_person, roles: [{first}, {second}], approval_ttl: P30D, certificate_retain: P1Y}}
streams:
{streams}"
        )
    }
}

/// The day of the machine's clock, as `YYYY-MM-DD`.
pub fn today() -> String {
    now().strftime("%Y-%m-%d").to_string()
}

/// Three officers in both roles, with the test keys of 1 to 3.
pub fn registry() -> Registry {
    let [first, second] = ROLES;
    let officers = [(1, first), (2, second), (3, first)].map(|(seed, role)| OfficerKey {
        id: format!("officer-{seed}").parse().unwrap(),
        role: role.parse().unwrap(),
        public: RoleKey::from_seed(&[seed; 32]).public(),
    });
    Registry::new(officers.to_vec()).unwrap()
}

/// Stores the text and the shipped catalogue, and enters the policy as the first two of
/// [`registry`] signed it.
pub fn put_in_force(log: &mut Log, keys: &KeyFile, text: &str, at: Instant) {
    let catalogue = Document::Catalogue.store(log, Catalogue::shipped_text().as_bytes()).unwrap();
    let policy = Document::Policy.store(log, text.as_bytes()).unwrap();
    let kind = EntryKind::PolicySet(Box::new(PolicySet {
        catalogue,
        effective: at,
        expires_at: at,
        plan: Digest::of(b"plan"),
        policy,
        pre_approved: Vec::new(),
        roles: ROLES.map(|role| role.parse().unwrap()),
        signatures: Signatures::default(),
        supersedes: None,
        version: 1,
    }));
    let statement = Digest::of(&kind.statement(keys.archive_id()));
    let sign = |seed: u8| {
        let officer = format!("officer-{seed}").parse().unwrap();
        OfficerSignature::sign(&RoleKey::from_seed(&[seed; 32]), officer, statement)
    };
    let signatures = Signatures::new(vec![sign(1), sign(2)]).unwrap();
    let item = Item { kind: kind.with_signatures(signatures), beside: None };
    assert!(log.append(&[item], None, &mut Dice::new(1, 3)).unwrap().is_empty());
}
