//! How often a customer gets the bonus of a tier, as the API names it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::bonus::BonusUse;

/// How often one customer gets the bonus of a tier: each time, once, or only with the first top-up.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BonusUse)]
pub enum BonusUseName {
    EveryTime,
    Once,
    FirstTopUp,
}

impl From<BonusUse> for BonusUseName {
    fn from(used: BonusUse) -> Self {
        match used {
            BonusUse::EveryTime => Self::EveryTime,
            BonusUse::Once => Self::Once,
            BonusUse::FirstTopUp => Self::FirstTopUp,
        }
    }
}

impl From<BonusUseName> for BonusUse {
    fn from(name: BonusUseName) -> Self {
        match name {
            BonusUseName::EveryTime => Self::EveryTime,
            BonusUseName::Once => Self::Once,
            BonusUseName::FirstTopUp => Self::FirstTopUp,
        }
    }
}
