//! Which rules oblige, and which of two gives way. The check of a policy and the decision about a
//! record both ask here, so that they cannot differ.

use super::force::{Basis, MaxKind};
use super::limit::Maximum;
use super::regulation::Regulation;

/// Where law of the European Union is the law of the land.
const EU_MEMBERS: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

impl Regulation {
    /// Whether its periods bind as they are: a number that it leaves to the policy does not.
    pub fn fixes_periods(&self) -> bool {
        matches!(self.basis, Basis::Mandated | Basis::Derived)
    }

    /// Whether its maximum is a duty. What no duty says is advice, whoever gives the number.
    pub fn max_is_duty(&self) -> bool {
        let has_max = self.retain_max != Maximum::None;
        has_max && self.basis.binds() && self.max_kind != MaxKind::Recommended
    }

    /// Whether its maximum gives way to another rule's minimum by its own text: a soft one does to
    /// law of its own place that binds. A contract or a standard exempts from nothing, and nor does
    /// the law of another place.
    pub fn max_yields_to(&self, min: &Self) -> bool {
        let is_law_here = min.fixes_periods() && min.is_home_law_of(self);
        self.id != min.id && self.max_kind == MaxKind::Soft && is_law_here
    }

    /// Whether its maximum is that of the GDPR, of the Union or of the United Kingdom, and the
    /// minimum is law that the GDPR does not speak of.
    pub fn max_meets_foreign(&self, min: &Self) -> bool {
        let is_gdpr = matches!(self.id.as_str(), "eu-gdpr-5-1-e" | "uk-gdpr");
        is_gdpr && min.fixes_periods() && min.force.is_law() && !min.is_home_law_of(self)
    }

    /// Whether it is law of the place that another rule is of: law of a Member State is law of the
    /// Union, and law of a state is law of its federation.
    fn is_home_law_of(&self, other: &Self) -> bool {
        let (own, home) = (self.place(), other.place());
        self.force.is_law() && (own == home || home == "EU" && EU_MEMBERS.contains(&own))
    }

    fn place(&self) -> &str {
        self.jurisdiction.split(['-', '/']).next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;

    fn rule(id: &str, edit: impl FnOnce(&mut Regulation)) -> Regulation {
        let mut rule = Catalogue::shipped().unwrap().get(id).unwrap().clone();
        edit(&mut rule);
        rule
    }

    #[test]
    fn a_recommendation_is_no_duty() {
        let is_duty = |edit: fn(&mut Regulation)| rule("in-dpdp-8-3", edit).max_is_duty();
        assert!(is_duty(|_| ()));
        assert!(!is_duty(|rule| rule.max_kind = MaxKind::Recommended));
        assert!(!is_duty(|rule| rule.basis = Basis::Customary));
        assert!(!is_duty(|rule| rule.retain_max = Maximum::None));
    }

    #[test]
    fn law_of_a_part_is_law_of_the_whole() {
        let of = |id: &str, place: &str| rule(id, |rule| rule.jurisdiction = place.to_owned());
        let [state, country, other] = ["US-NY", "US", "UK"].map(|place| of("uk-fca-sysc-9", place));
        assert!(state.is_home_law_of(&country) && !other.is_home_law_of(&country));
        let [union, member] = ["EU", "PT"].map(|place| of("uk-fca-sysc-9", place));
        assert!(member.is_home_law_of(&union) && !union.is_home_law_of(&member));
        assert!(!of("pci-dss-10-5-1", "US").is_home_law_of(&country));
    }

    #[test]
    fn a_number_that_is_left_to_the_policy_makes_nothing_yield() {
        let [gdpr, mifid, dora, fca, pci] = [
            "eu-gdpr-5-1-e",
            "eu-mifid2-16-7",
            "eu-dora-2024-1774-12",
            "uk-fca-sysc-9",
            "pci-dss-10-5-1",
        ]
        .map(|id| rule(id, |_| ()));
        assert!(gdpr.max_yields_to(&mifid) && !gdpr.max_yields_to(&dora));
        assert!(!gdpr.max_yields_to(&fca) && !gdpr.max_yields_to(&pci));
        assert!(gdpr.max_meets_foreign(&fca) && !gdpr.max_meets_foreign(&pci));
    }
}
