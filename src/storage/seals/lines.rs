//! Reads the entries of stretches, as the sealed form writes them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Int2, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::seal::form::{NO_TEXTS, SealLine, StoredLine, Stretch, Texts};
use crate::storage::StorageError;
use crate::storage::columns::corrupt;
use crate::storage::statement::{Cached, Parameters, Statement};

#[derive(Clone)]
struct Stretches {
    customers: Vec<String>,
    wallets: Vec<Uuid>,
    from: Vec<i64>,
    to: Vec<i64>,
}

impl Stretches {
    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Array<BigInt>, _>(&self.from)?;
        parameters.add::<Array<BigInt>, _>(&self.to)
    }
}

struct FindLines(Stretches);

type LineIdentity = (BigInt, BigInt, Int2, Text, BigInt);
type Figures = (Numeric, Nullable<Numeric>, Nullable<Numeric>, Numeric, Numeric, Numeric);
type Rest = (Text, Nullable<Text>, Nullable<Timestamptz>, Timestamptz, Nullable<Text>, Nullable<Text>, Nullable<Jsonb>);

impl Statement for FindLines {
    const TEXT: &'static str = include_str!("../sql/seal_lines.sql");
    type Row = (LineIdentity, Figures, Rest);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

struct GrantUses(Stretches);

impl Statement for GrantUses {
    const TEXT: &'static str = include_str!("../sql/seal_grant_uses.sql");
    type Row = (BigInt, BigInt, SqlUuid, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

type IdentityRow = (i64, i64, i16, String, i64);
type FiguresRow = (Decimal, Option<Decimal>, Option<Decimal>, Decimal, Decimal, Decimal);
type RestRow = (
    String,
    Option<String>,
    Option<DateTime<Utc>>,
    DateTime<Utc>,
    Option<String>,
    Option<String>,
    Option<serde_json::Value>,
);

/// The entries of each stretch in the order of their numbers; fewer if some are missing.
///
/// # Errors
/// Database errors.
pub async fn lines(
    conn: &mut AsyncPgConnection,
    stretches: &[Stretch<'_>],
) -> Result<Vec<Vec<StoredLine>>, StorageError> {
    let wanted = Stretches {
        customers: stretches.iter().map(|stretch| stretch.customer.as_str().to_owned()).collect(),
        wallets: stretches.iter().map(|stretch| stretch.wallet_id).collect(),
        from: stretches.iter().map(|stretch| stretch.from_seq).collect(),
        to: stretches.iter().map(|stretch| stretch.to_seq).collect(),
    };
    let rows: Vec<(IdentityRow, FiguresRow, RestRow)> = Cached(FindLines(wanted.clone())).load(conn).await?;
    let used: Vec<(i64, i64, Uuid, Decimal)> = Cached(GrantUses(wanted)).load(conn).await?;
    let mut uses: HashMap<(i64, i64), Vec<(Uuid, Decimal)>> = HashMap::new();
    for (n, seq, grant, amount) in used {
        uses.entry((n, seq)).or_default().push((grant, amount));
    }
    let mut found: Vec<Vec<StoredLine>> = stretches.iter().map(|_| Vec::new()).collect();
    for (identity, figures, rest) in rows {
        let n = identity.0;
        let grant_uses = uses.remove(&(n, identity.1)).unwrap_or_default();
        let of_stretch = usize::try_from(n - 1).ok().and_then(|n| found.get_mut(n));
        of_stretch.ok_or_else(|| corrupt("stretch", n))?.push(stored(identity, figures, rest, grant_uses));
    }
    for lines in &mut found {
        lines.sort_by_key(|stored| stored.line.seq);
    }
    Ok(found)
}

fn stored(
    (_, seq, kind, key, fingerprint): IdentityRow,
    (amount, granted, debt, balance_after, paid_in, paid_out): FiguresRow,
    (counterpart, reference, occurred_at, created_at, text_digest, description, metadata): RestRow,
    grant_uses: Vec<(Uuid, Decimal)>,
) -> StoredLine {
    let line = SealLine {
        seq,
        kind,
        key,
        fingerprint,
        amount,
        granted,
        debt,
        balance_after,
        paid_in,
        paid_out,
        counterpart,
        reference,
        occurred_at,
        created_at,
        texts: text_digest.unwrap_or_else(|| NO_TEXTS.to_owned()),
        grant_uses,
    };
    StoredLine { line, texts: Texts { description, metadata } }
}
