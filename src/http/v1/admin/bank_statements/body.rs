//! How the statements of our banks look on the wire.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::app::bank_statements::Imported;
use crate::domain::bank_statement::{self, StatementFormat, StatementLine, StatementState};
use crate::domain::own_word::ProposalEnd;
use crate::http::edge::wire::{Actor, Amount, BankAccountId, BankStatementId, CurrencyCode, CursorText, SignedAmount};

/// The bytes of a bank's file.
#[derive(Debug)]
pub struct BankStatementFile;

impl PartialSchema for BankStatementFile {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("A camt.053, MT940 or CSV file of 10 MiB and 20,000 lines at most."))
            .into()
    }
}

impl ToSchema for BankStatementFile {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("BankStatementFile")
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BankStatementFormat {
    Csv,
    Camt053,
    Mt940,
}

impl From<StatementFormat> for BankStatementFormat {
    fn from(format: StatementFormat) -> Self {
        match format {
            StatementFormat::Csv => Self::Csv,
            StatementFormat::Camt053 => Self::Camt053,
            StatementFormat::Mt940 => Self::Mt940,
        }
    }
}

/// The status of a statement.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BankStatementStatus {
    /// Nothing of it counts until a second operator has approved it.
    AwaitingSecondApproval,
    Applied,
    Withdrawn,
}

impl From<BankStatementStatus> for StatementState {
    fn from(status: BankStatementStatus) -> Self {
        match status {
            BankStatementStatus::AwaitingSecondApproval => Self::Waiting,
            BankStatementStatus::Applied => Self::Applied,
            BankStatementStatus::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A file of a bank. Its opening balance and its lines add up to its closing balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankStatement {
    id: BankStatementId,
    bank_account_id: BankAccountId,
    status: BankStatementStatus,
    format: BankStatementFormat,
    currency: CurrencyCode,
    opening_balance: SignedAmount,
    closing_balance: SignedAmount,
    /// The first and the last day of the file.
    from: NaiveDate,
    to: NaiveDate,
    #[schema(minimum = 0, maximum = 20000, example = 12)]
    lines: i32,
    /// The sum that its lines brought.
    credits: Amount,
    /// What left.
    debits: Amount,
    /// Whether the uploader has confirmed that the file does not begin where the last one ended.
    confirmed_gap: bool,
    uploaded_by: Actor,
    uploaded_at: DateTime<Utc>,
    /// The second operator; null if none was needed, or none has approved.
    approved_by: Option<Actor>,
    withdrawn_by: Option<Actor>,
    /// When its lines were recorded; null until then.
    applied_at: Option<DateTime<Utc>>,
    /// How many orders this request has credited by rule; null if this request credits no orders.
    #[schema(minimum = 0, example = 3)]
    credited_orders: Option<u32>,
}

impl From<&bank_statement::BankStatement> for BankStatement {
    fn from(statement: &bank_statement::BankStatement) -> Self {
        let (approved_by, withdrawn_by) = match &statement.end {
            Some(ProposalEnd::Approved { by, .. }) => (Some(Actor::new(by)), None),
            Some(ProposalEnd::Withdrawn { by, .. }) => (None, Some(Actor::new(by))),
            None => (None, None),
        };
        let status = match (statement.applied_at, &withdrawn_by) {
            (Some(_), _) => BankStatementStatus::Applied,
            (None, Some(_)) => BankStatementStatus::Withdrawn,
            (None, None) => BankStatementStatus::AwaitingSecondApproval,
        };
        Self {
            id: BankStatementId::of(statement.id),
            bank_account_id: BankAccountId::of(statement.account),
            status,
            format: statement.format.into(),
            currency: CurrencyCode::of(statement.opening.currency()),
            opening_balance: statement.opening.into(),
            closing_balance: statement.closing.into(),
            from: statement.from,
            to: statement.to,
            lines: statement.sums.lines,
            credits: statement.sums.credits.into(),
            debits: statement.sums.debits.into(),
            confirmed_gap: statement.confirmed_gap,
            uploaded_by: Actor::new(&statement.uploaded_by),
            uploaded_at: statement.uploaded_at,
            approved_by,
            withdrawn_by,
            applied_at: statement.applied_at,
            credited_orders: None,
        }
    }
}

impl From<&Imported> for BankStatement {
    fn from(imported: &Imported) -> Self {
        Self { credited_orders: Some(imported.credited), ..Self::from(&imported.statement) }
    }
}

/// A page of statements.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankStatementPage {
    #[schema(max_items = 100)]
    pub data: Vec<BankStatement>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

/// A line of the file, unchanged.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankStatementLine {
    /// Its number in the file, in the order of days.
    #[schema(minimum = 1, maximum = 20000, example = 1)]
    number: i32,
    booked_on: NaiveDate,
    /// Positive where money arrived.
    amount: SignedAmount,
    /// The bank's id; null if the file has none.
    #[schema(max_length = 200, example = "20261121-000123")]
    bank_transaction_id: Option<String>,
    /// The other side, as the bank writes it.
    #[schema(max_length = 200, example = "ALICE EXAMPLE")]
    remitter_name: Option<String>,
    #[schema(max_length = 200, example = "6222020000000000001")]
    remitter_account: Option<String>,
    #[schema(max_length = 1000, example = "TU0123456X top-up")]
    text: String,
}

impl From<&(i32, StatementLine)> for BankStatementLine {
    fn from((number, line): &(i32, StatementLine)) -> Self {
        Self {
            number: *number,
            booked_on: line.booked_on,
            amount: line.amount.into(),
            bank_transaction_id: line.bank_id.clone(),
            remitter_name: line.remitter.clone(),
            remitter_account: line.remitter_account.clone(),
            text: line.text.clone(),
        }
    }
}

/// A page of the lines of a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankStatementLinePage {
    #[schema(max_items = 100)]
    pub data: Vec<BankStatementLine>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}
