//! Reads balances: one read answers all waiting questions.
//!
//! Frontends poll balances, and gateways ask for them before every call. A read takes a connection and a few
//! statements, whether it is for one customer or for a hundred. There is no timer: an idle reader answers a question at
//! once, and the next read answers together all questions that come meanwhile.
//!
//! A read begins after its questions have arrived, so no answer is older than one that its caller got before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::{EngineError, Supervisor};
use crate::domain::balances::Balances;
use crate::domain::customer::CustomerId;
use crate::domain::take_back::{self, Claim};
use crate::domain::wallet::Wallet;
use crate::storage::StorageError;
use crate::storage::ledger;
use crate::storage::pool::Pool;

/// The number of readers: while one waits for the database, another one answers the callers that came meanwhile.
const READERS: usize = 2;
/// Customers in one read.
const CUSTOMERS: usize = 256;
/// Questions that may wait.
const WAITING: usize = 20_000;

type BalanceReply = oneshot::Sender<Result<Balances, EngineError>>;
type Questions = Vec<(CustomerId, Vec<BalanceReply>)>;

/// The waiting callers, by customer: a customer who asks very often is read once, and delays no other.
#[derive(Default)]
struct WaitingQuestions {
    /// Who came first.
    order: VecDeque<CustomerId>,
    replies: HashMap<CustomerId, Vec<BalanceReply>>,
    count: usize,
}

struct ReaderShared {
    pool: Pool,
    waiting: Mutex<WaitingQuestions>,
    woken: Notify,
}

/// The handle for use cases; cloning shares it.
#[derive(Clone)]
pub struct BalanceReader {
    shared: Arc<ReaderShared>,
}

impl std::fmt::Debug for BalanceReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BalanceReader").finish_non_exhaustive()
    }
}

impl BalanceReader {
    /// Starts the readers. Call it inside a tokio runtime.
    #[must_use]
    pub fn start(pool: &Pool, supervisor: &Supervisor) -> Self {
        let shared = Arc::new(ReaderShared { pool: pool.clone(), waiting: Mutex::default(), woken: Notify::new() });
        for _ in 0..READERS {
            let of_reader = Arc::clone(&shared);
            tokio::spawn(supervisor.clone().keep_running("balance_reader", move || answer_all(Arc::clone(&of_reader))));
        }
        Self { shared }
    }

    /// The balances of a customer.
    ///
    /// # Errors
    /// Database errors; [`EngineError::Overloaded`] when too many wait; [`EngineError::NotRead`] when the error was
    /// reported to another question of the same read.
    pub async fn read(&self, customer: &CustomerId) -> Result<Balances, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(customer, reply)?;
        answer.await.map_err(|_| EngineError::NotRead)?
    }
}

impl ReaderShared {
    fn waiting(&self) -> MutexGuard<'_, WaitingQuestions> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, customer: &CustomerId, reply: BalanceReply) -> Result<(), EngineError> {
        let mut waiting = self.waiting();
        if waiting.count >= WAITING {
            return Err(EngineError::Overloaded);
        }
        waiting.count += 1;
        match waiting.replies.get_mut(customer) {
            Some(replies) => replies.push(reply),
            None => {
                waiting.order.push_back(customer.clone());
                waiting.replies.insert(customer.clone(), vec![reply]);
            }
        }
        drop(waiting);
        self.woken.notify_one();
        Ok(())
    }

    /// The questions about the customers who came first. Wakes another reader if some are left.
    fn take(&self) -> Questions {
        let mut waiting = self.waiting();
        let customers = waiting.order.len().min(CUSTOMERS);
        let customers: Vec<CustomerId> = waiting.order.drain(..customers).collect();
        let mut taken = Vec::with_capacity(customers.len());
        for customer in customers {
            let replies = waiting.replies.remove(&customer).unwrap_or_default();
            waiting.count -= replies.len();
            taken.push((customer, replies));
        }
        if !waiting.order.is_empty() {
            self.woken.notify_one();
        }
        taken
    }
}

async fn answer_all(shared: Arc<ReaderShared>) {
    loop {
        let mut questions = shared.take();
        if questions.is_empty() {
            shared.woken.notified().await;
            continue;
        }
        // A caller that has left meanwhile wants no answer.
        questions.retain(|(_, replies)| replies.iter().any(|reply| !reply.is_closed()));
        answer(&shared.pool, questions).await;
    }
}

/// Answers questions by one read. If the rows of one customer are corrupt, each customer is read alone, so that the
/// others still get an answer. Any other error concerns all of them.
async fn answer(pool: &Pool, questions: Questions) {
    let customers: Vec<&CustomerId> = questions.iter().map(|(customer, _)| customer).collect();
    match read(pool, &customers).await {
        Ok(mut found) => {
            for (customer, replies) in questions {
                send(replies, Ok(found.remove(&customer).unwrap_or_default()));
            }
        }
        Err(StorageError::Corrupt(_)) if customers.len() > 1 => {
            for (customer, replies) in questions {
                let found = read(pool, &[&customer]).await;
                send(replies, found.map(|mut found| found.remove(&customer).unwrap_or_default()));
            }
        }
        Err(error) => send(questions.into_iter().flat_map(|(_, replies)| replies).collect(), Err(error)),
    }
}

/// Answers those who asked for the same. An error that passes goes to the first of them; the others get an error to ask
/// again.
fn send(replies: Vec<BalanceReply>, answer: Result<Balances, StorageError>) {
    match answer {
        Ok(balances) => {
            for reply in replies {
                let _gone = reply.send(Ok(balances.clone()));
            }
        }
        Err(StorageError::Corrupt(what)) => {
            for reply in replies {
                let _gone = reply.send(Err(EngineError::Storage(StorageError::Corrupt(what.clone()))));
            }
        }
        Err(error) => {
            let mut error = Some(error);
            for reply in replies {
                let _gone = reply.send(Err(error.take().map_or(EngineError::NotRead, EngineError::Storage)));
            }
        }
    }
}

/// The balances of those customers who have any.
async fn read(pool: &Pool, customers: &[&CustomerId]) -> Result<HashMap<CustomerId, Balances>, StorageError> {
    let mut conn = pool.get().await?;
    let mut found: HashMap<CustomerId, Balances> = HashMap::with_capacity(customers.len());
    for wallet in ledger::read_wallets_of(&mut conn, customers.iter().copied()).await? {
        found.entry(wallet.key.customer.clone()).or_default().wallets.push(wallet);
    }
    let is_claimed = |balances: &Balances| balances.wallets.iter().any(Wallet::is_claimed);
    let claimed: Vec<CustomerId> =
        found.iter().filter(|(_, balances)| is_claimed(balances)).map(|(customer, _)| customer.clone()).collect();
    if !claimed.is_empty() {
        let mut claims: HashMap<CustomerId, Vec<Claim>> = HashMap::new();
        for claim in ledger::claims_of(&mut conn, &claimed).await? {
            claims.entry(claim.customer.clone()).or_default().push(claim);
        }
        for (customer, claims) in claims {
            found.entry(customer).or_default().taken_back_debt = take_back::sums(&claims);
        }
    }
    Ok(found)
}
