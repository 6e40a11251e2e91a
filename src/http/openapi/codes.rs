//! The error codes of each operation. The document names them, and the tests compare every answer that they see with
//! it.
//!
//! Most codes follow from the shape of a request: who may call, whether there is a body, a key, a condition. The table
//! has the others. A handler may name codes in the description of a failure, too.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::code::Appearance;
use crate::domain::code::Code::{self, *};

/// The errors that a call to a payment company can cause.
const COMPANY: &[Code] =
    &[ProviderUnavailable, ProviderRefused, ProviderBusy, ProviderMisconfigured, ProviderUnsupported, TryAgain];
/// The errors of operations that spend a wallet's money.
const SPENDS: &[Code] = &[InsufficientFunds, TakenBackDebt, WalletFrozen, CustomerFrozen, AccountClosed];
/// What two operators decide.
const PAIR: &[Code] = &[NothingProposed, SecondOperatorNeeded, OwnAccount];
const REFUND: &[Code] =
    &[OrderNotCompleted, NotRefundable, RefundExceedsPayment, ApprovalReversed, AlreadyBooked, OwnAccount];
const DECIDES: &[Code] = &[
    NothingUnapplied,
    DecisionWaiting,
    OrderAlreadyCompleted,
    OrderRefunded,
    ApprovalReversed,
    NotRefundable,
    OrderMovedOn,
    AlreadyCredited,
    AccountClosed,
];
const LINE: &[Code] = &[BankTransactionUsed, BankLineTied, ConfirmDifference, ConfirmNotDuplicate, AnotherLine];
const NOTIFIED: &[Code] = &[BadRequest, BodyTooSlow, BodyTooLarge, UnsupportedContentEncoding, Overloaded, TryAgain];

