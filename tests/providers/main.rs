//! Providers against played companies: what goes over the wire, and what an odd answer means.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions, clippy::panic)]

mod contract;
mod paypal;
mod paypal_notifications;
mod stripe;
mod stripe_notifications;
mod support;
mod vnpay;
