//! The registry: whose signatures count.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    b64,
    json::{JsonError, ObjectReader, Value, array, object, text},
    keys::RolePublic,
    name::{Environment, OfficerId, OfficerRole},
};

/// Greatest number of officers. An entry, which names all of them, holds fewer where their names
/// are long.
pub const MAX_OFFICERS: usize = 64;

/// An officer as the log knows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OfficerKey {
    /// The opaque id; who it is stands elsewhere.
    pub id: OfficerId,
    /// What their signatures are checked against.
    pub public: RolePublic,
    /// What they answer for.
    pub role: OfficerRole,
}

/// The officers of an archive: no id and no key twice, at most [`MAX_OFFICERS`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Registry(BTreeMap<OfficerId, OfficerKey>);

/// Why officers do not make a registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RegistryError {
    /// More than [`MAX_OFFICERS`].
    #[error("more than 64 officers")]
    TooMany,
    /// An id twice.
    #[error("not sorted, or one occurs twice")]
    Order,
    /// One person under two ids could approve alone.
    #[error("two officers have one public key")]
    SameKey,
    /// Too few to decide, or to go on when one leaves.
    #[error("name at least {officers} officers in two roles, the recovery key not counted")]
    TooFew {
        /// How many it takes.
        officers: usize,
    },
}

/// The role of the recovery key: kept offline, it stands for a second officer where one is lost.
const RECOVERY: &str = "recovery";

impl OfficerKey {
    /// Whether it is the recovery key, which is nobody's and approves nothing else.
    pub fn is_recovery(&self) -> bool {
        self.role.as_str() == RECOVERY
    }
}

impl Registry {
    /// Puts officers together.
    ///
    /// # Errors
    ///
    /// Says which rule is broken.
    pub fn new(mut officers: Vec<OfficerKey>) -> Result<Self, RegistryError> {
        officers.sort_by(|left, right| left.id.cmp(&right.id));
        Self::sorted(officers)
    }

    /// Whether there are enough for an archive of this kind: what two decide needs a third in
    /// production, or a recovery key, or the loss of one key would end all decisions.
    ///
    /// # Errors
    ///
    /// Says how many it takes.
    pub fn check_enough(&self, environment: Environment) -> Result<(), RegistryError> {
        let (recovery, deciding): (Vec<_>, Vec<_>) =
            self.0.values().partition(|officer| officer.is_recovery());
        let officers = match environment {
            Environment::Production if recovery.is_empty() => 3,
            Environment::Production | Environment::Test => 2,
        };
        let roles: BTreeSet<_> = deciding.iter().map(|officer| &officer.role).collect();
        let enough = deciding.len() >= officers && roles.len() >= super::BOTH;
        if enough { Ok(()) } else { Err(RegistryError::TooFew { officers }) }
    }

    /// An officer of this id.
    pub fn get(&self, id: &OfficerId) -> Option<&OfficerKey> {
        self.0.get(id)
    }

    /// All officers, by id.
    pub fn iter(&self) -> impl Iterator<Item = &OfficerKey> {
        self.0.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the member `officers`.
    pub(crate) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut officers = Vec::new();
        for mut item in members.objects("officers")? {
            let bytes = item.base64("public")?;
            let public = RolePublic::from_bytes(&bytes);
            officers.push(OfficerKey {
                id: item.parsed("id")?,
                public: public.map_err(|reason| item.refused("public", reason))?,
                role: item.parsed("role")?,
            });
            item.finish()?;
        }
        Self::sorted(officers).map_err(|reason| members.refused("officers", reason))
    }

    /// The array of the member `officers`.
    pub(crate) fn to_value(&self) -> Value {
        array(self.iter().map(|officer| {
            object([
                ("id", text(&officer.id)),
                ("public", b64::encode(officer.public.as_bytes()).into()),
                ("role", text(&officer.role)),
            ])
        }))
    }

    fn sorted(officers: Vec<OfficerKey>) -> Result<Self, RegistryError> {
        if officers.len() > MAX_OFFICERS {
            return Err(RegistryError::TooMany);
        }
        if !officers.is_sorted_by(|left, right| left.id < right.id) {
            return Err(RegistryError::Order);
        }
        let keys: BTreeSet<_> = officers.iter().map(|officer| officer.public.as_bytes()).collect();
        if keys.len() < officers.len() {
            return Err(RegistryError::SameKey);
        }
        Ok(Self(officers.into_iter().map(|officer| (officer.id.clone(), officer)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::officer, *};

    #[test]
    fn nobody_is_registered_twice() {
        let new = |officers: &[OfficerKey]| Registry::new(officers.to_vec());
        let (one, two) = (officer(1, "legal"), officer(2, "records"));
        assert_eq!(new(&[two.clone(), one.clone()]).map(|found| found.iter().count()), Ok(2));
        assert_eq!(new(&[one.clone(), one.clone()]), Err(RegistryError::Order));
        let same = OfficerKey { id: two.id, ..one.clone() };
        assert_eq!(new(&[one, same]), Err(RegistryError::SameKey));
        let many = |n: u8| (0..n).map(|n| officer(n, "legal")).collect::<Vec<_>>();
        assert!(new(&many(64)).is_ok());
        assert_eq!(new(&many(65)), Err(RegistryError::TooMany));
    }

    #[test]
    fn production_takes_a_third_officer_and_everyone_a_second_role() {
        let enough = |roles: &[&str], environment| {
            let officers = roles.iter().zip(1..).map(|(role, n)| officer(n, role));
            Registry::new(officers.collect()).unwrap().check_enough(environment)
        };
        let (test, production) = (Environment::Test, Environment::Production);
        let too_few = |officers| Err(RegistryError::TooFew { officers });
        assert_eq!(enough(&["legal"], test), too_few(2));
        assert_eq!(enough(&["legal", "legal"], test), too_few(2));
        assert_eq!(enough(&["legal", "records"], test), Ok(()));
        assert_eq!(enough(&["legal", "records"], production), too_few(3));
        assert_eq!(enough(&["legal"; 3], production), too_few(3));
        assert_eq!(enough(&["legal", "records", "legal"], production), Ok(()));
    }
}
