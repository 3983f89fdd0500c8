//! What the tests share: stores that fail, and an auditor that reads everything from outside.

pub mod archive;
pub mod auditor;
pub mod clock;
pub mod entropy;
pub mod events;
pub mod fault_proxy;
pub mod faulty_store;
pub mod officers;
pub mod policies;
pub mod program;
pub mod sealed;
pub mod temp;

use std::io::{self, Write as _};

/// Says something past the test harness, which keeps what a passing test prints.
pub fn say(line: &str) {
    let mut uncaptured = io::stderr();
    writeln!(uncaptured, "{line}").unwrap();
}
