//! Hand-written SQL that is prepared once per connection.
//!
//! Diesel's `sql_query` is parsed and planned at every call; a fragment with a static query id is not.
//! The hot statements of the ledger take arrays and are written this way.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// One SQL text with its parameters. Parameters bind in the order in which `build` pushes them; a text
/// may name a parameter again by its number (`$1`).
pub trait StaticSql: Send + 'static {
    /// The SQL types of the columns that it answers.
    type Row;

    /// Writes the statement.
    ///
    /// # Errors
    /// When a parameter cannot be serialized.
    fn build<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// Makes a [`StaticSql`] a diesel query.
#[derive(Debug)]
pub struct Cached<S>(pub S);

impl<S: StaticSql> QueryFragment<Pg> for Cached<S> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.build(pass)
    }
}

impl<S: StaticSql> QueryId for Cached<S> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: StaticSql> Query for Cached<S> {
    type SqlType = S::Row;
}

impl<S, Conn> diesel::RunQueryDsl<Conn> for Cached<S> {}
