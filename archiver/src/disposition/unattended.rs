//! Disposal without anybody at hand: orders that are open are carried out to their end, and what the policy in force approves by
//! itself is ordered and destroyed, once its grace is over. Whatever takes officers is left to them.

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::keys::{Entropy, KeyFile};
use strongroom_crypto::name::{ClassName, OrderId};
use strongroom_crypto::state::State;

use super::DispositionError;
use super::batch::Batch;
use super::execute::{Clocks, carry_out, order};
use super::history::{Certified, History};
use super::propose::{Proposal, Selection, Unfit, propose};
use crate::log::{Log, instant};
use crate::policies::Policies;

/// What was done.
#[derive(Debug, Default)]
pub struct Unattended {
    /// Orders that were carried out.
    pub carried_out: Vec<(OrderId, Certified)>,
    /// Orders that something stands in the way of: the next run tries again.
    pub stopped: Vec<(OrderId, DispositionError)>,
    /// Segments that the policy approves and that may not go yet, with the reason.
    pub left: Vec<(SegmentId, Unfit)>,
}

/// Carries out open orders, then orders and destroys at most `max_objects` segments of pre-approved classes.
///
/// # Errors
///
/// [`DispositionError`] of the store, the log or the clocks. What stands in the way of one order is returned with it.
pub fn dispose(
    log: &mut Log,
    keys: &KeyFile,
    policies: &Policies,
    clocks: Clocks,
    max_objects: usize,
    entropy: &mut dyn Entropy,
) -> Result<Unattended, DispositionError> {
    let mut done = Unattended::default();
    let open: Vec<OrderId> = log.state().orders().map(|(id, _)| id.clone()).collect();
    if open.is_empty() && approved_classes(log.state(), clocks.local.min(clocks.store)).is_empty() {
        return Ok(done);
    }
    let now = clocks.earlier()?;
    for id in open {
        let carried_out = carry_out(log, keys, policies, &id, clocks, entropy);
        done.take(id, carried_out)?;
    }
    let Some(batch) = done.propose(log, keys, policies, max_objects, now, entropy)? else {
        return Ok(done);
    };
    // A crash after the order leaves it open: the next run begins with it.
    let carried_out = order(log, keys, policies, &batch, clocks, entropy)
        .and_then(|()| carry_out(log, keys, policies, &batch.order, clocks, entropy));
    done.take(batch.order, carried_out)?;
    Ok(done)
}

/// The record classes that the policy in force disposes of without approval.
fn approved_classes(state: &State, now: Timestamp) -> &[ClassName] {
    state.policy_in_force(instant(now)).map(|policy| &*policy.pre_approved).unwrap_or_default()
}

impl Unattended {
    fn take(
        &mut self,
        id: OrderId,
        carried_out: Result<Certified, DispositionError>,
    ) -> Result<(), DispositionError> {
        match carried_out {
            Ok(certified) => self.carried_out.push((id, certified)),
            Err(error @ (DispositionError::Log(_) | DispositionError::Clock { .. })) => {
                return Err(error);
            }
            Err(error) => self.stopped.push((id, error)),
        }
        Ok(())
    }

    /// A batch of what goes without approval; none if nothing does.
    fn propose(
        &mut self,
        log: &Log,
        keys: &KeyFile,
        policies: &Policies,
        max_objects: usize,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Batch>, DispositionError> {
        let history = History::read(log, keys)?;
        let selection = Selection {
            as_of: now,
            streams: Vec::new(),
            max_objects,
            pre_approved: Some(approved_classes(&history.state, now).to_vec()),
        };
        let proposal = propose(log, &history, policies, &selection, now, entropy);
        let Proposal { batch, left } = match proposal {
            // Nothing is approved where no policy is in force.
            Err(DispositionError::NoPolicy) => return Ok(None),
            proposal => proposal?,
        };
        self.left.extend(left);
        Ok(batch)
    }
}
