//! The officers of the golden archive, whose keys anyone can make, and their signatures.

use strongroom_crypto::Digest;
use strongroom_crypto::entry::EntryKind;
use strongroom_crypto::keys::RoleKey;
use strongroom_crypto::name::OfficerId;
use strongroom_crypto::officer::{OfficerKey, OfficerSignature, Registry, Signatures};

use super::archive::Golden;

/// Who decides: by number, with their roles. Others sign too, and do not count.
const OFFICERS: [(u8, &str); 4] = [(1, "legal"), (2, "legal"), (3, "records"), (4, "risk")];

fn key(number: u8) -> RoleKey {
    RoleKey::from_seed(&[number + 100; 32])
}

fn id(number: u8) -> OfficerId {
    format!("officer-{number}").parse().unwrap()
}

/// Officers of these numbers and roles.
pub(crate) fn officers(of: &[(u8, &str)]) -> Registry {
    let officer = |(number, role): &(u8, &str)| OfficerKey {
        id: id(*number),
        public: key(*number).public(),
        role: role.parse().unwrap(),
    };
    Registry::new(of.iter().map(officer).collect()).unwrap()
}

/// The officers that the first entry names.
pub(crate) fn registry() -> Registry {
    officers(&OFFICERS)
}

/// The same with the signatures of officers over a statement.
pub(crate) fn signed_over(kind: EntryKind, statement: Digest, numbers: &[u8]) -> EntryKind {
    let sign = |number: &u8| OfficerSignature::sign(&key(*number), id(*number), statement);
    kind.with_signatures(Signatures::new(numbers.iter().map(sign).collect()).unwrap())
}

/// The same with their signatures over its own statement.
pub(crate) fn signed(golden: &Golden, kind: EntryKind, numbers: &[u8]) -> EntryKind {
    let statement = Digest::of(&kind.statement(golden.state.archive_id()));
    signed_over(kind, statement, numbers)
}
