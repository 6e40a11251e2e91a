//! Looks up hosts, and returns only the addresses that may be called.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::webhook::address::AddressRule;

/// A host has no address that may be called.
#[derive(Debug, thiserror::Error)]
#[error("the host has no public address")]
struct NotPublic;

#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded(pub AddressRule);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(rule) = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| rule.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic.into());
            }
            Ok::<Addrs, Box<dyn std::error::Error + Send + Sync>>(Box::new(allowed.into_iter()))
        })
    }
}
