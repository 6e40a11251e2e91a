//! Account flows: the entries of the ledger as a customer sees them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::customer::CustomerId;
use super::entry::{Entry, EntryKind};
use super::flow_type::FlowType;
use super::id::IdKind;
use super::money::{Currency, Money};
use super::product::Product;

/// Names one entry: its wallet, and its number in that wallet. The API shows it as `flw_<wallet>_<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    pub wallet: Uuid,
    pub seq: i64,
}

impl FlowId {
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self { wallet: entry.wallet_id, seq: entry.seq }
    }

    /// Reads what [`fmt::Display`] writes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (wallet, seq) = text.rsplit_once('_')?;
        let is_plain = seq.bytes().all(|byte| byte.is_ascii_digit()) && !seq.starts_with('0');
        let seq = seq.parse().ok().filter(|_| is_plain)?;
        Some(Self { wallet: IdKind::Flow.parse(wallet)?, seq })
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", IdKind::Flow.show(self.wallet), self.seq)
    }
}

/// One movement of one wallet.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountFlow {
    pub id: FlowId,
    pub kind: EntryKind,
    /// Negative if money left the wallet.
    pub amount: Money,
    /// paid + granted − debt of the wallet, after this movement.
    pub balance_after: Money,
    /// Which wallet of this currency: the product's, or the main wallet.
    pub product: Product,
    /// The id of the order, transfer, hold or usage that caused the movement, as the API shows it.
    pub reference: Option<String>,
    pub description: Option<String>,
    /// What the caller attached to the usage.
    pub metadata: Option<Value>,
    /// When the usage happened, as the caller said.
    pub occurred_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// The cause of a flow, for the causes about which a list of flows says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowCause {
    Order(Uuid),
    Transfer(Uuid),
    Grant(Uuid),
}

/// What the reference of a usage names, which is an id of the platform's own.
const USAGE: &str = "usage";

/// The things that a reference names by our ids.
const NAMED_BY_ID: [(IdKind, &str); 11] = [
    (IdKind::TopUpOrder, "top_up_order"),
    (IdKind::Transfer, "transfer"),
    (IdKind::Hold, "hold"),
    (IdKind::Grant, "grant"),
    (IdKind::Payment, "payment"),
    (IdKind::Refund, "refund"),
    (IdKind::Dispute, "dispute"),
    (IdKind::Adjustment, "adjustment"),
    (IdKind::UnappliedDecision, "unapplied_decision"),
    (IdKind::Payout, "payout"),
    (IdKind::WriteOff, "write_off"),
];

/// Every kind of thing that a reference can name.
pub fn reference_types() -> impl Iterator<Item = &'static str> {
    NAMED_BY_ID.into_iter().map(|(_, name)| name).chain([USAGE])
}

impl AccountFlow {
    /// What kind of thing the reference names: `usage`, `top_up_order`, `transfer`, `hold`, and others. `None` if there
    /// is no reference, or if it is an older text.
    #[must_use]
    pub fn reference_type(&self) -> Option<&'static str> {
        let reference = self.reference.as_deref()?;
        if matches!(self.kind, EntryKind::Usage | EntryKind::Reversal) {
            return Some(USAGE);
        }
        NAMED_BY_ID.into_iter().find_map(|(kind, name)| kind.parse(reference).map(|_| name))
    }

    /// The order, the transfer or the grant that the reference names.
    #[must_use]
    pub fn cause(&self) -> Option<FlowCause> {
        let reference = self.reference.as_deref()?;
        if matches!(self.kind, EntryKind::Usage | EntryKind::Reversal) {
            return None;
        }
        let order = IdKind::TopUpOrder.parse(reference).map(FlowCause::Order);
        let transfer = || IdKind::Transfer.parse(reference).map(FlowCause::Transfer);
        order.or_else(transfer).or_else(|| IdKind::Grant.parse(reference).map(FlowCause::Grant))
    }

    /// The flow of an entry in the wallet of this product.
    #[must_use]
    pub fn of(entry: &Entry, product: &Product) -> Self {
        let label = &entry.label;
        Self {
            id: FlowId::of(entry),
            kind: label.kind,
            amount: entry.amount,
            balance_after: entry.balance_after,
            product: product.clone(),
            reference: Self::reference(label.kind, &label.key, label.reference.clone()),
            description: label.description.clone(),
            metadata: label.metadata.clone(),
            occurred_at: label.occurred_at,
            created_at: entry.created_at,
        }
    }

    /// What the flow refers to. An entry of usage has no reference column: its own key is the id of the usage.
    #[must_use]
    pub fn reference(kind: EntryKind, key: &str, reference: Option<String>) -> Option<String> {
        reference.or_else(|| (kind == EntryKind::Usage).then(|| key.to_owned()))
    }

    #[must_use]
    pub fn flow_type(&self) -> FlowType {
        match (self.kind, self.cause()) {
            // A product's wallet was topped up, by an order that the main wallet paid.
            (EntryKind::TransferIn, Some(FlowCause::Order(_))) => FlowType::Recharge,
            (kind, _) => kind.into(),
        }
    }

    /// The place of this flow in a list of flows.
    #[must_use]
    pub fn position(&self) -> FlowPosition {
        (self.created_at, self.id.seq, self.id.wallet)
    }
}

