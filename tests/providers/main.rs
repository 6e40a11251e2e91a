//! Tests the providers with simulated companies: the requests that they send, and how they read unusual responses.
#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions, clippy::panic)]

mod contract;
mod paypal;
mod paypal_notifications;
mod stripe;
mod stripe_notifications;
mod support;
mod vnpay;
