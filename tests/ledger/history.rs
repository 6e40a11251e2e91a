//! Random histories from several connections at once, through transactions and through the poster. Whatever
//! happens, the book must be clean while it happens and afterwards, and hold exactly what was answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use topup::domain::entry::{Entry, EntryKind};
use topup::domain::money::Money;
use topup::domain::movement;
use topup::domain::movement::capture::capture;
use topup::domain::movement::expiry::sweep;
use topup::domain::movement::extend::extend;
use topup::domain::movement::release::release;
use topup::domain::movement::reversal::NewReversal;
use topup::domain::movement::usage::NewUsage;
use topup::domain::posting::{FastPosting, OnInsufficient, Posting, PostingOutcome};
use topup::domain::wallet_key::WalletKey;
use topup::engine::{Poster, PosterSettings, Supervisor};
use topup::storage::StorageError;
use topup::storage::ledger::post;
use topup::storage::pool::Pool;
use topup::storage::transaction::transact;
use uuid::Uuid;

use crate::reports;
use crate::support::{self, adjust, ask, assert_clean, book, database, grant, money, new_hold, usage, wallet};
use crate::taking_back::{self, Dispute, Order};

const WORKERS: u64 = 6;

/// What all workers know.
struct World {
    pool: Pool,
    poster: Poster,
    wallets: Vec<WalletKey>,
    next: AtomicU64,
    holds: Mutex<Vec<Uuid>>,
    /// Deductions that nobody has reversed yet.
    deductions: Mutex<Vec<(WalletKey, Entry)>>,
    booked: Mutex<Vec<Entry>>,
    /// Orders of which something is not disputed, and open disputes. A task that works on one removes it from here.
    orders: Mutex<Vec<Order>>,
    disputes: Mutex<Vec<Dispute>>,
    over: AtomicBool,
}

impl World {
    fn wallet(&self, rng: &mut StdRng) -> WalletKey {
        self.wallets[rng.random_range(0..self.wallets.len())].clone()
    }

    /// Another wallet of the same customer and currency.
    fn other(&self, than: &WalletKey, rng: &mut StdRng) -> WalletKey {
        let others: Vec<&WalletKey> = self
            .wallets
            .iter()
            .filter(|key| key.customer == than.customer && key.currency == than.currency && *key != than)
            .collect();
        others[rng.random_range(0..others.len())].clone()
    }

    fn hold(&self, rng: &mut StdRng) -> Option<Uuid> {
        let holds = self.holds.lock().unwrap();
        (!holds.is_empty()).then(|| {
            let recent = holds.len().saturating_sub(12);
            holds[rng.random_range(recent..holds.len())]
        })
    }

    /// Mostly a new key, but sometimes one that was used before. The content of a posting follows from its key, so a
    /// known key is a repetition; sometimes it comes with other content.
    fn key(&self, rng: &mut StdRng) -> (String, StdRng) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let back = if rng.random_bool(0.1) { rng.random_range(0..20) } else { 0 };
        let key = next.saturating_sub(back);
        let content = if rng.random_bool(0.05) { next + 1_000_000 } else { key };
        (format!("k{key}"), StdRng::seed_from_u64(content))
    }

    fn learn(&self, postings: &[Posting], outcomes: &[PostingOutcome]) {
        assert_eq!(postings.len(), outcomes.len());
        for (posting, outcome) in postings.iter().zip(outcomes) {
            let PostingOutcome::Booked(booked) = outcome else { continue };
            let key = || booked.wallet.clone().expect("what was booked names its wallet");
            if let (Some(hold), Some(FastPosting::OpenHold(_))) = (&booked.hold, posting.fast()) {
                self.holds.lock().unwrap().push(hold.id);
            }
            if let Some(entry) = &booked.entry {
                self.booked.lock().unwrap().push(entry.clone());
                if entry.label.kind() == EntryKind::Usage {
                    self.deductions.lock().unwrap().push((key(), entry.clone()));
                }
            }
        }
    }
}

fn amount(rng: &mut StdRng, upto: i64) -> Decimal {
    let scale = [0, 2, 8][rng.random_range(0..3)];
    Decimal::new(rng.random_range(1..=upto * 10_i64.pow(scale)), scale)
}