/// Which of the transfers that came into wallets a list shows: those that paid orders are recharges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransfersIn {
    #[default]
    All,
    ForOrders,
    Others,
}

impl TransfersIn {
    /// Whether they have to belong to an order; `None` if it does not matter.
    #[must_use]
    pub fn for_orders(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::ForOrders => Some(true),
            Self::Others => Some(false),
        }
    }
}

/// The kinds of entry that have one of these types, and which transfers that came in. An empty list means every type.
#[must_use]
pub fn kinds_of(types: &[FlowType]) -> (Vec<EntryKind>, TransfersIn) {
    let mut kinds: Vec<EntryKind> = types.iter().flat_map(|flow| flow.kinds()).collect();
    let transfers_in = match (types.contains(&FlowType::Recharge), types.contains(&FlowType::TransferIn)) {
        (true, false) => TransfersIn::ForOrders,
        (false, true) => TransfersIn::Others,
        (true, true) | (false, false) => TransfersIn::All,
    };
    if transfers_in == TransfersIn::ForOrders {
        kinds.push(EntryKind::TransferIn);
    }
    (kinds, transfers_in)
}

/// Which flows a list shows.
#[derive(Debug, Clone)]
pub struct FlowFilter {
    pub customer: CustomerId,
    /// Only these kinds; every kind when empty.
    pub kinds: Vec<EntryKind>,
    pub transfers_in: TransfersIn,
    pub currency: Option<Currency>,
    pub product: Option<Product>,
    /// Only flows with this reference, as the API shows it: an order, a transfer, a grant, or a usage that was given
    /// back. A capture is not found by its hold.
    pub reference: Option<String>,
    pub created_from: Option<DateTime<Utc>>,
    pub created_to: Option<DateTime<Utc>>,
}

impl FlowFilter {
    /// All flows of a customer.
    #[must_use]
    pub fn all_of(customer: CustomerId) -> Self {
        Self {
            customer,
            kinds: Vec::new(),
            transfers_in: TransfersIn::All,
            currency: None,
            product: None,
            reference: None,
            created_from: None,
            created_to: None,
        }
    }
}

/// A place in a list of flows, which is sorted by time, number and wallet.
pub type FlowPosition = (DateTime<Utc>, i64, Uuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_kind_and_a_name_that_is_read_back() {
        for flow in FlowType::ALL {
            assert!(flow.kinds().next().is_some(), "{flow:?}");
            assert_eq!(flow.as_str().parse(), Ok(flow));
        }
    }

    #[test]
    fn a_transfer_that_paid_an_order_is_a_recharge_where_it_arrived() {
        use FlowType::{Recharge, TransferIn, TransferOut};
        assert_eq!(kinds_of(&[]), (vec![], TransfersIn::All));
        assert_eq!(kinds_of(&[Recharge]), (vec![EntryKind::Recharge, EntryKind::TransferIn], TransfersIn::ForOrders));
        assert_eq!(kinds_of(&[TransferIn]), (vec![EntryKind::TransferIn], TransfersIn::Others));
        assert_eq!(
            kinds_of(&[Recharge, TransferIn]),
            (vec![EntryKind::Recharge, EntryKind::TransferIn], TransfersIn::All)
        );
        assert_eq!(kinds_of(&[TransferOut]), (vec![EntryKind::TransferOut], TransfersIn::All));
    }

    #[test]
    fn ids_are_read_as_they_are_shown() {
        let id = FlowId { wallet: Uuid::from_u128(7), seq: 12 };
        assert_eq!(id.to_string(), "flw_00000000000000000000000000000007_12");
        assert_eq!(FlowId::parse(&id.to_string()), Some(id));
        for bad in ["", "12", "flw_00000000000000000000000000000007", "flw_00000000000000000000000000000007_012"] {
            assert_eq!(FlowId::parse(bad), None, "{bad}");
        }
        assert_eq!(FlowId::parse("flw_00000000000000000000000000000007_+1"), None);
        assert_eq!(FlowId::parse("wal_00000000000000000000000000000007_1"), None);
    }
}
