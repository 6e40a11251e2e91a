//! The HTTP API: it parses a request, calls one use case and renders the answer. It uses actix and holds no rules.
//!
//! [`v1`] has the endpoints, [`edge`] what they share, [`routes`] registers them, and [`openapi`] makes the document
//! from what is registered.

pub mod docs;
pub mod edge;
pub mod guides;
pub mod health;
pub mod openapi;
pub mod pages;
pub mod routes;
pub mod v1;
