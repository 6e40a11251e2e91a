//! Pages of lists that stand newest first.

use chrono::{DateTime, Utc};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

/// A row's place in a list: its time, and its id among rows of one time.
pub type Position = (DateTime<Utc>, Uuid);

/// The condition that a row comes after a position of a list: `(created_at, id) < ($1, $2)`.
///
/// A comparison of rows is a bound of an index on both columns, so a page is found at once at any depth. The same
/// condition spelled with OR would be a filter, which reads all rows before the page.
#[derive(Debug, Clone, Copy)]
pub struct After<At, Id> {
    columns: (At, Id),
    position: Position,
}

/// See [`After`].
pub fn after<At, Id>(columns: (At, Id), position: Position) -> After<At, Id> {
    After { columns, position }
}

impl<At, Id> Expression for After<At, Id> {
    type SqlType = Bool;
}

impl<At: QueryFragment<Pg>, Id: QueryFragment<Pg>> QueryFragment<Pg> for After<At, Id> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        self.columns.0.walk_ast(pass.reborrow())?;
        pass.push_sql(", ");
        self.columns.1.walk_ast(pass.reborrow())?;
        pass.push_sql(") < (");
        pass.push_bind_param::<Timestamptz, _>(&self.position.0)?;
        pass.push_sql(", ");
        pass.push_bind_param::<SqlUuid, _>(&self.position.1)?;
        pass.push_sql(")");
        Ok(())
    }
}

impl<At, Id> QueryId for After<At, Id> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<At, Id> ValidGrouping<()> for After<At, Id> {
    type IsAggregate = is_aggregate::No;
}

impl<At: AppearsOnTable<Table>, Id: AppearsOnTable<Table>, Table> AppearsOnTable<Table> for After<At, Id> {}

impl<At: SelectableExpression<Table>, Id: SelectableExpression<Table>, Table> SelectableExpression<Table>
    for After<At, Id>
{
}
