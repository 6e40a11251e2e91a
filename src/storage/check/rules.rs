//! Every rule of the check: its name, its equation in words, and the statement that finds what breaks it.

use crate::domain::check::BookRule;

/// Rules that one statement checks together.
#[derive(Debug)]
pub struct Step {
    pub name: &'static str,
    pub rules: &'static [BookRule],
    pub(super) sql: &'static str,
}

const fn rule(name: &'static str, says: &'static str) -> BookRule {
    BookRule { name, says }
}

/// All steps, in the order in which they run.
pub const STEPS: &[Step] = &[
    Step {
        name: "wallets",
        sql: include_str!("wallets.sql"),
        rules: &[
            rule("wallet_balance", "paid + granted - debt is the sum of the entries"),
            rule("wallet_granted", "granted is the sum of the entries' granted parts"),
            rule("wallet_grants", "granted is what remains of the grants"),
            rule("wallet_debt", "debt is the sum of the entries' debt parts"),
            rule("wallet_paid_in", "paid_in is all paid money that the entries brought"),
            rule("wallet_paid_out", "paid_out is all paid money that the entries took"),
            rule("wallet_paid", "paid is paid_in - paid_out"),
            rule("wallet_entry_count", "entry_seq is the number of entries"),
            rule("wallet_last_entry", "entry_seq is the number of the last entry"),
            rule("wallet_held", "held is the sum of the open holds"),
            rule("wallet_held_grants", "what open holds reserve of grants is what the grants have reserved"),
            rule("wallet_parts", "no part of a balance is below zero, and what is held is available"),
            rule("wallet_needs_full_path", "needs_full_path is set if and only if there is debt, a freeze or a claim"),
            rule("wallet_claimed", "a wallet is marked if and only if taken-back money is claimed in its currency"),
            rule("wallet_free_while_claimed", "while it is claimed, no wallet has unheld paid money beyond its debt"),
            rule("wallet_frozen", "a wallet's marks agree with the freezes (1: the wallet, 2: the customer)"),
            rule(
                "wallet_closing",
                "a wallet's marks agree with the closing of its account (1: nothing goes out, 2: nothing comes in)",
            ),
            rule("wallet_bonus_owed", "bonus_owed is the sum of what is owed for the wallet's grants"),
            rule("wallet_active_grant", "the active grant is the first in burn order of which something remains"),
            rule("wallet_grants_until", "grants_until is the first expiry of a grant of which something remains"),
            rule("wallet_guard", "a wallet has caps if and only if an operator has set them"),
            rule("wallet_fast_floor", "fast_floor is zero or the low-balance threshold"),
            rule("entries_without_wallet", "every entry belongs to a wallet"),
        ],
    },
    Step {
        name: "entries",
        sql: include_str!("entries.sql"),
        rules: &[
            rule("entry_seq", "entries are numbered from 1 without a gap"),
            rule("entry_time", "created_at never runs backwards within a wallet"),
            rule("entry_balance", "balance_after is the running sum"),
            rule("entry_paid_in", "paid_in is the running sum of the paid money that came in"),
            rule("entry_paid_out", "paid_out is the running sum of the paid money that went out"),
            rule("entry_sign", "the amount has the sign of its kind"),
            rule("entry_counterpart", "the counterpart fits the kind"),
            rule("entry_kind", "the kind is known"),
        ],
    },
    Step {
        name: "grants",
        sql: include_str!("grants.sql"),
        rules: &[
            rule("grant_remaining", "what remains of a grant is the sum of its uses"),
            rule("grant_amount", "a grant's amount is what its own entry brought"),
            rule("grant_held", "what is held of a grant is what open holds reserve of it"),
            rule("grant_owed", "what is owed for a bonus is the money taken and claimed for it"),
            rule("grant_parts", "0 <= held <= remaining <= amount"),
            rule("grant_without_wallet", "every grant belongs to a wallet"),
            rule("grant_use_without_grant", "what is used or held of a grant is of a grant of that wallet"),
            rule("entry_grant_uses", "an entry's granted part is the sum of its uses of grants"),
        ],
    },
    Step {
        name: "holds",
        sql: include_str!("holds.sql"),
        rules: &[
            rule("hold_without_wallet", "every hold belongs to a wallet of its currency and product"),
            rule("hold_parts", "a hold's granted part is the sum of what it reserves of grants"),
            rule("hold_captured", "a captured hold has one entry, of the captured amount"),
            rule("capture_without_hold", "every capture entry has its captured hold"),
        ],
    },
    Step {
        name: "transfers",
        sql: include_str!("transfers.sql"),
        rules: &[
            rule("transfer_entries", "a transfer has one entry out and one in, of its amount"),
            rule("transfer_entry_without_transfer", "every transfer entry has its transfer"),
            rule("transfers_net_to_zero", "a customer's transfers net to zero in every currency"),
            rule("transfer_of_order", "an order that the main wallet paid names the transfer that names it"),
        ],
    },
    Step {
        name: "orders",
        sql: include_str!("orders.sql"),
        rules: &[
            rule("order_completed", "a completed order has money applied to it"),
            rule("order_not_completed", "an order that is not completed has none"),
            rule("order_channel", "an order is paid the way its channel says"),
            rule("order_credited", "credited_amount is what was applied and not reversed, less fee and tax"),
            rule("order_received", "received_amount is what was applied and not reversed"),
            rule("order_tax", "tax is what the order's rule says of what is paid for credit and fee"),
            rule("order_payable", "payable_amount is the amount with what comes on top of it"),
            rule("order_refunded", "refunded_amount is the sum of the refunds that are pending or succeeded"),
            rule("order_recharge_count", "an order has one recharge entry per application"),
            rule("order_recharge_amount", "an order's recharge entries are what was applied less fee and tax"),
            rule("recharge_without_order", "every recharge entry has its application"),
            rule("order_bonus_once", "a once-only bonus tier is named by one order of a customer"),
            rule("order_bonus_first", "one order of a customer has a bonus for the first top-up"),
            rule("second_operator", "what needs a second operator was approved by another one"),
        ],
    },
    Step {
        name: "payments",
        sql: include_str!("payments.sql"),
        rules: &[
            rule("payment_applied", "applied is the sum of the applications"),
            rule("payment_refunded", "refunded is the sum of the refunds that are pending or succeeded"),
            rule("payment_unapplied", "what was taken of the unapplied part is what refunds and disputes took of it"),
            rule("payment_within", "no more is applied or refunded than was paid"),
            rule("payment_reason", "a payment that is not wholly applied says why"),
            rule("application_wallet", "an application goes to a wallet in the payment's currency"),
        ],
    },
    Step {
        name: "applications",
        sql: include_str!("applications.sql"),
        rules: &[
            rule("application_entry", "what was applied of a payment has its recharge entry, in its wallet"),
            rule("order_wallet", "an order is credited to its own wallet"),
            rule("order_price", "fee and tax of what was applied are the order's"),
            rule("payment_exact", "a payment that completed an order by itself is of exactly its payable_amount"),
            rule("order_bonus", "a completed order has one entry of its bonus"),
        ],
    },
    Step {
        name: "corrections",
        sql: include_str!("corrections.sql"),
        rules: &[
            rule("adjustment_entry", "an operator's correction has its record, of its amount"),
            rule("reversal_of_deduction", "a usage gives back at most what it took, to the same wallet"),
            rule("refund_request_refund", "a refund request led to a refund of its order, of at most what it asked"),
        ],
    },
    Step {
        name: "idempotency keys",
        sql: include_str!("keys.sql"),
        rules: &[rule("idempotency_resource", "an idempotency key names what it made for its customer")],
    },
    Step {
        name: "bank transfers",
        sql: include_str!("bank.sql"),
        rules: &[
            rule("bank_transaction_payment", "a payment by bank transfer is one line of our account, of its amount"),
            rule("bank_transaction_identity", "a line is identified by the normal form of what an operator wrote"),
            rule(
                "bank_transaction_line",
                "a second line under one id was confirmed by two operators, or by the bank's file",
            ),
            rule("approval_payment", "an approved transfer serves its order with the amount that was stated"),
            rule("bank_account_version", "an account is its one open version, and no version is missing"),
            rule("order_bank_account", "an order by bank transfer names a version of an account in its currency"),
            rule("second_operator_of_account", "an approved change of an account was made, and by two operators"),
        ],
    },
    Step {
        name: "bank statements",
        sql: include_str!("bank_statements.sql"),
        rules: &[
            rule("statement_sums", "the lines of a bank's file add up to its sums, and to its closing balance"),
            rule("statement_taken_over", "each line of a file that counts is recorded, and none of another file"),
            rule("bank_line_payment", "a line that brought money is one payment of its amount, or waits for a choice"),
            rule("second_operator_of_statement", "a file that needs a second operator was approved by another one"),
        ],
    },
    Step {
        name: "second operators",
        sql: include_str!("own_word.sql"),
        rules: &[
            rule("own_word_recorded", "what was moved alone is recorded once, with its amount"),
            rule("own_word_within", "the sum that was moved alone in 24 hours is within what was allowed"),
            rule("grant_change_made", "a grant expires when its last change says"),
            rule("service_grant_sums", "the sums per minute are the sums that services granted"),
        ],
    },
    Step {
        name: "refunds",
        sql: include_str!("refunds.sql"),
        rules: &[
            rule("refund_debited", "what a refund asks for was taken and not given back, or is claimed"),
            rule("refund_bonus", "the same for what a refund asks for of the bonus"),
            rule("dispute_taken_back", "what a dispute asks for was taken and not given back, or is claimed"),
            rule("dispute_bonus", "the same for what a dispute asks for of the bonus"),
            rule("refund_wallet_taken", "the same for a refund of a payment to a wallet without an order"),
            rule("dispute_wallet_taken", "the same for a dispute of such a payment"),
            rule("given_back_of_wallet", "the wallets give what refunds and disputes ask of such a payment, once"),
            rule("reversal_taken_back", "what a reversed approval asks for was taken, or is claimed"),
            rule("given_back", "an order's refunds and disputes ask for its share of what went back to the payer"),
            rule("bonus_share", "they ask for the same share of the bonus; expired bonus counts as taken"),
            rule(
                "take_back_entry",
                "every movement of taken-back money has its entry, of what was taken from its wallet",
            ),
            rule("take_back_returned", "what was given back of a movement is what its entries returned"),
            rule("take_back_without_source", "every movement and claim has its refund, dispute or reversed approval"),
            rule("refund_entry_without_refund", "every entry of taken-back money has its movement"),
        ],
    },
    Step {
        name: "closings",
        sql: include_str!("closings.sql"),
        rules: &[
            rule("closing_empty", "a closed account has no money and no credit, and no money is on its way to it"),
            rule("closing_refund", "a refund that a closing made is of its customer"),
            rule("payout_entry", "a payout that was approved left the wallet once, and returned once if it failed"),
            rule("payout_entry_without_payout", "every payout entry has its payout"),
            rule("payout_of_closing", "a payout is of the customer whose account is closed"),
            rule("second_operator_of_payout", "payouts and write-offs were approved by another operator"),
            rule("write_off_entry", "an approved write-off has its entries, of the part that was not recovered"),
        ],
    },
    Step {
        name: "reports",
        sql: include_str!("report_days.sql"),
        rules: &[
            rule("report_sums", "the sums of a folded day are those of its entries, and the fee and tax of its papers"),
            rule("report_days", "folded days follow each other without a gap, each from the end of the one before"),
        ],
    },
    Step {
        name: "usage",
        sql: include_str!("usage_sums.sql"),
        rules: &[rule("usage_sums", "the sums of usage of a folded day are those of its entries")],
    },
    Step {
        name: "papers",
        sql: include_str!("papers.sql"),
        rules: &[
            rule("paper_numbers", "the papers of a series and year are numbered from 1 without a gap"),
            rule(
                "paper_of_each",
                "all money of orders, each refund, lost dispute and reversed approval has its paper, or it is due",
            ),
            rule("paper_issued", "no paper was set aside because it could not be issued"),
            rule("paper_amount", "a paper has the amount that was received, or went back, and names its payment"),
            rule("paper_receipt", "a receipt has the amount that a payment brought, and the fee and tax kept of it"),
            rule("paper_credited", "no more of an order is credited by papers than was receipted for it"),
            rule("paper_parts", "the credit, fee and tax of an order's credit notes are at most its receipts'"),
            rule(
                "paper_returned",
                "if no paper of an order is due, its credit notes add up to what is back with its payer",
            ),
        ],
    },
];

/// The rules of the seals. No statement checks them: hashes and signatures are computed again.
pub const SEALS: &[BookRule] = &[
    rule("seal_chain", "a wallet's seals follow each other from its first entry on, each on the hash before"),
    rule("seal_hash", "a seal's hash is that of its entries, their grant uses and the hash before"),
    rule("seal_signature", "a seal is signed by its key"),
    rule("seal_key", "a key is the one that its id names"),
    rule("seal_head", "a chain still has the head that was kept elsewhere"),
];

/// Totals that are computed from both ends, per currency.
pub const FIGURES: &[BookRule] = &[
    rule("balances", "the balances of all wallets are the sum of all entries"),
    rule("granted", "the granted parts of all wallets are what remains of all grants"),
    rule("held", "the held parts of all wallets are all open holds"),
    rule("payments_credited", "applied payments are what was credited against the provider, and fee and tax"),
    rule("disputes_debited", "disputes are what was debited against the provider, less what was returned, and claims"),
    rule("refunds_debited", "refunds are what was debited against the provider, less what was returned, and claims"),
];
