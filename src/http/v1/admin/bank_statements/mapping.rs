//! `/v1/admin/bank-accounts/{bank_account_id}/statement-mapping`: how the CSV files of an account are read.

use actix_web::{HttpResponse, get, put, web};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::bank_statements::mapping::{self, SavedMapping};
use crate::app::{App, Error, Problems};
use crate::domain::bank_statement::csv::{AmountColumns, CsvMapping};
use crate::domain::bank_statement::text::TextEncoding;
use crate::domain::code::Code;
use crate::http::edge::answers::replaced;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Actor, BankAccountId};

/// How the CSV files of an account are read: the names of their columns. The amount is in one column with a sign,
/// in a column of credits and one of debits, or in one column beside another that gives the direction by a word.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "date_column": "Date", "date_format": "%Y-%m-%d", "amount_column": "Amount", "bank_id_column": "Reference",
    "remitter_column": "Counterparty", "text_columns": ["Details"], "balance_column": "Balance"
}))]
pub struct StatementMapping {
    /// The encoding of the files; null if a mark at their beginning tells it, or if they are in UTF-8.
    #[schema(max_length = 12, pattern = "^(utf-8|gbk|utf-16le|utf-16be|windows-1252)$", example = "gbk")]
    pub encoding: Option<String>,
    /// The character between cells; null for a comma.
    #[schema(min_length = 1, max_length = 1, example = ";")]
    pub delimiter: Option<String>,
    /// Whether amounts have a comma before their decimals.
    #[serde(default)]
    pub decimal_comma: bool,
    #[schema(min_length = 1, max_length = 100, example = "Date")]
    pub date_column: String,
    /// As `strftime` writes it.
    #[schema(min_length = 2, max_length = 40, example = "%Y-%m-%d")]
    pub date_format: String,
    /// The amount: negative if money left, or without a sign if there is a `direction_column`.
    #[schema(max_length = 100, example = "Amount")]
    pub amount_column: Option<String>,
    #[schema(max_length = 100, example = "Credit")]
    pub credit_column: Option<String>,
    #[schema(max_length = 100, example = "Debit")]
    pub debit_column: Option<String>,
    /// The column that says, by `credit_word` or `debit_word`, whether money arrived or left.
    #[schema(max_length = 100, example = "Direction")]
    pub direction_column: Option<String>,
    #[schema(max_length = 100, example = "IN")]
    pub credit_word: Option<String>,
    #[schema(max_length = 100, example = "OUT")]
    pub debit_word: Option<String>,
    #[schema(max_length = 100, example = "Reference")]
    pub bank_id_column: Option<String>,
    #[schema(max_length = 100, example = "Counterparty")]
    pub remitter_column: Option<String>,
    #[schema(max_length = 100, example = "Counterparty account")]
    pub remitter_account_column: Option<String>,
    /// The columns of the payer's text; several are joined.
    #[serde(default)]
    #[schema(max_items = 10, example = json!(["Details"]))]
    pub text_columns: Vec<String>,
    /// The column of the balance after each line. It gives the balances of a file.
    #[schema(max_length = 100, example = "Balance")]
    pub balance_column: Option<String>,
    /// The word before the balance with which a file opens.
    #[schema(max_length = 100, example = "Opening balance")]
    pub opening_label: Option<String>,
    #[schema(max_length = 100, example = "Closing balance")]
    pub closing_label: Option<String>,
    /// Rows that begin with one of these words are not lines.
    #[serde(default)]
    #[schema(max_items = 20, example = json!(["Total"]))]
    pub ignored_labels: Vec<String>,
    /// Whether the files begin with the newest line.
    #[serde(default)]
    pub newest_first: bool,
}

impl StatementMapping {
    fn read(self) -> Result<CsvMapping, Error> {
        let mut problems = Problems::new();
        let amount = self.amount(&mut problems);
        let delimiter = self.delimiter.as_deref().unwrap_or(",").as_bytes();
        let delimiter = match delimiter {
            [one] if one.is_ascii() && *one != b'"' && *one != b'\n' => Some(*one),
            _ => {
                problems.add("/delimiter", Code::InvalidValue, "must be one ASCII character");
                None
            }
        };
        if !is_date_format(&self.date_format) {
            let detail = "must name year, month and day as strftime does, such as %Y-%m-%d";
            problems.add("/date_format", Code::Malformed, detail);
        }
        let date = problems.text("/date_column", &self.date_column, 1, 100);
        let mut maybe = |pointer: &str, text: &Option<String>| problems.optional_text(pointer, text.as_deref(), 100);
        let bank_id = maybe("/bank_id_column", &self.bank_id_column);
        let remitter = maybe("/remitter_column", &self.remitter_column);
        let remitter_account = maybe("/remitter_account_column", &self.remitter_account_column);
        let balance = maybe("/balance_column", &self.balance_column);
        let opening_label = maybe("/opening_label", &self.opening_label);
        let closing_label = maybe("/closing_label", &self.closing_label);
        let text = each(&mut problems, "/text_columns", &self.text_columns, 10);
        let ignored_labels = each(&mut problems, "/ignored_labels", &self.ignored_labels, 20);
        let date_format = self.date_format.clone();
        let encoding = self.encoding.as_deref().and_then(|name| {
            let known = TextEncoding::parse(name);
            if known.is_none() {
                let detail = "must be utf-8, gbk, utf-16le, utf-16be or windows-1252";
                problems.add("/encoding", Code::InvalidValue, detail);
            }
            known
        });
        let known = date.zip(amount).zip(delimiter).map(|((date, amount), delimiter)| CsvMapping {
            encoding,
            delimiter,
            decimal_comma: self.decimal_comma,
            date,
            date_format,
            amount,
            bank_id,
            remitter,
            remitter_account,
            text,
            balance,
            opening_label,
            closing_label,
            ignored_labels,
            newest_first: self.newest_first,
        });
        problems.into_result(known)
    }

