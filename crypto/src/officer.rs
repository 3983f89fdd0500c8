//! Officers: the people whose signatures decide (`FORMAT.md`, sections 6.1 and 8).

mod registry;
mod signature;

pub use registry::{MAX_OFFICERS, OfficerKey, Registry, RegistryError};
pub(crate) use signature::MEMBER;
pub use signature::{MAX_SIGNATURES, OfficerSignature, Signatures, signed_bytes, verify};

use std::collections::BTreeSet;

use crate::{
    digest::Digest,
    keys::RoleKeyError,
    name::{OfficerId, OfficerRole},
};

/// How many persons, or roles, it takes for what no one may do alone.
const BOTH: usize = 2;

/// Whose signatures a statement needs. All that stand there have to hold, also those beyond.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quorum<'a> {
    /// Any officer's.
    One,
    /// Any officer's, or that of the recovery key.
    OneOrRecovery,
    /// Two officers' of different roles.
    TwoRoles,
    /// The same, or one officer's and that of the recovery key.
    Recoverable {
        /// Whether the recovery key signed it in the log long enough ago.
        due: bool,
    },
    /// An officer's of each of these roles.
    Roles(&'a [OfficerRole; 2]),
}

/// Why signatures do not authorise.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OfficerError {
    /// Nobody whose signature counts.
    #[error("officer `{officer}` is not registered")]
    Unregistered {
        /// Who signed.
        officer: OfficerId,
    },
    /// A signature by another key or over another statement.
    #[error("the signature of officer `{officer}` does not verify")]
    Signature {
        /// Who is said to have signed.
        officer: OfficerId,
    },
    /// No signature at all.
    #[error("no officer signed")]
    Unsigned,
    /// Too few, or all of one role.
    #[error("two officers in two roles have to sign")]
    TwoRoles,
    /// One officer and the recovery key, announced too late or not at all.
    #[error(
        "one officer and the recovery key suffice seven days after the recovery key signed in the log"
    )]
    Recovery,
    /// A role that has to sign and did not.
    #[error("no officer of role `{role}` signed")]
    Role {
        /// The role.
        role: OfficerRole,
    },
}

impl Registry {
    /// Whether signatures over a statement are those of a quorum.
    ///
    /// # Errors
    ///
    /// Names the first signature that does not hold, else what is missing.
    pub fn authorise(
        &self,
        signatures: &Signatures,
        statement: Digest,
        quorum: Quorum<'_>,
    ) -> Result<(), OfficerError> {
        let (mut roles, mut recovery) = (BTreeSet::new(), false);
        for OfficerSignature { officer, sig } in signatures.iter() {
            let unregistered = || OfficerError::Unregistered { officer: officer.clone() };
            let known = self.get(&officer).ok_or_else(unregistered)?;
            let refused = |_: RoleKeyError| OfficerError::Signature { officer: officer.clone() };
            verify(&known.public, statement, &sig).map_err(refused)?;
            // An officer has one role, so as many roles are as many officers. The recovery key
            // is no officer's.
            if known.is_recovery() {
                recovery = true;
            } else {
                roles.insert(&known.role);
            }
        }
        match quorum {
            Quorum::One if roles.is_empty() => Err(OfficerError::Unsigned),
            Quorum::OneOrRecovery if roles.is_empty() && !recovery => Err(OfficerError::Unsigned),
            Quorum::Recoverable { due } if recovery && roles.len() == 1 => {
                if due {
                    Ok(())
                } else {
                    Err(OfficerError::Recovery)
                }
            }
            Quorum::TwoRoles | Quorum::Recoverable { .. } if roles.len() < BOTH => {
                Err(OfficerError::TwoRoles)
            }
            Quorum::Roles(needed) => match needed.iter().find(|role| !roles.contains(role)) {
                Some(role) => Err(OfficerError::Role { role: role.clone() }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::keys::RoleKey;

    /// An officer's key; other numbers than those of role keys.
    pub(crate) fn officer_key(n: u8) -> RoleKey {
        RoleKey::from_seed(&[n.wrapping_add(100); 32])
    }

    pub(crate) fn officer(n: u8, role: &str) -> OfficerKey {
        let id = format!("officer-{n}").parse().unwrap();
        OfficerKey { id, public: officer_key(n).public(), role: role.parse().unwrap() }
    }

    /// Officers 1 and 2 are of `legal`, 3 of `records`, 4 of `risk`; 7 is the recovery key.
    pub(crate) fn registry() -> Registry {
        let officers = [(1, "legal"), (2, "legal"), (3, "records"), (4, "risk"), (7, "recovery")];
        Registry::new(officers.map(|(n, role)| officer(n, role)).to_vec()).unwrap()
    }

    pub(crate) fn signatures(statement: Digest, officers: &[u8]) -> Signatures {
        let signed = officers.iter().map(|n| {
            let id = format!("officer-{n}").parse().unwrap();
            OfficerSignature::sign(&officer_key(*n), id, statement)
        });
        Signatures::new(signed.collect()).unwrap()
    }

    #[test]
    fn a_quorum_is_persons_in_roles() {
        let statement = Digest::of(b"statement");
        let named = ["legal", "records"].map(|role| role.parse().unwrap());
        let check = |officers: &[u8], quorum| {
            registry().authorise(&signatures(statement, officers), statement, quorum)
        };
        assert_eq!(check(&[], Quorum::One), Err(OfficerError::Unsigned));
        assert_eq!(check(&[1], Quorum::One), Ok(()));
        for too_few in [vec![], vec![1], vec![1, 2]] {
            assert_eq!(check(&too_few, Quorum::TwoRoles), Err(OfficerError::TwoRoles));
        }
        assert_eq!(check(&[2, 4], Quorum::TwoRoles), Ok(()));
        let missing = Err(OfficerError::Role { role: "records".parse().unwrap() });
        assert_eq!(check(&[1, 4], Quorum::Roles(&named)), missing);
        assert_eq!(check(&[1, 3], Quorum::Roles(&named)), Ok(()));
        let unregistered = OfficerError::Unregistered { officer: "officer-9".parse().unwrap() };
        assert_eq!(check(&[1, 3, 9], Quorum::TwoRoles), Err(unregistered));
    }

    #[test]
    fn a_signature_counts_for_its_statement_and_officer_alone() {
        let (statement, other) = (Digest::of(b"statement"), Digest::of(b"other"));
        let refused = OfficerError::Signature { officer: "officer-1".parse().unwrap() };
        let found = registry().authorise(&signatures(other, &[1, 3]), statement, Quorum::One);
        assert_eq!(found, Err(refused.clone()));
        let forged =
            OfficerSignature::sign(&officer_key(3), "officer-1".parse().unwrap(), statement);
        let forged = Signatures::new(vec![forged]).unwrap();
        assert_eq!(registry().authorise(&forged, statement, Quorum::One), Err(refused));
    }
}
