//! The content of `attest`: what came of trying to break the store's locks.

use crate::{
    json::{JsonError, Members, ObjectReader, array, text},
    name::CheckName,
};

/// The content of `attest`. Each check stands in one of the lists, which are sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attest {
    broken: Vec<CheckName>,
    held: Vec<CheckName>,
    not_proven: Vec<CheckName>,
}

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

impl Attest {
    /// Notes a check. One that is noted twice counts as the worse of both.
    pub fn note(&mut self, check: CheckName, outcome: Attested) {
        let worst = [Attested::Broken, Attested::NotProven, Attested::Held];
        let weight = |outcome| worst.iter().position(|known| *known == outcome);
        let known = worst.into_iter().find(|known| self.list(*known).contains(&check));
        if let Some(known) = known {
            if weight(known) <= weight(outcome) {
                return;
            }
            self.list_mut(known).retain(|other| *other != check);
        }
        let list = self.list_mut(outcome);
        let place = list.partition_point(|other| *other < check);
        list.insert(place, check);
    }

    /// The checks of an outcome.
    pub fn list(&self, outcome: Attested) -> &[CheckName] {
        match outcome {
            Attested::Held => &self.held,
            Attested::Broken => &self.broken,
            Attested::NotProven => &self.not_proven,
        }
    }

    fn list_mut(&mut self, outcome: Attested) -> &mut Vec<CheckName> {
        match outcome {
            Attested::Held => &mut self.held,
            Attested::Broken => &mut self.broken,
            Attested::NotProven => &mut self.not_proven,
        }
    }

    pub(super) fn take(members: &mut ObjectReader) -> Result<Self, JsonError> {
        let attest = Self {
            broken: checks(members, "broken")?,
            held: checks(members, "held")?,
            not_proven: checks(members, "not_proven")?,
        };
        let mut all: Vec<&CheckName> =
            attest.broken.iter().chain(&attest.held).chain(&attest.not_proven).collect();
        if all.is_empty() {
            return Err(members.refused("held", "no check at all"));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        if all.len() < count {
            return Err(members.refused("held", "a check has two outcomes"));
        }
        Ok(attest)
    }

    pub(super) fn put(&self, members: &mut Members) {
        members.insert("broken", array(self.broken.iter().map(text)));
        members.insert("held", array(self.held.iter().map(text)));
        members.insert("not_proven", array(self.not_proven.iter().map(text)));
    }
}

fn checks(members: &mut ObjectReader, name: &'static str) -> Result<Vec<CheckName>, JsonError> {
    super::sorted(members, name, "not an array of names of checks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> CheckName {
        name.parse().unwrap()
    }

    #[test]
    fn the_worse_of_two_outcomes_counts() {
        use Attested::{Broken, Held, NotProven};
        for (first, second, expected) in [
            (Held, Broken, Broken),
            (Broken, Held, Broken),
            (Held, NotProven, NotProven),
            (NotProven, Held, NotProven),
            (Held, Held, Held),
        ] {
            let mut attest = Attest::default();
            attest.note(check("delete"), first);
            attest.note(check("delete"), second);
            assert_eq!(attest.list(expected), [check("delete")]);
            let all = [Held, Broken, NotProven].map(|outcome| attest.list(outcome).len());
            assert_eq!(all.iter().sum::<usize>(), 1, "{first:?} {second:?}");
        }
    }

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
        assert!(read(&["a", "b"], &["c"]).is_ok());
        assert!(read(&["a"], &["a"]).unwrap_err().to_string().contains("two outcomes"));
        assert!(read(&["b", "a"], &[]).unwrap_err().to_string().contains("sorted"));
        assert!(read(&[], &[]).unwrap_err().to_string().contains("no check"));
    }
}
