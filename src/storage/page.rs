//! Pages of lists, as conditions of statements.

use chrono::{DateTime, Utc};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Timestamptz};

/// The condition that a row is beyond a position of a list: `(created_at, id) < ($1, $2)`, or `>` for a list that is
/// read upwards.
///
/// A comparison of rows is a bound of an index on both columns, so a page is found at once at any depth. The same
/// condition spelled with OR would be a filter, which reads all rows before the page.
#[derive(Debug, Clone, Copy)]
pub struct Beyond<At, Id, V> {
    columns: (At, Id),
    position: (DateTime<Utc>, V),
    ascends: bool,
}

/// See [`Beyond`].
pub fn beyond<At, Id, V>(columns: (At, Id), position: (DateTime<Utc>, V), ascends: bool) -> Beyond<At, Id, V> {
    Beyond { columns, position, ascends }
}

impl<At, Id, V> Expression for Beyond<At, Id, V> {
    type SqlType = Bool;
}

impl<At, Id, V> QueryFragment<Pg> for Beyond<At, Id, V>
where
    At: QueryFragment<Pg>,
    Id: QueryFragment<Pg> + Expression,
    Pg: HasSqlType<Id::SqlType>,
    V: ToSql<Id::SqlType, Pg>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("(");
        self.columns.0.walk_ast(pass.reborrow())?;
        pass.push_sql(", ");
        self.columns.1.walk_ast(pass.reborrow())?;
        pass.push_sql(if self.ascends { ") > (" } else { ") < (" });
        pass.push_bind_param::<Timestamptz, _>(&self.position.0)?;
        pass.push_sql(", ");
        pass.push_bind_param::<Id::SqlType, _>(&self.position.1)?;
        pass.push_sql(")");
        Ok(())
    }
}

impl<At, Id, V> QueryId for Beyond<At, Id, V> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<At, Id, V> ValidGrouping<()> for Beyond<At, Id, V> {
    type IsAggregate = is_aggregate::No;
}

impl<At: AppearsOnTable<Table>, Id: AppearsOnTable<Table>, V, Table> AppearsOnTable<Table> for Beyond<At, Id, V> {}

impl<At, Id, V, Table> SelectableExpression<Table> for Beyond<At, Id, V>
where
    At: SelectableExpression<Table>,
    Id: SelectableExpression<Table>,
{
}

/// Narrows a boxed query to a page and sorts it by the two columns that place a row in its list. Its rows are cut by
/// [`crate::domain::page::Page::cut`]. A function would have to name the type of each query.
macro_rules! in_page {
    ($query:expr, $page:expr, $at:expr, $id:expr) => {{
        let query = match $page.bound() {
            Some(position) => $query.filter($crate::storage::page::beyond(($at, $id), position, $page.ascends())),
            None => $query,
        };
        match $page.ascends() {
            true => query.order(($at.asc(), $id.asc())),
            false => query.order(($at.desc(), $id.desc())),
        }
    }};
}
pub(super) use in_page;

/// Counts the rows of a query, which has a limit of its own: nothing beyond that is read.
#[derive(Debug, Clone, Copy)]
pub struct Counted<Q>(pub Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Counted<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("SELECT count(*) FROM (");
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(") AS counted");
        Ok(())
    }
}

impl<Q> QueryId for Counted<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Counted<Q> {
    type SqlType = BigInt;
}

impl<Q, Conn> diesel::RunQueryDsl<Conn> for Counted<Q> {}