/// The codes of an operation in addition to those that follow from its shape.
#[rustfmt::skip]
const TABLE: &[(&str, &[&[Code]])] = &[
    ("createUsage", &[SPENDS, &[SpendCapReached]]),
    ("createUsageReversal", &[&[NotFound, WalletFrozen, CustomerFrozen]]),
    ("createHold", &[SPENDS, &[SpendCapReached, HoldClosed]]),
    ("captureHold", &[SPENDS, &[SpendCapReached, HoldExpired, HoldClosed]]),
    ("releaseHold", &[&[HoldExpired, HoldClosed]]),
    ("extendHold", &[&[HoldExpired, HoldClosed]]),
    ("createTransfer", &[SPENDS]),
    ("createGrant", &[&[GrantAboveLimit, OwnAccount, AccountClosed]]),
    ("createTopUpOrder", &[SPENDS, COMPANY, &[
        BillingProfileRequired, AgreementNotPublished, TooManyOpenOrders, AgreementChanged, PriceChanged,
    ]]),
    ("cancelTopUpOrder", &[COMPANY, &[OrderNotCancellable, OrderMovedOn]]),
    ("verifyTopUpOrder", &[COMPANY, &[OrderMovedOn]]),
    ("renewTopUpOrderBankAccount", &[&[BankAccountClosed, NotABankTransfer, OrderNotOpen]]),
    ("getAccountFlowPaidBy", &[&[NotADeduction]]),
    ("listAccountFlowPaidFor", &[&[NotAPayment]]),
    ("streamBalances", &[&[StreamsFull]]),
    ("streamBalancesByTicket", &[&[Unauthorized, StreamsFull, Overloaded, DatabaseUnavailable, ShuttingDown]]),
    ("listEvents", &[&[CursorExpired]]),
    ("createWebhookEndpoint", &[&[TooManyWebhookEndpoints]]),
    ("pauseWebhookEndpoint", &[&[WebhookEndpointDisabled]]),
    ("testWebhookEndpoint", &[&[WebhookEndpointDisabled]]),
    ("redeliverWebhooks", &[&[WebhookEndpointDisabled]]),
    ("redeliverWebhookDelivery", &[&[WebhookEndpointDisabled]]),
    ("adminPublishAgreement", &[&[AgreementExists]]),
    ("adminCreateBankAccount", &[&[BankAccountExists, ChangeProposed]]),
    ("adminUpdateBankAccount", &[&[BankAccountExists, ChangeProposed]]),
    ("adminApproveBankAccountChange", &[PAIR, &[BankAccountExists, ChangeProposed, PreconditionFailed]]),
    ("adminWithdrawBankAccountChange", &[PAIR]),
    ("adminCreateAdjustment", &[SPENDS, &[OwnAccount]]),
    ("adminApproveAdjustment", &[SPENDS, PAIR]),
    ("adminWithdrawAdjustment", &[PAIR]),
    ("adminApproveGrant", &[PAIR, &[ValidationFailed, AccountClosed]]),
    ("adminCloseCustomer", &[&[OwnAccount]]),
    ("adminAdvanceClosing", &[SPENDS, &[OwnAccount]]),
    ("adminWithdrawClosing", &[&[ClosingMovedOn, OwnAccount]]),
    ("adminCreatePayout", &[&[
        NotFound, ClosingMovedOn, PayoutMovedOn, PayoutTooEarly, BillingProfileRequired, OwnAccount, WalletFrozen,
        CustomerFrozen,
    ]]),
    ("adminApprovePayout", &[SPENDS, &[PayoutMovedOn, PayoutTooEarly, SecondOperatorNeeded, OwnAccount]]),
    ("adminMarkPayoutSent", &[&[PayoutMovedOn, BankTransactionUsed, OwnAccount]]),
    ("adminRejectPayout", &[&[SecondOperatorNeeded, OwnAccount]]),
    ("adminCreateWriteOff", &[&[NotFound, ClosingMovedOn, NothingOwed, OwnAccount, WalletFrozen, CustomerFrozen]]),
    ("adminApproveWriteOff", &[PAIR, &[NothingOwed, WalletFrozen, CustomerFrozen]]),
    ("adminWithdrawWriteOff", &[PAIR]),
    ("adminWithdrawGrant", &[PAIR]),
    ("adminRevokeGrant", &[&[ChangeProposed, OwnAccount]]),
    ("adminChangeGrantExpiry", &[&[GrantEnded, ChangeProposed, OwnAccount]]),
    ("adminApproveGrantChange", &[PAIR, &[GrantEnded, ValidationFailed]]),
    ("adminWithdrawGrantChange", &[&[NothingProposed]]),
    ("adminApproveTopUpOrder", &[LINE, &[
        OrderAlreadyCompleted, OrderNotOpen, NotABankTransfer, SecondOperatorNeeded, ApprovalMismatch,
        ApprovalReversed, AlreadyCredited, OrderMovedOn, OwnAccount, AccountClosed,
    ]]),
    ("adminApplyBankLine", &[LINE, &[
        OrderAlreadyCompleted, OrderNotOpen, NotABankTransfer, SecondOperatorNeeded, ApprovalMismatch, NothingUnapplied,
        ApprovalReversed, AlreadyCredited, OrderMovedOn, OwnAccount, AccountClosed,
    ]]),
    ("adminChooseBankLinePayment", &[&[BankLineChosen, BankTransactionUsed]]),
    ("adminUploadBankStatement", &[&[
        NotFound, StatementUnreadable, OtherAccount, BalancesDisagree, ConfirmGap, LinesOnRecord,
    ]]),
    ("adminApproveBankStatement", &[&[NothingProposed, SecondOperatorNeeded, ConfirmGap, LinesOnRecord]]),
    ("adminWithdrawBankStatement", &[&[NothingProposed]]),
    ("adminSendDisputeEvidence", &[COMPANY, &[DisputeClosed, EvidenceSent, OwnAccount, ChannelNotOffered]]),
    ("adminRejectTopUpOrder", &[&[OrderNotOpen, NotABankTransfer, OrderMovedOn, OwnAccount]]),
    ("adminReverseTopUpOrder", &[SPENDS, &[
        NotABankTransfer, OrderNotCompleted, OrderRefunded, ApprovalReversed, ApprovalMismatch, SecondOperatorNeeded,
        OwnAccount,
    ]]),
    ("adminWithdrawTopUpOrderProposal", &[PAIR, &[NotABankTransfer]]),
    ("adminCreateRefund", &[SPENDS, REFUND, COMPANY, &[NotFound]]),
    ("adminApproveRefund", &[SPENDS, REFUND, COMPANY, &[SecondOperatorNeeded, RefundNotAwaitingApproval]]),
    ("adminMarkRefundSent", &[&[RefundNotByHand, RefundMovedOn, BankTransactionUsed, OwnAccount]]),
    ("adminRejectRefund", &[COMPANY, &[RefundNotRejectable, RefundMovedOn, SecondOperatorNeeded, OwnAccount]]),
    ("adminApplyUnappliedPayment", &[DECIDES, &[SecondOperatorNeeded, OwnAccount]]),
    ("adminReturnUnappliedPayment", &[DECIDES, COMPANY, &[BankTransactionUsed, SecondOperatorNeeded, OwnAccount]]),
    ("adminDismissUnappliedPayment", &[&[NothingUnapplied, DecisionWaiting]]),
    ("adminApproveUnappliedDecision", &[DECIDES, COMPANY, PAIR, &[BankTransactionUsed]]),
    ("adminWithdrawUnappliedDecision", &[PAIR]),
    ("adminRestateBankTransaction", &[&[OwnAccount]]),
    ("adminCreateApiKey", &[&[MadeWithKey, TooManyApiKeys]]),
    ("adminReconcile", &[COMPANY]),
    ("adminApproveRefundRequest", &[SPENDS, REFUND, COMPANY, &[RefundRequestDecided, RefundProposed]]),
    ("adminRefuseRefundRequest", &[&[RefundRequestDecided, RefundProposed, OwnAccount]]),
    ("uploadTransferSlip", &[&[
        NotABankTransfer, OrderAlreadyCompleted, OrderNotOpen, TooManyTransferSlips, UnreadableBody, BodyTooSlow,
        BodyTooLarge, ValidationFailed, UnsupportedMediaType, UnsupportedContentEncoding,
    ]]),
    ("getAccountStatement", &[&[TooRecent]]),
    ("exportAccountStatement", &[&[TooRecent]]),
    ("receiveStripeNotification", &[NOTIFIED, &[ChannelNotOffered]]),
    ("receivePaypalNotification", &[NOTIFIED, &[ChannelNotOffered]]),
    ("receiveVnpayIpn", &[&[ChannelNotOffered, Overloaded, TryAgain]]),
    ("returnFromPaypal", &[&[NotFound, ValidationFailed, Overloaded]]),
    ("returnFromVnpay", &[&[NotFound, ValidationFailed, Overloaded]]),
    ("getReadiness", &[&[NotReady]]),
];