/// Usage, holds and their ends: what requests send through the poster.
fn metered(world: &World, rng: &mut StdRng) -> Posting {
    let hold = world.hold(rng);
    match (rng.random_range(0..100), hold) {
        (0..45, _) => deduct(world, rng),
        (70..85, Some(hold)) => {
            let upto = amount(rng, 30);
            capture(hold, if rng.random_bool(0.1) { Decimal::ZERO } else { upto })
        }
        (85..95, Some(hold)) => release(hold),
        (95..100, Some(hold)) => extend(hold, Duration::seconds(2)),
        _ => {
            let (key, mut content) = world.key(rng);
            let (at, amount) = (world.wallet(&mut content), amount(&mut content, 20));
            let lifetime = Duration::seconds(content.random_range(1..3));
            new_hold(&at, &key, amount, lifetime).posting(Uuid::now_v7())
        }
    }
}

/// What happens if the wallet is short: of nine usages, five are refused, two fall back, and two are booked.
fn deduct(world: &World, rng: &mut StdRng) -> Posting {
    let (key, mut content) = world.key(rng);
    let content = &mut content;
    let (at, sort) = (world.wallet(content), content.random_range(0..9));
    let usage = usage(&at, &key, amount(content, 30));
    let refused = NewUsage { description: Some("refuse".to_owned()), ..usage.clone() };
    match sort {
        0..5 => refused.posting(),
        5..7 => NewUsage { fallback_to_main: true, ..refused }.posting(),
        _ => NewUsage { on_insufficient: OnInsufficient::Book, ..usage }.posting(),
    }
}

/// Everything else that one posting can be.
fn unmetered(world: &World, rng: &mut StdRng) -> Posting {
    match rng.random_range(0..100) {
        0..57 => {
            let (key, mut content) = world.key(rng);
            let (at, up) = (world.wallet(&mut content), content.random_bool(0.7));
            let amount = if up { amount(&mut content, 60) } else { -amount(&mut content, 40) };
            adjust(&at, &key, amount)
        }
        57..75 => {
            let lives = [None, Some(0), Some(200), Some(1_000), Some(86_400_000)][rng.random_range(0..5)];
            let expires_at = lives.map(|lives| Utc::now() + Duration::milliseconds(lives));
            grant(&world.wallet(rng), Uuid::now_v7(), amount(rng, 30), rng.random_range(0..3), expires_at)
        }
        75..90 => {
            let taken = {
                let mut deductions = world.deductions.lock().unwrap();
                let some = deductions.len();
                (some > 0).then(|| deductions.swap_remove(rng.random_range(0..some)))
            };
            match taken {
                None => sweep(world.wallet(rng)),
                Some((at, entry)) => {
                    let key = entry.label.key().to_owned();
                    let customer = at.customer.clone();
                    let reversal = NewReversal { id: key.clone(), customer, usage_id: key, amount: None };
                    reversal.posting(at, &entry, None, &[]).unwrap()
                }
            }
        }
        _ => sweep(world.wallet(rng)),
    }
}

/// A payment applied to a wallet, with all its rows.
async fn recharge(world: &World, rng: &mut StdRng) {
    let (at, payment, amount) = (world.wallet(rng), Uuid::now_v7(), amount(rng, 80));
    let postings = vec![support::recharge(&at, payment, amount)];
    let rows = format!(
        "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, live, received_at)
         VALUES ('{payment}', 'stripe', 'm', '{payment}', '{currency}', {amount}, {amount}, false, now());
         INSERT INTO payment_applications (payment_id, n, customer_id, wallet_id, amount, applied_by, applied_at)
         SELECT '{payment}', 1, customer_id, id, {amount}, 'test', now() FROM wallets
         WHERE customer_id = '{customer}' AND currency = '{currency}' AND product = '{product}'",
        customer = at.customer,
        currency = at.currency,
        product = at.product.as_column(),
    );
    let (asked, rows) = (&postings, &rows);
    let outcomes = transact::<_, StorageError, _>(&world.pool, async |conn| {
        let outcomes = post(conn, asked).await?;
        conn.batch_execute(rows).await?;
        Ok(outcomes)
    })
    .await
    .unwrap();
    world.learn(&postings, &outcomes);
}

