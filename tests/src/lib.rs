//! What the tests share: stores that fail, and an auditor that reads everything from outside.

pub mod faulty_store;
pub mod program;
pub mod temp;
