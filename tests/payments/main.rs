//! The service with its sandbox: from an order to a credited balance, and everything that can go wrong in between.
//!
//! `src/docs/hard_cases.md` lists the tests of each hard case.
//!
//! `faults` breaks the companies' answers, `browser` pays as a person does, `eligibility` tests who may pay how,
//! `columns` proves that state is read from columns, never from texts or timelines, and
//! `told` sends notifications that no ordinary payment causes, and `ours` those of other sales of the same accounts.
#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod chromium;
mod columns;
mod companies;
mod eligibility;
mod faults;
mod kept;
mod large;
mod ours;
mod settlement;
mod short;
mod signing;
mod stage;
mod take_backs;
mod told;
mod trust;
mod workers;
