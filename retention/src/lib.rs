//! Decides what may happen to a segment; pure: times come in, decisions go out.
//!
//! Periods, holds and dispositions have their place here. So far no policy can be in force, and the
//! one decision is that of an unclassified segment: a settling lock that rolls on.
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]
#![warn(clippy::wildcard_enum_match_arm)]

mod settling;

pub use settling::Settling;
