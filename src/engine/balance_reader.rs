//! Reads balances: all questions that wait are answered by one read.
//!
//! Frontends poll balances, and gateways ask for them before every call. A read takes a connection and a few statements,
//! whether it is for one customer or for a hundred. There is no timer: a question that meets an idle reader is answered
//! at once, and what comes meanwhile is answered together by the next read.
//!
//! A read begins after its questions have come, so no answer is older than what its caller was told before.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{Notify, oneshot};

use super::{EngineError, Supervisor};
use crate::domain::balances::Balances;
use crate::domain::customer::CustomerId;
use crate::domain::take_back::{self, Claim};
use crate::domain::wallet::Wallet;
use crate::storage::StorageError;
use crate::storage::ledger;
use crate::storage::pool::Pool;

/// Readers at work at the same time: while one waits for the database, another one serves who came meanwhile.
const READERS: usize = 2;
/// Questions in one read.
const MOST: usize = 256;

struct Question {
    customer: CustomerId,
    reply: oneshot::Sender<Result<Balances, StorageError>>,
}

struct Shared {
    pool: Pool,
    waiting: Mutex<Vec<Question>>,
    woken: Notify,
}

/// The handle that use cases hold; cloning shares it.
#[derive(Clone)]
pub struct BalanceReader {
    shared: Arc<Shared>,
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
        let shared = Arc::new(Shared { pool: pool.clone(), waiting: Mutex::default(), woken: Notify::new() });
        for _ in 0..READERS {
            let of_reader = Arc::clone(&shared);
            tokio::spawn(supervisor.clone().keep_running("balance_reader", move || answer_all(Arc::clone(&of_reader))));
        }
        Self { shared }
    }

    /// The balances of a customer.
    ///
    /// # Errors
    /// Database errors; [`EngineError::Unanswered`] when the reader ended.
    pub async fn read(&self, customer: &CustomerId) -> Result<Balances, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(Question { customer: customer.clone(), reply });
        Ok(answer.await.map_err(|_| EngineError::Unanswered)??)
    }
}

impl Shared {
    fn push(&self, question: Question) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(question);
        self.woken.notify_one();
    }

    /// The questions that came first; wakes another reader where some are left.
    fn take(&self) -> Vec<Question> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let take = waiting.len().min(MOST);
        let taken = waiting.drain(..take).collect();
        if !waiting.is_empty() {
            self.woken.notify_one();
        }
        taken
    }
}

async fn answer_all(shared: Arc<Shared>) {
    loop {
        // Who has gone meanwhile wants no answer.
        let questions: Vec<Question> =
            shared.take().into_iter().filter(|question| !question.reply.is_closed()).collect();
        if questions.is_empty() {
            shared.woken.notified().await;
            continue;
        }
        answer(&shared.pool, questions).await;
    }
}

/// Answers questions by one read. Where that fails, each is read alone, so that a customer whose rows cannot be read
/// keeps no other from an answer.
async fn answer(pool: &Pool, mut questions: Vec<Question>) {
    let customers: HashSet<&CustomerId> = questions.iter().map(|question| &question.customer).collect();
    match read(pool, customers).await {
        Ok(found) => {
            for Question { customer, reply } in questions {
                let _gone = reply.send(Ok(found.get(&customer).cloned().unwrap_or_default()));
            }
        }
        Err(error) => match (questions.pop(), questions.is_empty()) {
            (Some(only), true) => {
                let _gone = only.reply.send(Err(error));
            }
            (last, _) => {
                join_all(questions.into_iter().chain(last).map(|question| answer_alone(pool, question))).await;
            }
        },
    }
}

async fn answer_alone(pool: &Pool, Question { customer, reply }: Question) {
    let found = read(pool, HashSet::from([&customer])).await;
    let _gone = reply.send(found.map(|mut found| found.remove(&customer).unwrap_or_default()));
}

/// The balances of those customers who have any.
async fn read(pool: &Pool, customers: HashSet<&CustomerId>) -> Result<HashMap<CustomerId, Balances>, StorageError> {
    let mut conn = pool.get().await?;
    let mut found: HashMap<CustomerId, Balances> = HashMap::with_capacity(customers.len());
    for wallet in ledger::read_wallets_of(&mut conn, customers).await? {
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
