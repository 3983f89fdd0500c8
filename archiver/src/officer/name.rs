//! Who an officer is: the log knows ids, the names lie sealed below `records/officers/` and can be
//! erased. Nothing is decided by them.

use std::collections::BTreeMap;

use strongroom_crypto::Digest;
use strongroom_crypto::detail::{self, MAX_DETAIL_BYTES, MAX_SEALED_BYTES};
use strongroom_crypto::json::{JsonError, ObjectReader, Value, object, text};
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::{OfficerKey, Registry};
use strongroom_crypto::time::Instant;

use crate::detail::{Detail, Unreadable};
use crate::log::{Log, put_once};
use crate::store::{Covered, LockedStore, ObjectKey, StoreError};

/// Where the names lie.
const PLACE: &str = "records/officers/";
/// Longest name in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// How many names are listed at once.
const PAGE: usize = 1_000;

/// A name of an officer with a key: under another key the id may be another person's.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Named {
    at: Instant,
    key: String,
    name: String,
    officer: OfficerId,
}

impl Named {
    fn to_json(&self) -> Value {
        object([
            ("at", text(self.at)),
            ("key", self.key.as_str().into()),
            ("name", self.name.as_str().into()),
            ("officer", text(&self.officer)),
            ("v", 1.into()),
        ])
    }

    fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut members = ObjectReader::from_bytes(bytes, MAX_DETAIL_BYTES)?;
        members.exactly("v", 1)?;
        let named = Self {
            at: members.parsed("at")?,
            key: members.text("key")?,
            name: members.text("name")?,
            officer: members.parsed("officer")?,
        };
        members.finish()?;
        Ok(named)
    }
}

/// Seals and stores an officer's name; the newest one counts.
///
/// # Errors
///
/// [`Unreadable`].
pub fn store(
    log: &Log,
    keys: &KeyFile,
    officer: &OfficerKey,
    name: &str,
    entropy: &mut dyn Entropy,
) -> Result<(), Unreadable> {
    let named = Named {
        at: log.now()?,
        key: super::public_line(&officer.public),
        name: name.to_owned(),
        officer: officer.id.clone(),
    };
    let plain = named.to_json().to_canonical();
    let kind = Detail::Officer.kind();
    let sealed = detail::seal(keys.kek(), keys.archive_id(), kind, &plain, entropy)?;
    let key = ObjectKey::new(format!("{PLACE}{}.enc", Digest::of(&sealed)));
    let key = key.map_err(crate::log::LogError::from)?;
    Ok(put_once(&**log.store(), log.covered(), &key, &sealed, None)?)
}

/// The names of registered officers that the keys open, and how many records they do not open.
///
/// # Errors
///
/// The store's.
pub fn read(
    store: &dyn LockedStore,
    covered: &Covered,
    keys: &KeyFile,
    registry: &Registry,
) -> Result<(BTreeMap<OfficerId, String>, u64), StoreError> {
    let mut newest: BTreeMap<OfficerId, Named> = BTreeMap::new();
    let (mut unopened, mut after) = (0_u64, None::<String>);
    loop {
        let listed = store.list(PLACE, after.as_deref(), PAGE)?;
        for one in &listed {
            match open(store, covered, keys, &one.key)? {
                None => unopened = unopened.saturating_add(1),
                Some(named) => {
                    let known = registry.get(&named.officer);
                    let same =
                        known.is_some_and(|one| super::public_line(&one.public) == named.key);
                    let before = newest.get(&named.officer).map(|before| before.at);
                    if same && before.is_none_or(|before| before <= named.at) {
                        newest.insert(named.officer.clone(), named);
                    }
                }
            }
        }
        after = match listed.last() {
            Some(last) if listed.len() >= PAGE => Some(last.key.to_string()),
            _ => break,
        };
    }
    Ok((newest.into_iter().map(|(id, named)| (id, named.name)).collect(), unopened))
}

/// A name, if the keys open it and it is what its object's name says.
fn open(
    store: &dyn LockedStore,
    covered: &Covered,
    keys: &KeyFile,
    key: &ObjectKey,
) -> Result<Option<Named>, StoreError> {
    let of_name = |sealed: &[u8]| *key.as_str() == format!("{PLACE}{}.enc", Digest::of(sealed));
    let opened = |sealed: Vec<u8>| {
        let kind = Detail::Officer.kind();
        let plain = of_name(&sealed)
            .then(|| detail::open(keys.kek(), keys.archive_id(), kind, &sealed).ok());
        plain.flatten().and_then(|plain| Named::parse(&plain).ok()).ok_or(())
    };
    match covered.read(store, key, MAX_SEALED_BYTES, opened) {
        Ok(Some(Ok(named))) => Ok(Some(named)),
        Ok(None | Some(Err(()))) | Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
