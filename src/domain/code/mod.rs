//! The stable codes of the API's errors. Programs of partners branch on them, so a code keeps its text and its meaning.
//!
//! One list defines each code once: its text, its place in an answer, and what the caller should do. The page
//! `docs/error_codes.md` is made from it.

use std::fmt;

/// The place of a code in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// As the `code` of a problem with this HTTP status.
    Problem(u16),
    /// As the `code` of a problem with a 4xx status for which there is no other code.
    OtherProblem,
    /// In the `errors` of a problem with the code `validation_failed`, beside the field that breaks the rule.
    Field,
}

impl fmt::Display for Appearance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(status) => write!(f, "{status}"),
            Self::OtherProblem => f.write_str("4xx"),
            Self::Field => f.write_str("422 in errors"),
        }
    }
}

/// Defines [`Code`] from lines such as `NotFound = "not_found", [Problem(404)];`. The comment above a line is the
/// meaning of the code, as the API's documents show it.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $text:literal, [$($place:expr),+];)+) => {
        /// The stable code of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code as answers show it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// Where answers have this code.
            #[must_use]
            pub const fn places(self) -> &'static [Appearance] {
                use Appearance::{Field, OtherProblem, Problem};
                match self {
                    $(Self::$variant => &[$($place),+],)+
                }
            }

            /// What the code means, and what the caller should do.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+),)+
                }
                .trim_start()
            }
        }
    };
}

