//! Twelve cases that prove a retention engine right, asked for at the command line as an officer or auditor would:
//! each has its exact instants, and none of the answers that a plausible wrong engine gives.

mod check;
mod clocks;
mod conflicts;
mod counting;
mod facts;
mod holds;
mod scene;
mod schedules;
