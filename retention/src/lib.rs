//! Decides what may happen to a segment; pure: times come in, decisions go out.
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod catalogue;
pub mod clock;
pub mod decide;
pub mod decision;
pub mod explain;
pub mod facts;
pub mod hold;
pub mod period;
pub mod policy;
pub mod schedule;
mod settling;
mod yaml;

pub use decide::decide;
pub use settling::{LATEST_LOCK, Settling};