/// Both entries or none.
async fn transfer(world: &World, rng: &mut StdRng) {
    let (from, transfer, amount) = (world.wallet(rng), Uuid::now_v7(), amount(rng, 30));
    let to = world.other(&from, rng);
    let sides =
        movement::transfer::transfer(transfer, &from.customer, money(&from, amount), &from.product, &to.product);
    // Sometimes other postings are decided with the transfer. If they are refused, it is still made.
    let mut postings: Vec<Posting> = (0..rng.random_range(0..3)).map(|_| metered(world, rng)).collect();
    let others = postings.len();
    postings.extend(sides);
    let row = format!(
        "INSERT INTO transfers (customer_id, id, currency, amount, from_product, to_product, created_at)
         VALUES ('{}', '{transfer}', '{}', {amount}, '{}', '{}', now())",
        from.customer,
        from.currency,
        from.product.as_column(),
        to.product.as_column(),
    );
    let (asked, row) = (&postings, &row);
    let done = transact::<_, StorageError, _>(&world.pool, async |conn| {
        let outcomes = post(conn, asked).await?;
        if outcomes.iter().skip(others).any(|outcome| matches!(outcome, PostingOutcome::Refused(_))) {
            return Err(StorageError::Corrupt("refused".to_owned()));
        }
        conn.batch_execute(row).await?;
        Ok(outcomes)
    })
    .await;
    match done {
        Ok(outcomes) => world.learn(&postings, &outcomes),
        Err(StorageError::Corrupt(why)) if why == "refused" => {}
        Err(error) => panic!("{error}"),
    }
}

/// What an operator may do beside the ledger.
async fn freeze(world: &World, rng: &mut StdRng) {
    let (at, frozen) = (world.wallet(rng), rng.random_bool(0.3));
    let sql = format!(
        "UPDATE wallets
         SET frozen = {frozen}, needs_full_path = debt > 0 OR claimed OR {frozen}
         WHERE {wallet};
         DELETE FROM frozen_wallets f USING wallets w
         WHERE f.customer_id = w.customer_id AND f.wallet_id = w.id AND {wallet};
         INSERT INTO frozen_wallets (customer_id, wallet_id, reason, frozen_by, frozen_at)
         SELECT customer_id, id, 'test', 'test', now() FROM wallets w WHERE {wallet} AND {frozen}",
        wallet = format_args!(
            "w.customer_id = '{}' AND w.currency = '{}' AND w.product = '{}'",
            at.customer,
            at.currency,
            at.product.as_column()
        ),
    )
    .replace("UPDATE wallets", "UPDATE wallets w");
    world.pool.get().await.unwrap().batch_execute(&sql).await.unwrap();
}

/// Money of orders comes, is disputed, and comes back when a dispute is won.
async fn take_back(world: &World, rng: &mut StdRng) {
    let some = |rng: &mut StdRng, of: usize| (of > 0).then(|| rng.random_range(0..of));
    let order = {
        let mut orders = world.orders.lock().unwrap();
        some(rng, orders.len()).map(|at| orders.swap_remove(at))
    };
    let won = {
        let mut disputes = world.disputes.lock().unwrap();
        some(rng, disputes.len()).filter(|_| rng.random_bool(0.4)).map(|at| disputes.swap_remove(at))
    };
    match (order, won) {
        (Some(order), None) if rng.random_bool(0.7) => {
            let dispute = taking_back::dispute(&world.pool, order, rng).await;
            world.disputes.lock().unwrap().push(dispute);
        }
        (order, Some(won)) => {
            world.orders.lock().unwrap().extend(order);
            let order = taking_back::win(&world.pool, won).await;
            world.orders.lock().unwrap().push(order);
        }
        (order, None) => {
            world.orders.lock().unwrap().extend(order);
            let (order, asked, answered) = taking_back::order(&world.pool, world.wallet(rng)).await;
            world.learn(&asked, &answered);
            world.orders.lock().unwrap().push(order);
        }
    }
}

async fn step(world: &World, rng: &mut StdRng) {
    let batch = rng.random_range(1..6);
    match rng.random_range(0..100) {
        0..8 => recharge(world, rng).await,
        8..18 => transfer(world, rng).await,
        18..20 => freeze(world, rng).await,
        20..30 => take_back(world, rng).await,
        30..64 => {
            let postings: Vec<Posting> = (0..batch).map(|_| metered(world, rng)).collect();
            let outcomes = world.poster.post(postings.clone()).await.unwrap();
            world.learn(&postings, &outcomes);
        }
        _ => {
            let one = |rng: &mut StdRng| if rng.random_bool(0.5) { metered(world, rng) } else { unmetered(world, rng) };
            let postings: Vec<Posting> = (0..batch).map(|_| one(rng)).collect();
            let outcomes = book(&world.pool, postings.clone()).await;
            world.learn(&postings, &outcomes);
        }
    }
}

