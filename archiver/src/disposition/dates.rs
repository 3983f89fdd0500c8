//! Whether what an order names might go when it was given, decided again from the policies, clocks and
//! holds of its time: whoever can enter an order cannot decide a date.

use std::fmt;

use jiff::Timestamp;
use strongroom_crypto::entry::{DispositionOrder, Seal};
use strongroom_crypto::name::ClassName;
use strongroom_crypto::state::State;
use strongroom_crypto::time::Instant;
use strongroom_retention::decision::KeepUntil;
use strongroom_retention::hold::Holds;

use crate::hold::{Histories, last_release};
use crate::log::timestamp;
use crate::policies::{About, Policies};

/// What decides again.
#[derive(Clone, Copy, Debug)]
pub struct Dates<'a> {
    /// The policies, with all that was ever recorded of clocks.
    pub policies: &'a Policies,
    /// The archive as it is, with every list at hand.
    pub state: &'a State,
    /// What was ever entered of holds.
    pub holds: &'a Histories,
}

/// Why a segment was not to go by an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Premature {
    /// Its period was not over.
    Kept(Timestamp),
    /// Its date cannot be decided.
    Undated,
    /// Its grace was not over.
    Grace(Timestamp),
    /// Nobody signed, and the policy does not approve disposals of its class.
    Unsigned(ClassName),
}

impl fmt::Display for Premature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(until) => write!(f, "it was kept until {until}"),
            Self::Undated => f.write_str(
                "its date cannot be decided from the log; where the policy matches labels, give `--config`",
            ),
            Self::Grace(until) => write!(f, "its grace lasted until {until}"),
            Self::Unsigned(class) => {
                write!(f, "nobody signed, and the policy does not approve disposals of class `{class}`")
            }
        }
    }
}

impl Dates<'_> {
    /// Why a segment was not to go by an order that was given at `at`; none if it was.
    pub fn premature(
        &self,
        order: &DispositionOrder,
        at: Instant,
        seal: &Seal,
    ) -> Option<Premature> {
        let last_release = last_release(self.holds, self.state, &seal.segment_id, &seal.holds, at);
        let last_release = last_release.map(timestamp);
        let holds = Holds { standing: Vec::new(), last_release };
        let now = timestamp(at);
        // The lock of what is gone is gone with it. The store has kept the object until its end.
        let decision = self.policies.decide_about(&About::from(seal), None, &holds, now);
        match decision.keep_until {
            KeepUntil::Until(until) if until > now => return Some(Premature::Kept(until)),
            KeepUntil::Until(_) => {}
            KeepUntil::Open => return Some(Premature::Undated),
        }
        let class = Policies::class(&decision, &seal.class);
        if order.signatures.is_empty() && !self.pre_approved(order).contains(&class) {
            return Some(Premature::Unsigned(class));
        }
        match decision.destroyable_from {
            Some(from) if from <= now => None,
            Some(from) => Some(Premature::Grace(from)),
            None => Some(Premature::Undated),
        }
    }

    /// When approvals lapsed at the latest that counted when an order was given, where the order lets
    /// them count for longer.
    pub fn outlasts(&self, order: &DispositionOrder, at: Instant) -> Option<Timestamp> {
        let lapse = self.policies.approvals_lapse(order.policy, timestamp(at))?;
        Some(lapse)
            .filter(|lapse| !order.signatures.is_empty() && timestamp(order.expires_at) > *lapse)
    }

    /// The classes that the policy of an order approves itself.
    fn pre_approved(&self, order: &DispositionOrder) -> &[ClassName] {
        let policies = self.state.policies().iter();
        let policy = policies.rev().find(|policy| policy.policy == order.policy);
        policy.map_or(&[], |policy| &policy.pre_approved)
    }
}
