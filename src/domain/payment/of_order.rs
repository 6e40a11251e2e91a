//! A payment as its order shows it to operators.

use super::Payment;
use crate::domain::bank_transaction::BankTransaction;
use crate::domain::money::Money;

/// A payment that names an order or serves it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderPayment {
    pub payment: Payment,
    /// The part that serves this order.
    pub applied_here: Money,
    /// The payment's line of the bank's statement.
    pub line: Option<BankTransaction>,
}