codes! {
    // The request as a whole.
    /// The request cannot be read as HTTP; correct it.
    BadRequest = "bad_request", [Problem(400)];
    /// The body is not JSON; correct it.
    MalformedJson = "malformed_json", [Problem(400)];
    /// The body broke off; send it again.
    UnreadableBody = "unreadable_body", [Problem(400)];
    /// The operation needs the header `Idempotency-Key`; send one.
    IdempotencyKeyRequired = "idempotency_key_required", [Problem(400)];
    /// The header `Idempotency-Key` is not 1 to 255 visible ASCII characters, or it occurs twice; send one valid key.
    IdempotencyKeyMalformed = "idempotency_key_malformed", [Problem(400)];
    /// The token is missing, expired or not valid; get a new token.
    Unauthorized = "unauthorized", [Problem(401)];
    /// The scope of the token does not allow the operation; use a token with another scope.
    InsufficientScope = "insufficient_scope", [Problem(403)];
    /// The request takes more than what is left unapplied of the payment; `detail` says how much that is. Read it
    /// again.
    NothingUnapplied = "nothing_unapplied", [Problem(409)];
    /// Nothing is left of the grant, or its time is over, so nothing of it can be changed.
    GrantEnded = "grant_ended", [Problem(409)];
    /// Another decision about the payment waits for a second operator; approve or withdraw it first.
    DecisionWaiting = "decision_waiting", [Problem(409)];
    /// The operator lacks the permission that the operation names; ask who gives permissions.
    InsufficientPermission = "insufficient_permission", [Problem(403)];
    /// The `sub` of a customer's token is not a customer id; have the token's issuer correct it.
    NotACustomer = "not_a_customer", [Problem(403)];
    /// The object does not exist, or it belongs to another customer; check the path.
    NotFound = "not_found", [Problem(404)];
    /// The path does not accept the method; the header `Allow` names those that it accepts.
    MethodNotAllowed = "method_not_allowed", [Problem(405)];
    /// The answer has a media type that the header `Accept` excludes; change the header.
    NotAcceptable = "not_acceptable", [Problem(406)];
    /// The body did not arrive in time; send it again, or send less at once.
    BodyTooSlow = "body_too_slow", [Problem(408)];
    /// The feed does not go on from this cursor: it is too old, or the database was restored since then; read the
    /// objects again, and start without a cursor.
    CursorExpired = "cursor_expired", [Problem(410)];
    /// The object has changed since you read it; read it again, and repeat the change with its new ETag.
    PreconditionFailed = "precondition_failed", [Problem(412)];
    /// The body is larger than the operation accepts; send less at once.
    BodyTooLarge = "body_too_large", [Problem(413)];
    /// The media type of the body is not one that the operation accepts; send `Content-Type: application/json`.
    UnsupportedMediaType = "unsupported_media_type", [Problem(415)];
    /// The body is compressed, and the service does not unpack bodies; send it without `Content-Encoding`.
    UnsupportedContentEncoding = "unsupported_content_encoding", [Problem(415)];
    /// Fields break rules; `errors` names each field with its code.
    ValidationFailed = "validation_failed", [Problem(422)];
    /// A change needs the header `If-Match`; send the ETag of the version that you replace.
    IfMatchRequired = "if_match_required", [Problem(428)];
    /// The caller has sent too many requests; wait as long as `Retry-After` says.
    RateLimited = "rate_limited", [Problem(429)];
    /// The request failed in a way that has no code of its own; the status says more.
    RequestFailed = "request_failed", [OtherProblem];

    // Repeated requests.
    /// The first request with this key is still being processed; repeat the request in a moment.
    IdempotencyInFlight = "idempotency_in_flight", [Problem(409)];
    /// The agreement is no longer the one that the request names; show the new one, and ask for consent again.
    AgreementChanged = "agreement_changed", [Problem(409)];
    /// The order has another price than the request expects, or its quote cannot be kept; `price_changed` has the
    /// current price. Show it, and send the order with it or with a new quote.
    PriceChanged = "price_changed", [Problem(409)];
    /// The text is no quote of this customer, or it is one of another top-up; ask for a quote of this one.
    InvalidQuote = "invalid_quote", [Field];
    /// The quote is older than 15 minutes; ask for a new one.
    QuoteExpired = "quote_expired", [Field];
    /// The key or id was used before with other content; use a new one for a new request.
    IdempotencyKeyReused = "idempotency_key_reused", [Problem(422)];

    // Wallets.
    /// The wallet has too little money; `insufficient_funds` says how much is missing. Top it up first.
    InsufficientFunds = "insufficient_funds", [Problem(402)];
    /// The operation would exceed a spending cap; `spend_cap` says when its period ends. Wait, or raise the cap.
    SpendCapReached = "spend_cap_reached", [Problem(402)];
    /// Taken-back money is owed; `taken_back_debt` says how much. A top-up of that sum ends it.
    TakenBackDebt = "taken_back_debt", [Problem(402)];
    /// An operator has frozen all wallets of the customer; ask the operator.
    CustomerFrozen = "customer_frozen", [Problem(409)];
    /// An operator has frozen the wallet; ask the operator.
    WalletFrozen = "wallet_frozen", [Problem(409)];
    /// The account is being closed, or is closed: no money goes out or comes in; ask the operator.
    AccountClosed = "account_closed", [Problem(409)];
    /// The account is not being closed, or its closing is in another step; read the closing for its state.
    ClosingMovedOn = "closing_moved_on", [Problem(409)];
    /// The payout is in a state that the operation cannot change, or the money has changed; read it again.
    PayoutMovedOn = "payout_moved_on", [Problem(409)];
    /// The rest of a closed account is paid out some days after its last payment, because that can be contested until
    /// then. It is not paid out while a payment is disputed. `detail` says when.
    PayoutTooEarly = "payout_too_early", [Problem(409)];
    /// The account owes nothing in this currency, or not the proposed sum; read the closing.
    NothingOwed = "nothing_owed", [Problem(409)];
    /// The money was booked before; read the object to see the result.
    AlreadyBooked = "already_booked", [Problem(409)];
    /// The hold has expired; place a new hold.
    HoldExpired = "hold_expired", [Problem(409)];
    /// The hold is already captured or released, and the request asks for something else; read the hold.
    HoldClosed = "hold_closed", [Problem(409)];
    /// The flow took money out, so it paid for nothing; ask what paid for it.
    NotAPayment = "not_a_payment", [Problem(422)];
    /// The flow brought money in, so nothing paid for it; ask what it paid for.
    NotADeduction = "not_a_deduction", [Problem(422)];

    // Orders.
    /// The customer has no billing profile, or the channel needs the customer's country; save the profile first.
    BillingProfileRequired = "billing_profile_required", [Problem(422), Field];
    /// No agreement is published, so no order can accept it; an operator must publish one.
    AgreementNotPublished = "agreement_not_published", [Problem(422)];
    /// The customer has as many open orders as are allowed; pay or cancel one first.
    TooManyOpenOrders = "too_many_open_orders", [Problem(409)];
    /// You have as many webhook endpoints as are allowed; delete one first.
    TooManyWebhookEndpoints = "too_many_webhook_endpoints", [Problem(409)];
    /// The owner has as many API keys as are allowed; revoke one first.
    TooManyApiKeys = "too_many_api_keys", [Problem(409)];
    /// A key cannot create a key; call with a token of your identity provider, or use `topup key create`.
    MadeWithKey = "made_with_key", [Problem(403)];
    /// The service has disabled the webhook endpoint; enable it first.
    WebhookEndpointDisabled = "webhook_endpoint_disabled", [Problem(409)];
    /// The order has as many transfer slips as are allowed, and they are kept.
    TooManyTransferSlips = "too_many_transfer_slips", [Problem(409)];
    /// The books of this time can still change; ask for an earlier time, or repeat the request in a moment.
    TooRecent = "too_recent", [Problem(409)];
    /// Only a pending order can be cancelled; read the order for its state.
    OrderNotCancellable = "order_not_cancellable", [Problem(409)];
    /// The order is closed; if its money did arrive, approve it with `accept_late`.
    OrderNotOpen = "order_not_open", [Problem(409)];
    /// The order changed during the request; read it again.
    OrderMovedOn = "order_moved_on", [Problem(409)];
    /// The operation is for completed orders only; read the order for its state.
    OrderNotCompleted = "order_not_completed", [Problem(409)];
    /// The order was credited before; nothing is left to do.
    OrderAlreadyCompleted = "order_already_completed", [Problem(409)];
    /// The payment was credited before; read the order.
    AlreadyCredited = "already_credited", [Problem(409)];

    // Approvals by operators.
    /// The operation is for bank transfers only; the provider decides about other orders.
    NotABankTransfer = "not_a_bank_transfer", [Problem(409)];
    /// The bank transaction belongs to another order or refund already; check its id.
    BankTransactionUsed = "bank_transaction_used", [Problem(409)];
    /// A second operator is needed, and you are the first one; another operator must confirm it.
    SecondOperatorNeeded = "second_operator_needed", [Problem(409)];
    /// The amount differs from the order's by much; if it did arrive, send `confirm_difference: true`.
    ConfirmDifference = "confirm_difference", [Problem(422)];
    /// A similar payment is recorded, and the detail names it; if this is another transfer, send
    /// `confirm_not_duplicate: true`.
    ConfirmNotDuplicate = "confirm_not_duplicate", [Problem(422)];
    /// The id is recorded with another day or remitter; correct the figures, or, if the bank shows another line with
    /// this id, send `another_line: true`. A second operator must confirm it.
    AnotherLine = "another_line", [Problem(422)];
    /// Several payments fit a line of the bank's statement; say first which one it is, at the line.
    BankLineTied = "bank_line_tied", [Problem(409)];
    /// The payment of the line is known, so nobody can choose another one; read the line.
    BankLineChosen = "bank_line_chosen", [Problem(409)];
    /// The file cannot be read as a statement of this account; `detail` names the place and what is wrong there.
    StatementUnreadable = "statement_unreadable", [Problem(422)];
    /// The file is a statement of another account; name that account.
    OtherAccount = "other_account", [Problem(422)];
    /// The lines of the file do not add up to its closing balance, so nothing of it is taken over; ask the bank for a
    /// complete file.
    BalancesDisagree = "balances_disagree", [Problem(422)];
    /// The file does not begin with the last closing balance of the account; upload the missing file first, or, if the
    /// gap is right, send `confirm_gap=true`.
    ConfirmGap = "confirm_gap", [Problem(422)];
    /// Credits of the file may already be recorded in other words; send these days in the same format and mapping as
    /// before.
    LinesOnRecord = "lines_on_record", [Problem(422)];
    /// Services have granted as much as they may in 24 hours; let an operator give the credit.
    GrantAboveLimit = "grant_above_limit", [Problem(403)];
    /// The dispute is decided, or the company has not named it yet; read it for its state.
    DisputeClosed = "dispute_closed", [Problem(409)];
    /// Evidence about the dispute was sent before, and a company takes it once; add anything else on the company's own
    /// pages.
    EvidenceSent = "evidence_sent", [Problem(409)];
    /// Nothing here waits for a second operator; read the object for its state.
    NothingProposed = "nothing_proposed", [Problem(409)];
    /// You are this customer, by the `sub` of your token or by its claim that names a customer; another operator must
    /// decide.
    OwnAccount = "own_account", [Problem(403)];
    /// The figures differ from those of the first operator; state the same figures, or reject the order.
    ApprovalMismatch = "approval_mismatch", [Problem(409)];
    /// The approval of the order has been reversed; nothing can be reversed, refunded or added any more.
    ApprovalReversed = "approval_reversed", [Problem(409)];
    /// Money of the order was refunded or is contested, so nothing is reversed or added; reject the refund first.
    OrderRefunded = "order_refunded", [Problem(409)];

    // Refunds.
    /// The order was paid from the wallet; transfer the money back instead.
    NotRefundable = "not_refundable", [Problem(409)];
    /// The refund is larger than what is left of the order's payment; ask for less.
    RefundExceedsPayment = "refund_exceeds_payment", [Problem(409)];
    /// The refund does not wait for an approval; read it for its state.
    RefundNotAwaitingApproval = "refund_not_awaiting_approval", [Problem(409)];
    /// The provider decides about the refund, so an operator cannot reject it; wait for the provider.
    RefundNotRejectable = "refund_not_rejectable", [Problem(409)];
    /// The provider sends the refund itself; only a refund by bank transfer is recorded as sent by an operator.
    RefundNotByHand = "refund_not_by_hand", [Problem(409)];
    /// The refund is in a state that the operation cannot change; read it again.
    RefundMovedOn = "refund_moved_on", [Problem(409)];
    /// The order has an open refund request; wait for the answer, or withdraw it first.
    RefundRequestWaiting = "refund_request_waiting", [Problem(409)];
    /// The refund request has been decided or withdrawn; read it for its state.
    RefundRequestDecided = "refund_request_decided", [Problem(409)];
    /// A refund for the request waits for a second operator; reject that refund first.
    RefundProposed = "refund_proposed", [Problem(409)];

    // The catalogue.
    /// This version of the agreement is published and never changes; publish another version.
    AgreementExists = "agreement_exists", [Problem(409)];
    /// The currency has options or channel rules already; change those instead.
    CurrencyExists = "currency_exists", [Problem(409)];
    /// A change of this account or grant waits for a second operator; approve or withdraw it first.
    ChangeProposed = "change_proposed", [Problem(409)];
    /// The bank account of the order was closed, and no other takes transfers in its currency; choose another channel.
    BankAccountClosed = "bank_account_closed", [Problem(409)];
    /// There is a bank account with this number and currency; change that account instead.
    BankAccountExists = "bank_account_exists", [Problem(409)];
    /// `topup seed` refuses a database that is stamped live; use another database. No request gets this code.
    LiveDatabase = "live_database", [Problem(409)];

    // Providers.
    /// The payment company did not answer properly, and the order is kept; repeat the request with the same key.
    ProviderUnavailable = "provider_unavailable", [Problem(502)];
    /// The payment company refused the payment; choose another channel or amount.
    ProviderRefused = "provider_refused", [Problem(502)];
    /// The payment company asks to try later; repeat the request after `Retry-After`.
    ProviderBusy = "provider_busy", [Problem(503)];
    /// The service's credentials at the payment company do not work; choose another channel, and tell the operator.
    ProviderMisconfigured = "provider_misconfigured", [Problem(503)];
    /// The payment company cannot do this; choose another channel or amount.
    ProviderUnsupported = "provider_unsupported", [Problem(422)];

    // The service.
    /// An internal error happened; report it with its `request_id`.
    InternalError = "internal_error", [Problem(500)];
    /// The service has too much to do; repeat the request after `Retry-After`. Nothing is done twice.
    Overloaded = "overloaded", [Problem(503)];
    /// The database is busy or unreachable; repeat the request after `Retry-After`. Nothing is done twice.
    DatabaseUnavailable = "database_unavailable", [Problem(503)];
    /// The keys that verify tokens cannot be fetched; keep the token, and repeat the request after `Retry-After`.
    KeysUnavailable = "keys_unavailable", [Problem(503)];
    /// The service, or its database, is not ready; send no requests yet.
    NotReady = "not_ready", [Problem(503)];
    /// The service is stopping; repeat the request.
    ShuttingDown = "shutting_down", [Problem(503)];
    /// As many streams as are allowed are open; close one, or repeat the request after `Retry-After`.
    StreamsFull = "streams_full", [Problem(503)];
    /// The object is busy with another change; repeat the request after `Retry-After`.
    TryAgain = "try_again", [Problem(503)];

    // The channel of an order. A notification for a provider without settings gets `channel_not_offered` with 503.
    /// The channel is not offered here, or its provider is not configured; choose another channel.
    ChannelNotOffered = "channel_not_offered", [Field, Problem(503)];
    /// The channel is not set up; choose another channel, and tell the operator.
    ChannelNotAvailable = "channel_not_available", [Field];
    /// The channel does not take the currency; choose another channel or currency.
    ChannelWrongCurrency = "channel_wrong_currency", [Field];
    /// The channel is not offered in the customer's country; choose another channel.
    ChannelWrongCountry = "channel_wrong_country", [Field];
    /// The main wallet cannot pay into itself; choose another channel.
    ProductsOnly = "products_only", [Field];
    /// There is no such channel; use one of the names in the detail.
    UnknownChannel = "unknown_channel", [Field];
    /// The field belongs to another channel; leave it out.
    NotForThisChannel = "not_for_this_channel", [Field];
    /// A payment from the wallet is a transfer and has no price; its percentages must be 0.
    NoPrice = "no_price", [Field];
    /// The agreement must be accepted; send `true` when the customer has accepted it.
    AgreementNotAccepted = "agreement_not_accepted", [Field];

    // Amounts.
    /// The text is not a plain decimal; send digits with at most one point, such as `100.00`.
    NotAPlainDecimal = "not_a_plain_decimal", [Field];
    /// The text is not an amount; send a plain decimal such as `0.50`.
    InvalidAmount = "invalid_amount", [Field];
    /// The amount has more decimals than the currency or the ledger keeps; send fewer.
    TooPrecise = "too_precise", [Field];
    /// The value is larger than the service keeps; send a smaller one.
    TooLarge = "too_large", [Field];
    /// The amount must be greater than zero.
    NotPositive = "not_positive", [Field];
    /// The amount is below the minimum; raise it.
    BelowMinimum = "below_minimum", [Field];
    /// The amount is above the maximum; lower it, or choose another channel.
    AboveMaximum = "above_maximum", [Field];
    /// The fee would use up the whole amount; raise it.
    NothingToCredit = "nothing_to_credit", [Field];
    /// The amount is more than is left to give back; ask for less.
    MoreThanTaken = "more_than_taken", [Field];
    /// The object has another currency; name one with the same currency.
    CurrencyMismatch = "currency_mismatch", [Field];

    // Names.
    /// The text is not an ISO 4217 currency code in upper case.
    UnknownCurrency = "unknown_currency", [Field];
    /// The wallet cannot be topped up in this currency; choose another currency.
    CurrencyNotOffered = "currency_not_offered", [Field];
    /// The text is not an ISO 3166-1 country code in upper case.
    UnknownCountry = "unknown_country", [Field];
    /// There is no such product; the list of products has the right codes.
    UnknownProduct = "unknown_product", [Field];
    /// The product takes no money at the moment; choose another product.
    InactiveProduct = "inactive_product", [Field];
    /// Money of the product is spent there only; it cannot be transferred back.
    NotReturnable = "not_returnable", [Field];
    /// Both sides of the transfer are the same wallet; name two different ones.
    SameWallet = "same_wallet", [Field];
    /// The field does not name an object of this service; check the id.
    Unknown = "unknown", [Field];

    // Values.
    /// The field is missing or empty; send it.
    Required = "required", [Field];
    /// The field has the wrong JSON type, or a value that it cannot have; the detail says what it must be.
    InvalidValue = "invalid_value", [Field];
    /// The request has no such field; leave it out, or look for a typing error.
    UnknownField = "unknown_field", [Field];
    /// The operation has no such query parameter; leave it out, or look for a typing error.
    UnknownParameter = "unknown_parameter", [Field];
    /// The text does not have the form of the field; the detail shows the form.
    Malformed = "malformed", [Field];
    /// The text is too short or too long; the detail says how long it may be.
    Length = "length", [Field];
    /// The text has control characters; leave them out.
    ControlCharacters = "control_characters", [Field];
    /// The list has too few or too many items; the detail says how many it may have.
    Count = "count", [Field];
    /// The list has too many items; send fewer.
    TooMany = "too_many", [Field];
    /// The list contains the item twice; leave one out.
    Duplicate = "duplicate", [Field];
    /// The value is outside its range; the detail names the range.
    OutOfRange = "out_of_range", [Field];
    /// The day is in the future in every time zone; send the day on which it happened.
    InTheFuture = "in_the_future", [Field];
    /// The time has passed; send one in the future.
    NotInTheFuture = "not_in_the_future", [Field];
    /// The text is not an absolute http or https address; correct it.
    NotAWebAddress = "not_a_web_address", [Field];
    /// The service does not send payers back to this site; name a page of a site that its operator allows.
    ReturnUrlNotAllowed = "return_url_not_allowed", [Field];
    /// Webhooks cannot go to this URL; send one that begins with `https://` and leads to a public address.
    UrlNotAllowed = "url_not_allowed", [Field];
    /// The cursor is not one of this service, or it belongs to other filters; start again without a cursor.
    InvalidCursor = "invalid_cursor", [Field];
    /// The field never changes; make a new object instead.
    Immutable = "immutable", [Field];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
