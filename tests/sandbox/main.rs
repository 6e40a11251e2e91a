//! The sandbox over real HTTP: that it speaks as the companies do, and is as strict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

mod harness;
mod paypal;
mod paypal_scenes;
mod start;
mod stripe;
mod stripe_scenes;
mod vnpay;