async fn live_through(seed: u64, steps: usize) {
    println!("seed {seed}");
    let (pool, _) = database(12).await;
    let wallets: Vec<WalletKey> = ["ann", "ben"]
        .into_iter()
        .flat_map(|customer| ["USD", "VND"].map(|currency| (customer, currency)))
        .flat_map(|(customer, currency)| ["", "gpu", "sms"].map(|product| wallet(customer, currency, product)))
        .collect();
    // The third wallet of each is made when money first comes to it.
    let opening = wallets
        .iter()
        .filter(|at| at.product.as_column() != "sms")
        .zip(0..)
        .map(|(at, n)| adjust(at, &format!("opening {n}"), Decimal::from(100)));
    let opening: Vec<Posting> = opening.collect();
    let outcomes = book(&pool, opening.clone()).await;
    // One guarded wallet, two with an alert.
    pool.get()
        .await
        .unwrap()
        .batch_execute(
            "INSERT INTO spend_guards (customer_id, wallet_id, set_by, updated_at)
             SELECT customer_id, id, 'test', now() FROM wallets
             WHERE customer_id = 'ann' AND currency = 'VND' AND product = '';
             UPDATE wallets SET daily_cap = 300, guard_day = now(), spent_today = 0, spent_this_month = 0
             WHERE customer_id = 'ann' AND currency = 'VND' AND product = '';
             UPDATE wallets SET low_balance_threshold = 40, fast_floor = 40 WHERE customer_id = 'ben'
             AND product = 'gpu';",
        )
        .await
        .unwrap();

    let world = Arc::new(World {
        poster: Poster::start(&pool, PosterSettings { lanes: 2, ..PosterSettings::default() }, &Supervisor::default())
            .unwrap(),
        pool: pool.clone(),
        wallets: wallets.clone(),
        next: AtomicU64::new(100),
        holds: Mutex::default(),
        deductions: Mutex::default(),
        booked: Mutex::default(),
        orders: Mutex::default(),
        disputes: Mutex::default(),
        over: AtomicBool::new(false),
    });
    world.learn(&opening, &outcomes);

    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(seed * 1_000 + worker);
                for _ in 0..steps {
                    step(&world, &mut rng).await;
                }
            })
        })
        .collect();
    let watcher = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            while !world.over.load(Ordering::Relaxed) {
                assert_clean(&world.pool).await;
            }
        }
    });
    for worker in workers {
        worker.await.unwrap();
    }
    world.over.store(true, Ordering::Relaxed);
    watcher.await.unwrap();
    world.poster.drain().await;

    assert_clean(&pool).await;
    the_book_holds_what_was_answered(&world).await;
    what_lapses_is_swept(&world).await;
    reports::tie_out(&pool, &["ann", "ben"], seed).await;
}

async fn the_book_holds_what_was_answered(world: &World) {
    let line = |wallet: Uuid, seq: i64, amount: Money, balance: Money| {
        let (amount, balance) = (amount.amount(), balance.amount());
        format!("{} {seq} {} {}", wallet.as_simple(), amount.normalize(), balance.normalize())
    };
    let mut answered: Vec<String> = world
        .booked
        .lock()
        .unwrap()
        .iter()
        .map(|entry| line(entry.wallet_id, entry.seq, entry.amount, entry.balance_after))
        .collect();
    // Nobody asks for an expiry, nor for a movement of taken-back money.
    let mut written = ask(
        &world.pool,
        "SELECT concat_ws(' ', replace(wallet_id::text, '-', ''), seq, trim_scale(amount), trim_scale(balance_after))
         FROM entries WHERE kind NOT IN (5, 6, 10, 13, 14, 15, 16, 17, 18)",
    )
    .await;
    answered.sort();
    written.sort();
    assert_eq!(answered, written);
    let bold = ask(&world.pool, "SELECT key FROM entries WHERE description = 'refuse' AND debt > 0").await;
    assert_eq!(bold, Vec::<String>::new(), "deductions that were to be refused made debt");
}

async fn what_lapses_is_swept(world: &World) {
    ask(
        &world.pool,
        "SELECT pg_sleep(greatest(0, extract(epoch FROM max(expires_at) - clock_timestamp()))::double precision)
         FROM (SELECT expires_at FROM holds WHERE status = 'open'
               UNION ALL SELECT expires_at FROM grants WHERE expires_at < now() + interval '1 hour') AS s",
    )
    .await;
    let sweeps: Vec<Posting> = world.wallets.iter().cloned().map(sweep).collect();
    book(&world.pool, sweeps).await;
    let left = ask(
        &world.pool,
        "SELECT id FROM holds WHERE status = 'open'
         UNION ALL SELECT id FROM wallets WHERE held <> 0
         UNION ALL SELECT id FROM grants WHERE held <> 0 OR (remaining > 0 AND expires_at <= now())",
    )
    .await;
    assert_eq!(left, Vec::<String>::new());
    assert_clean(&world.pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_41_random_histories_leave_a_clean_book() {
    for seed in 1..=3 {
        live_through(seed, 120).await;
    }
}
