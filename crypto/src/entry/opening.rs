//! `log.open` and `key.set`: who may append.

use crate::{
    b64,
    id::ArchiveId,
    json::{JsonError, Members, ObjectReader, Value, array, object, text},
    keys::{KeyId, Role, RolePublic},
    name::Environment,
    officer::{Registry, Signatures},
    time::Instant,
};

/// The format that this program writes.
const FORMAT: i64 = 1;

/// A public key under one role. One key may stand under several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredKey {
    /// Derived from [`RegisteredKey::public`].
    pub id: KeyId,
    /// The key.
    pub public: RolePublic,
    /// What it may append.
    pub role: Role,
}

impl RegisteredKey {
    /// Names a key by its id.
    pub fn new(public: RolePublic, role: Role) -> Self {
        Self { id: public.id(), public, role }
    }

    /// Reads `id`, `public` and `role`; an id that is not the key's own is refused.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let (id, role) = (members.parsed("id")?, members.parsed("role")?);
        let public = public(members)?;
        if public.id() != id {
            return Err(members.refused("id", "not the id of `public`"));
        }
        Ok(Self { id, public, role })
    }

    fn to_value(&self) -> Value {
        object([
            ("id", text(self.id)),
            ("public", b64::encode(self.public.as_bytes()).into()),
            ("role", text(self.role)),
        ])
    }
}

fn public(members: &mut ObjectReader) -> Result<RolePublic, JsonError> {
    let bytes = members.base64("public")?;
    RolePublic::from_bytes(&bytes).map_err(|reason| members.refused("public", reason))
}

/// The content of `log.open`. Its digest together with `log_vkey` is the auditor's trust anchor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogOpen {
    /// The archive.
    pub archive_id: ArchiveId,
    /// What it is for.
    pub environment: Environment,
    /// The first role keys; encoded in order of (role, id).
    pub keys: Vec<RegisteredKey>,
    /// The key that signs checkpoints, as C2SP signed-note spells it.
    pub log_vkey: String,
    /// The oldest program that can read the archive.
    pub min_reader: u64,
    /// The oldest program that may write to it.
    pub min_writer: u64,
    /// The first officers. In a test archive there may be none.
    pub officers: Registry,
    /// How long a segment is locked at birth.
    pub settle_ms: u64,
    /// Where the archive lives; a worker refuses another place.
    pub store: String,
}

impl LogOpen {
    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        members.exactly("format", FORMAT)?;
        let mut keys: Vec<RegisteredKey> = Vec::new();
        for mut item in members.objects("keys")? {
            let key = RegisteredKey::take(&mut item)?;
            if keys.last().map(|last| (last.role, last.id)) >= Some((key.role, key.id)) {
                return Err(members.refused("keys", "not sorted, or one occurs twice"));
            }
            item.finish()?;
            keys.push(key);
        }
        let environment = members.parsed("environment")?;
        let officers = Registry::take(members)?;
        if environment == Environment::Production || !officers.is_empty() {
            let enough = officers.check_enough(environment);
            enough.map_err(|reason| members.refused("officers", reason))?;
        }
        Ok(Self {
            archive_id: members.parsed("archive_id")?,
            environment,
            keys,
            log_vkey: members.text("log_vkey")?,
            min_reader: members.u64("min_reader")?,
            min_writer: members.u64("min_writer")?,
            officers,
            settle_ms: members.u64("settle_ms")?,
            store: members.text("store")?,
        })
    }

    pub(super) fn put(&self, members: &mut Members) {
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by_key(|key| (key.role, key.id));
        members.insert("archive_id", text(self.archive_id));
        members.insert("environment", text(self.environment));
        members.insert("format", FORMAT);
        members.insert("keys", array(keys.into_iter().map(RegisteredKey::to_value)));
        members.insert("log_vkey", self.log_vkey.as_str());
        members.insert("min_reader", self.min_reader);
        members.insert("min_writer", self.min_writer);
        members.insert("officers", self.officers.to_value());
        members.insert("settle_ms", self.settle_ms);
        members.insert("store", self.store.as_str());
    }
}

/// The content of `key.set`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySet {
    /// Until when the signatures count.
    pub expires_at: Instant,
    /// Which key.
    pub id: KeyId,
    /// Under which role.
    pub role: Role,
    /// What becomes of it.
    pub change: KeyChange,
    /// Of two officers to add or to revoke the last of a role, of one to revoke another.
    pub signatures: Signatures,
}

/// What becomes of a role key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyChange {
    /// It may append from now on.
    Add(RolePublic),
    /// It may not any more, and never again.
    Revoke,
}

impl KeySet {
    /// Registers a key, once officers signed.
    pub fn add(public: RolePublic, role: Role, expires_at: Instant) -> Self {
        let (id, signatures) = (public.id(), Signatures::default());
        Self { expires_at, id, role, change: KeyChange::Add(public), signatures }
    }

    /// Ends a key, once an officer signed.
    pub fn revoke(id: KeyId, role: Role, expires_at: Instant) -> Self {
        let signatures = Signatures::default();
        Self { expires_at, id, role, change: KeyChange::Revoke, signatures }
    }

    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let expires_at = members.parsed("expires_at")?;
        let mut change = match members.text("action")?.as_str() {
            "add" => {
                let RegisteredKey { public, role, .. } = RegisteredKey::take(members)?;
                Self::add(public, role, expires_at)
            }
            "revoke" => Self::revoke(members.parsed("id")?, members.parsed("role")?, expires_at),
            _ => return Err(members.refused("action", "neither `add` nor `revoke`")),
        };
        change.signatures = Signatures::take(members)?;
        Ok(change)
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("expires_at", text(self.expires_at));
        members.insert("id", text(self.id));
        members.insert("role", text(self.role));
        match &self.change {
            KeyChange::Add(public) => {
                members.insert("action", "add");
                members.insert("public", b64::encode(public.as_bytes()));
            }
            KeyChange::Revoke => members.insert("action", "revoke"),
        }
        self.signatures.put(members);
    }
}
