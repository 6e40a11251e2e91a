//! Statements from `.sql` files, prepared once per connection.
//!
//! Diesel's `sql_query` is parsed and planned again at every call. A query with a static query id is prepared once
//! and then kept in the connection's statement cache, so every hot statement of the ledger is one of these.
//!
//! A file names its parameters by number (`$1`), in any order and as often as it needs them. Its head lists each of
//! them with its type; `tests/ledger/statements.rs` reads that list and plans every file.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

/// One SQL text with its parameters.
pub trait Statement: Send + 'static {
    /// The file: `include_str!("sql/name.sql")`.
    const TEXT: &'static str;

    /// The SQL types of the columns that the statement returns.
    type Row;

    /// Adds the parameters, `$1` first.
    ///
    /// # Errors
    /// When a parameter cannot be serialized.
    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()>;
}

/// Takes the parameters of a [`Statement`] in the order of their numbers.
#[expect(missing_debug_implementations, reason = "diesel's pass has no Debug")]
pub struct Parameters<'a, 'b>(AstPass<'a, 'b, Pg>);

impl<'b> Parameters<'_, 'b> {
    /// Adds the next parameter, which has the SQL type `T`.
    ///
    /// # Errors
    /// When the value cannot be serialized.
    pub fn add<T, V>(&mut self, value: &'b V) -> QueryResult<()>
    where
        Pg: HasSqlType<T>,
        V: ToSql<T, Pg>,
    {
        self.0.push_sql(" ");
        self.0.push_bind_param::<T, V>(value)
    }
}

/// Makes a [`Statement`] a diesel query.
#[derive(Debug)]
pub struct Cached<S>(pub S);

impl<S: Statement> QueryFragment<Pg> for Cached<S> {
    /// Diesel numbers parameters in the order in which it meets them, and writes each as `$n` where it meets it. So a
    /// comment before the text names all of them: `-- $1 $2 $3`. The numbers in the text are then the file's own:
    /// the text need not be searched for them, neither when diesel collects the values nor when it writes the SQL,
    /// which happens at every call.
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("--");
        self.0.bind(&mut Parameters(pass.reborrow()))?;
        pass.push_sql("\n");
        pass.push_sql(S::TEXT);
        Ok(())
    }
}

impl<S: Statement> QueryId for Cached<S> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> Query for Cached<S> {
    type SqlType = S::Row;
}

impl<S, Conn> diesel::RunQueryDsl<Conn> for Cached<S> {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diesel::debug_query;
    use diesel::sql_types::{Integer, Text};

    use super::*;

    struct Backwards {
        first: i32,
        second: String,
    }

    impl Statement for Backwards {
        const TEXT: &'static str = "SELECT $2, $1, $2";
        type Row = (Text, Integer, Text);

        fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
            parameters.add::<Integer, _>(&self.first)?;
            parameters.add::<Text, _>(&self.second)
        }
    }

    #[test]
    fn parameters_keep_the_numbers_that_the_text_gives_them() {
        let statement = Cached(Backwards { first: 7, second: "seven".to_owned() });
        let shown = debug_query::<Pg, _>(&statement).to_string();
        assert_eq!(shown, "-- $1 $2\nSELECT $2, $1, $2 -- binds: [7, \"seven\"]");
    }
}