/// The parts of a request from which codes follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Takes<'o> {
    pub id: &'o str,
    pub scopes: &'o [&'o str],
    pub body: bool,
    pub query: bool,
    /// A part of the path, or a customer, that may not exist.
    pub named: bool,
    pub key: bool,
    pub condition: bool,
    /// Whether a repeat is recognised by an id of the caller's.
    pub repeats: bool,
}

/// The codes of an operation by status. `named` are those that its handler names, with their status.
pub(super) fn of(takes: Takes<'_>, named: &[(u16, Code)]) -> BTreeMap<u16, Vec<Code>> {
    let mut codes: Vec<Code> = Vec::new();
    if !takes.scopes.is_empty() {
        codes.extend([Unauthorized, InsufficientScope, RateLimited, InternalError]);
        codes.extend([Overloaded, DatabaseUnavailable, KeysUnavailable, ShuttingDown]);
    }
    if takes.scopes.contains(&"operator") {
        codes.push(InsufficientPermission);
    }
    if takes.scopes.contains(&"customer") {
        codes.push(NotACustomer);
    }
    if takes.body {
        codes.extend([MalformedJson, UnreadableBody, BodyTooSlow, BodyTooLarge, ValidationFailed]);
        codes.extend([UnsupportedMediaType, UnsupportedContentEncoding]);
    }
    if takes.query {
        codes.push(ValidationFailed);
    }
    if takes.named {
        codes.push(NotFound);
    }
    if takes.key {
        codes.extend([IdempotencyKeyRequired, IdempotencyKeyMalformed, IdempotencyInFlight, IdempotencyKeyReused]);
    }
    if takes.repeats {
        codes.push(IdempotencyKeyReused);
    }
    if takes.condition {
        codes.extend([PreconditionFailed, IfMatchRequired]);
    }
    let more = TABLE.iter().find(|(id, _)| *id == takes.id).map(|(_, groups)| *groups).unwrap_or_default();
    codes.extend(more.iter().flat_map(|group| group.iter().copied()));
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    let placed = codes.into_iter().flat_map(|code| statuses(code).map(move |status| (status, code)));
    for (status, code) in placed.chain(named.iter().copied()) {
        let codes = by_status.entry(status).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    for codes in by_status.values_mut() {
        // In the order of the list of codes, so that the document is the same every time.
        codes.sort_by_key(|code| Code::ALL.iter().position(|known| known == code));
    }
    by_status
}

/// The statuses of the problems that have this code.
fn statuses(code: Code) -> impl Iterator<Item = u16> {
    code.places().iter().filter_map(|place| match place {
        Appearance::Problem(status) => Some(*status),
        Appearance::OtherProblem | Appearance::Field => None,
    })
}

/// The codes that a handler's description of a failure names between backticks.
pub(super) fn named(status: u16, description: &str) -> Vec<(u16, Code)> {
    let words = description.split('`').skip(1).step_by(2);
    words
        .filter_map(|word| Code::ALL.iter().find(|code| code.as_str() == word))
        .filter(|code| code.places().contains(&Appearance::Problem(status)))
        .map(|code| (status, *code))
        .collect()
}

/// The codes of one status, for the description of its failure.
pub(super) fn listed(codes: &[Code]) -> String {
    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
}

/// The codes of an operation, for programs.
pub(super) fn extension(by_status: &BTreeMap<u16, Vec<Code>>) -> Value {
    by_status
        .iter()
        .map(|(status, codes)| (status.to_string(), codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().into()))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_names_operations_that_exist_and_codes_of_problems() {
        let paths = crate::http::openapi::document().get("paths").and_then(Value::as_object);
        let operations = paths.into_iter().flatten().filter_map(|(_, item)| item.as_object()).flatten();
        let ids: BTreeSet<&str> =
            operations.filter_map(|(_, operation)| operation.get("operationId")?.as_str()).collect();
        for (id, groups) in TABLE {
            assert!(ids.contains(id), "{id} is not an operation");
            for code in groups.iter().flat_map(|group| group.iter()) {
                assert!(statuses(*code).next().is_some(), "{id}: {code} is no code of a problem");
            }
        }
    }

    #[test]
    fn codes_are_read_from_a_description() {
        let named = named(409, "`hold_expired` or `hold_closed`, and `not_a_code`, with `Retry-After`");
        assert_eq!(named, [(409, HoldExpired), (409, HoldClosed)]);
    }
}
