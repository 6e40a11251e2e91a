//! Tests the sandbox over real HTTP: it uses the formats of the companies, and is as strict as they are.
#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

mod harness;
mod paypal;
mod paypal_scenes;
mod start;
mod stripe;
mod stripe_scenes;
mod vnpay;
