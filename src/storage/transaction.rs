//! Transactions that run again when PostgreSQL asks for a retry.

use std::future::Future;

use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::StorageError;
use super::pool::Pool;

/// How often a transaction runs until the service gives up on a serialization failure, a deadlock or a lock of another
/// session and answers that the database is unavailable. Each run waits 500 ms for a lock.
const TRIES: u32 = 5;

/// An async closure over `T` whose future has a name, so that it can be required to be `Send`.
pub trait Work<T, R>: AsyncFn(T) -> R + Fn(T) -> <Self as Work<T, R>>::Fut {
    type Fut: Future<Output = R>;
}

impl<F, T, Fut, R> Work<T, R> for F
where
    F: AsyncFn(T) -> R + Fn(T) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

/// An error of a transaction's body that knows whether the database asked to run it again.
pub trait TransactionError: From<diesel::result::Error> + From<StorageError> + Send {
    fn is_transient(&self) -> bool;
}

impl TransactionError for StorageError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }
}

/// Runs `work` in one READ COMMITTED transaction: commits when it is `Ok`, rolls back when it is `Err`. A
/// serialization failure, a deadlock or a lock that is kept for too long is retried here, so callers never see one as a
/// refusal.
///
/// # Errors
/// Of `work`, and of the database.
pub async fn transact<R, E, F>(pool: &Pool, work: F) -> Result<R, E>
where
    for<'c> F: Work<&'c mut AsyncPgConnection, Result<R, E>, Fut: Send> + Send + Sync,
    E: TransactionError,
    R: Send,
{
    repeat(pool, work, E::is_transient).await
}

/// Like [`transact`], for work that should not wait: it ends at the first lock that another session holds for longer
/// than the lock time-out.
///
/// # Errors
/// Of `work`, and of the database; [`super::connection::sqlstate::Passing::Locked`] among them.
pub async fn transact_unless_locked<R, F>(pool: &Pool, work: F) -> Result<R, StorageError>
where
    for<'c> F: Work<&'c mut AsyncPgConnection, Result<R, StorageError>, Fut: Send> + Send + Sync,
    R: Send,
{
    repeat(pool, work, |error| error.is_transient() && !error.is_locked()).await
}

/// Runs `work` in a part of the caller's transaction that is rolled back when it is `Err`, while the rest goes on. A
/// temporary error of the database is no reason to go on: the caller returns it, so that the whole transaction runs
/// again.
///
/// # Errors
/// Of `work`, and of the database.
pub async fn savepoint<R, E, F>(conn: &mut AsyncPgConnection, work: F) -> Result<R, E>
where
    for<'c> F: Work<&'c mut AsyncPgConnection, Result<R, E>, Fut: Send> + Send + Sync,
    E: From<diesel::result::Error> + Send,
    R: Send,
{
    conn.transaction::<R, E, _>(async |conn| work(conn).await).await
}

async fn repeat<R, E, F>(pool: &Pool, work: F, is_worth_it: impl Fn(&E) -> bool + Send + Sync) -> Result<R, E>
where
    for<'c> F: Work<&'c mut AsyncPgConnection, Result<R, E>, Fut: Send> + Send + Sync,
    E: TransactionError,
    R: Send,
{
    let mut tries = 1;
    loop {
        let mut conn = pool.get().await?;
        let conn: &mut AsyncPgConnection = &mut conn;
        let done = conn.transaction::<R, E, _>(async |conn| work(conn).await).await;
        match done {
            Err(error) if is_worth_it(&error) && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}
