//! The content of `attest`: what came of trying to break the store's locks.

use std::collections::BTreeMap;

use crate::{
    json::{JsonError, Members, ObjectReader, array, text},
    name::CheckName,
};

/// The content of `attest`: every check with its one outcome, at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attest(BTreeMap<CheckName, Attested>);

/// What came of one check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attested {
    /// The store withstood it.
    Held,
    /// A lock was broken.
    Broken,
    /// It could not be tried, or its refusal proves nothing.
    NotProven,
}

impl Attested {
    const ALL: [Self; 3] = [Self::Broken, Self::Held, Self::NotProven];

    /// The member that lists the checks of this outcome.
    const fn member(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Held => "held",
            Self::NotProven => "not_proven",
        }
    }
}

impl Attest {
    /// Of checks that were made; none if there are none.
    pub fn new(checks: BTreeMap<CheckName, Attested>) -> Option<Self> {
        (!checks.is_empty()).then_some(Self(checks))
    }

    /// The checks of an outcome, in order.
    pub fn list(&self, outcome: Attested) -> Vec<&CheckName> {
        let of = self.0.iter().filter(|(_, found)| **found == outcome);
        of.map(|(check, _)| check).collect()
    }

    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let mut checks = BTreeMap::new();
        for outcome in Attested::ALL {
            let name = outcome.member();
            let listed: Vec<CheckName> = members.sorted(name, "not an array of names of checks")?;
            for check in listed {
                if checks.insert(check, outcome).is_some() {
                    return Err(members.refused(name, "a check has two outcomes"));
                }
            }
        }
        Self::new(checks).ok_or_else(|| members.refused("held", "no check at all"))
    }

    pub(super) fn put(&self, members: &mut Members) {
        for outcome in Attested::ALL {
            members.insert(outcome.member(), array(self.list(outcome).into_iter().map(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_one_outcome() {
        let read = |held: &[&str], broken: &[&str]| {
            let list = |names: &[&str]| array(names.iter().copied());
            let value = crate::json::object([
                ("broken", list(broken)),
                ("held", list(held)),
                ("not_proven", list(&[])),
            ]);
            Attest::take(&mut ObjectReader::new(value).unwrap())
        };
        assert_eq!(
            read(&["a", "b"], &["c"]).map(|attest| attest.list(Attested::Held).len()),
            Ok(2)
        );
        assert!(read(&["a"], &["a"]).unwrap_err().to_string().contains("two outcomes"));
        assert!(read(&["b", "a"], &[]).unwrap_err().to_string().contains("sorted"));
        assert!(read(&[], &[]).unwrap_err().to_string().contains("no check"));
    }
}
