//! Guides for people who change this crate. Each module is one page.
//!
//! Start with [`architecture`]: it walks a usage, a card payment and an event through the layers.

/// The layers, and three walks through them.
pub mod architecture {
    #![doc = include_str!("architecture.md")]
}
/// How to add an endpoint.
pub mod adding_an_endpoint {
    #![doc = include_str!("adding_an_endpoint.md")]
}
/// How to add a payment provider.
pub mod adding_a_provider {
    #![doc = include_str!("adding_a_provider.md")]
}
/// How to add an entry kind: a new thing that can happen to money.
pub mod adding_an_entry_kind {
    #![doc = include_str!("adding_an_entry_kind.md")]
}
/// How to add a setting.
pub mod adding_a_setting {
    #![doc = include_str!("adding_a_setting.md")]
}
/// How to add a migration.
pub mod adding_a_migration {
    #![doc = include_str!("adding_a_migration.md")]
}
/// Which settings each identity provider needs, and how a backend signs tokens of its own.
pub mod identity_providers {
    #![doc = include_str!("identity_providers.md")]
}
/// How to find out why an order is stuck or usage is slow, to see the SQL, and to reproduce a case.
pub mod debugging {
    #![doc = include_str!("debugging.md")]
}
/// Every error code of the API, which never changes its meaning.
pub mod error_codes {
    #![doc = include_str!("error_codes.md")]
}
/// The known ways in which top-up systems lose money, and the tests of each.
pub mod hard_cases {
    #![doc = include_str!("hard_cases.md")]
}
/// What a seal covers, byte by byte, for the author of a verifier.
pub mod seals {
    #![doc = include_str!("seals.md")]
}