    fn amount(&self, problems: &mut Problems) -> Option<AmountColumns> {
        let mut maybe = |pointer: &str, text: &Option<String>| problems.optional_text(pointer, text.as_deref(), 100);
        let amount = maybe("/amount_column", &self.amount_column);
        let credit = maybe("/credit_column", &self.credit_column);
        let debit = maybe("/debit_column", &self.debit_column);
        let side = maybe("/direction_column", &self.direction_column);
        let words = maybe("/credit_word", &self.credit_word).zip(maybe("/debit_word", &self.debit_word));
        match (amount, credit, debit, side, words) {
            (Some(amount), None, None, None, None) => Some(AmountColumns::Signed(amount)),
            (None, Some(credit), Some(debit), None, None) => Some(AmountColumns::Split { credit, debit }),
            (Some(amount), None, None, Some(side), Some((credit, debit))) => {
                Some(AmountColumns::Sided { amount, side, credit, debit })
            }
            _ => {
                let detail = "must stand alone, or beside direction_column, credit_word and debit_word; or send \
                              credit_column and debit_column instead";
                problems.add("/amount_column", Code::InvalidValue, detail);
                None
            }
        }
    }
}

fn each(problems: &mut Problems, pointer: &str, texts: &[String], most: usize) -> Vec<String> {
    if texts.len() > most {
        problems.add(pointer, Code::TooMany, format!("must have {most} items at most"));
    }
    let read = texts.iter().enumerate().filter_map(|(n, text)| problems.text(&format!("{pointer}/{n}"), text, 1, 100));
    read.collect()
}

/// Whether the form can be read, and identifies a day.
fn is_date_format(format: &str) -> bool {
    let is_known = (2..=40).contains(&format.len()) && StrftimeItems::new(format).all(|item| item != Item::Error);
    let days = [(2026, 11, 9), (2025, 1, 31)].map(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day));
    is_known
        && days.into_iter().flatten().all(|day| {
            let mut written = String::new();
            let midnight = day.and_time(chrono::NaiveTime::MIN);
            std::fmt::Write::write_fmt(&mut written, format_args!("{}", midnight.format(format))).is_ok()
                && NaiveDate::parse_from_str(&written, format) == Ok(day)
        })
}

/// The mapping of an account, and who saved it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedStatementMapping {
    mapping: StatementMapping,
    updated_by: Actor,
    updated_at: DateTime<Utc>,
}

impl From<SavedMapping> for SavedStatementMapping {
    fn from(saved: SavedMapping) -> Self {
        let known = saved.mapping;
        let mut mapping = StatementMapping {
            encoding: known.encoding.map(|encoding| encoding.as_str().to_owned()),
            delimiter: Some(char::from(known.delimiter).to_string()),
            decimal_comma: known.decimal_comma,
            date_column: known.date,
            date_format: known.date_format,
            amount_column: None,
            credit_column: None,
            debit_column: None,
            direction_column: None,
            credit_word: None,
            debit_word: None,
            bank_id_column: known.bank_id,
            remitter_column: known.remitter,
            remitter_account_column: known.remitter_account,
            text_columns: known.text,
            balance_column: known.balance,
            opening_label: known.opening_label,
            closing_label: known.closing_label,
            ignored_labels: known.ignored_labels,
            newest_first: known.newest_first,
        };
        match known.amount {
            AmountColumns::Signed(amount) => mapping.amount_column = Some(amount),
            AmountColumns::Split { credit, debit } => {
                (mapping.credit_column, mapping.debit_column) = (Some(credit), Some(debit));
            }
            AmountColumns::Sided { amount, side, credit, debit } => {
                (mapping.amount_column, mapping.direction_column) = (Some(amount), Some(side));
                (mapping.credit_word, mapping.debit_word) = (Some(credit), Some(debit));
            }
        }
        Self { mapping, updated_by: Actor::new(&saved.updated_by), updated_at: saved.updated_at }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AccountPath {
    /// The account's id.
    bank_account_id: BankAccountId,
}

/// Read how CSV statements of an account are read
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminGetStatementMapping",
    params(AccountPath),
    responses((status = 200, description = "The mapping", body = SavedStatementMapping)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-accounts/{bank_account_id}/statement-mapping")]
pub async fn get_statement_mapping(
    _: AsOperator,
    path: web::Path<AccountPath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let saved = mapping::read(&app, path.bank_account_id.named()).await?;
    Ok(HttpResponse::Ok().json(SavedStatementMapping::from(saved)))
}

/// Say how CSV statements of an account are read
///
/// Replaces the mapping of the account. It applies to files that are uploaded from now on.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminSaveStatementMapping",
    params(AccountPath),
    request_body = StatementMapping,
    responses(
        (status = 200, description = "The new mapping, in place of another", body = SavedStatementMapping),
        (status = 201, description = "The first mapping of the account", body = SavedStatementMapping),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[put("/v1/admin/bank-accounts/{bank_account_id}/statement-mapping")]
pub async fn save_statement_mapping(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<AccountPath>,
    body: JsonBody<StatementMapping>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mapping = body.value.read()?;
    let (is_new, saved) = mapping::save(&app, &caller, path.bank_account_id.named(), mapping).await?;
    Ok(replaced(is_new, &SavedStatementMapping::from(saved)))
}
