//! The service with its sandbox: from an order to a credited balance, and everything that can go wrong in between.
//!
//! | hard case | test |
//! |---|---|
//! | 1 one event ten times in parallel | `tests/api`: `races::case_01_…`; one after the other: `settlement::a_payment_credits_the_wallet_however_often_it_is_told` |
//! | 2 notification, return, poll and `verify` at once | `settlement::case_02_…`, two servers: `workers::two_servers_credit_once` |
//! | 3 two event types for one payment | `settlement::case_03_…`; the first without its order: `told::case_03_…` |
//! | 4 stored, crediting fails, repeated | `settlement::case_04_…` |
//! | 5 a bad signature writes nothing | `trust::case_05_…` (Stripe and VNPay; PayPal) |
//! | 6 secret unset or empty | `trust::case_06_…` |
//! | 7 provider A names an order of provider B | `trust::case_07_…` |
//! | 8 amount, currency, merchant, environment differ | `trust::case_08_…` (Stripe; VNPay; PayPal) |
//! | 9 completed but unpaid | `companies::case_09_…` |
//! | 10 PENDING, later DENIED | `companies::case_10_…` |
//! | 11 captured twice | `companies::case_11_…` |
//! | 12 VNPay's order of checks, review, return page | `companies::case_12_…` (three tests), what ends a review: `told::case_12_…` |
//! | 13 money after cancellation or expiry | `settlement::case_13_…` (two tests) |
//! | 14 cancel races settle | `tests/api`: `races::case_14_…` |
//! | 15 expired or failed after paid | `settlement::case_15_…` |
//! | 16 the notification never comes | `settlement::case_16_…` (two tests), shared work: `workers::two_servers_on_one_database_share_the_work` |
//! | 17 two tabs, and the limit of open orders | `tests/api`: `races::case_17_…` (two tests) |
//! | 18 a price, bonus or reason from the client | `tests/api`: `bad_input::case_18_…` |
//! | 19 the price is frozen at creation | `settlement::case_19_…` |
//! | 20 zero-decimal currencies | `settlement::case_20_…` |
//! | 21 amounts that are none, too precise or too large | `tests/api`: `bad_input::case_21_…` |
//! | 22 ids cannot be guessed, others get 404 | `tests/api`: `others::case_22_…` |
//!
//! `faults` breaks the companies' answers, `browser` pays as a person does, `eligibility` tests who may pay how,
//! `columns` proves that state is read from columns, never from texts or timelines, and
//! `told` sends notifications that no ordinary payment causes.
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
mod settlement;
mod signing;
mod stage;
mod told;
mod trust;
mod workers;
