//! Destruction by order: a batch is proposed, reviewed and approved; the order stands in the log
//! before anything goes, and a certificate after everything went.
//!
//! | module | job |
//! | --- | --- |
//! | [`history`] | what the log says of orders, certificates, reviews and holds |
//! | [`review`] | how far the batches have come that officers spoke of |
//! | [`dates`] | whether what an order names might go, decided again |
//! | [`propose`] | which segments may go, and whether they still may |
//! | [`batch`] | the document that officers approve |
//! | [`execute`] | the order, and what it destroys |
//! | [`approvals`] | who approved an order, in which role and when |
//! | [`certificate`] | what is certified |
//! | [`unattended`] | what goes without anybody at hand |
//! | [`verify`] | whether it is so |

pub mod approvals;
pub mod batch;
pub mod certificate;
pub mod dates;
pub mod execute;
pub mod history;
pub mod propose;
pub mod review;
pub mod unattended;
pub mod verify;

use jiff::Timestamp;
use strongroom_crypto::SegmentId;
use strongroom_crypto::entry::Verdict;
use strongroom_crypto::json::JsonError;
use strongroom_crypto::name::{OfficerId, OrderId};
use strongroom_crypto::state::Void;
use strongroom_crypto::time::Instant;

use crate::log::LogError;
use crate::store::StoreError;
use dates::Premature;
use propose::Unfit;

/// A disposal that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DispositionError {
    /// The log or the store.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file is no batch.
    #[error("it is no batch: {0}")]
    Batch(#[from] JsonError),
    /// No policy is in force, or it says nothing that can be counted.
    #[error("no policy is in force that gives dates")]
    NoPolicy,
    /// What the officers saw is not so any more.
    #[error("{0} since the batch was proposed")]
    Moved(&'static str),
    /// A segment may not go, or not as the batch says.
    #[error("segment {id} {why}")]
    Unfit {
        /// The segment.
        id: SegmentId,
        /// Why.
        why: Unfit,
    },
    /// The approvals count no more.
    #[error("approvals of this batch counted until {0}")]
    Expired(Instant),
    /// Its file lets approvals count for longer than the policy does.
    #[error(
        "approvals of this batch are to count until {said}, under the policy they lapse by {most}"
    )]
    TooLong {
        /// What the batch says.
        said: Instant,
        /// What the policy says of approvals that are given now.
        most: Instant,
    },
    /// The first approval is too old.
    #[error("approvals lapse at {0} under the policy, counted from the first")]
    Lapsed(Instant),
    /// An order of a time that has not come.
    #[error("the order of entry {index} is of {at}, and it is {now}")]
    Ahead {
        /// The order's entry.
        index: u64,
        /// Its time.
        at: Instant,
        /// What the clocks say.
        now: Instant,
    },
    /// An officer said no.
    #[error("officer `{officer}` said `{}` to this batch in entry {index}", .verdict.as_str())]
    Refused {
        /// Who.
        officer: OfficerId,
        /// What.
        verdict: Verdict,
        /// Where.
        index: u64,
    },
    /// The grace is not over.
    #[error("nothing of this batch may go before {0}")]
    Early(Instant),
    /// Nobody knows what time it is.
    #[error("the clock of this machine says {local}, the store's {store}: over two minutes apart")]
    Clock {
        /// This machine's.
        local: Timestamp,
        /// The store's.
        store: Timestamp,
    },
    /// The log does not take the order.
    #[error("{0}")]
    Void(Void),
    /// A batch of another order's id.
    #[error("entry {index} ordered `{order}`, and what it ordered is not this batch")]
    OtherOrder {
        /// The order.
        order: OrderId,
        /// Its entry.
        index: u64,
    },
    /// There is no such order.
    #[error("the log has no order `{0}`")]
    NoOrder(OrderId),
    /// A segment was not to go by this order.
    #[error("segment {id} is not touched: the order of entry {index} came too early, {why}")]
    Premature {
        /// The segment.
        id: SegmentId,
        /// The order's entry.
        index: u64,
        /// Why.
        why: Premature,
    },
    /// Something is still there.
    #[error("`{object}` is still there: {detail}")]
    Left {
        /// What.
        object: String,
        /// Why.
        detail: String,
    },
}

impl From<StoreError> for DispositionError {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}
