//! The fast path decides nothing: whatever the history, it leaves the rows that [`post`] alone would have left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::Duration;
use diesel_async::SimpleAsyncConnection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use serde_json::json;
use topup::domain::movement::capture::capture;
use topup::domain::movement::hold::NewHold;
use topup::domain::movement::release::release;
use topup::domain::movement::usage::NewUsage;
use topup::domain::posting::{OnInsufficient, Posting, PostingOutcome};
use topup::domain::wallet_key::WalletKey;
use topup::engine::{Poster, PosterSettings, Supervisor};
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::regressions::fast_path;
use crate::support::{adjust, ask, assert_clean, book, database, dec, grant, new_hold, usage, wallet};

/// One request. As in the API, all of its postings are of one kind.
#[derive(Debug, Clone)]
enum Request {
    Usage(Vec<Item>),
    Hold {
        product: bool,
        cents: i64,
        key: u8,
    },
    Capture {
        key: u8,
        cents: i64,
    },
    Release {
        key: u8,
    },
    Credit {
        product: bool,
        cents: i64,
    },
    Grant {
        product: bool,
        cents: i64,
        priority: i16,
        expires: bool,
    },
    /// The time of the grants that expire is over.
    Lapse,
}

#[derive(Debug, Clone)]
struct Item {
    product: bool,
    cents: i64,
    key: u8,
    other_content: bool,
    fallback: bool,
    book: bool,
}

fn item() -> impl Strategy<Value = Item> {
    let rarely = |percent: f64| proptest::bool::weighted(percent);
    (any::<bool>(), 1_i64..900, 0_u8..60, rarely(0.05), rarely(0.3), rarely(0.1)).prop_map(
        |(product, cents, key, other_content, fallback, book)| Item {
            product,
            cents,
            key,
            other_content,
            fallback,
            book,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        5 => proptest::collection::vec(item(), 1..7).prop_map(Request::Usage),
        3 => (any::<bool>(), 1_i64..900, 0_u8..25)
            .prop_map(|(product, cents, key)| Request::Hold { product, cents, key }),
        3 => (0_u8..25, 0_i64..900).prop_map(|(key, cents)| Request::Capture { key, cents }),
        1 => (0_u8..25).prop_map(|key| Request::Release { key }),
        2 => (any::<bool>(), 1_i64..3000).prop_map(|(product, cents)| Request::Credit { product, cents }),
        2 => (any::<bool>(), 1_i64..3000, 1_i16..4, any::<bool>())
            .prop_map(|(product, cents, priority, expires)| Request::Grant { product, cents, priority, expires }),
        1 => Just(Request::Lapse),
    ]
}

/// A customer whose requests all go through the same path.
struct Side {
    customer: String,
    /// What was sent under each key. If a key comes again, the same is sent again, unless the request is to have other
    /// content.
    usages: HashMap<u8, Item>,
    opened: HashMap<u8, (bool, i64)>,
    holds: HashMap<u8, Uuid>,
    credits: u32,
    grants: u32,
}

impl Side {
    fn new(customer: String) -> Self {
        Self { customer, usages: HashMap::new(), opened: HashMap::new(), holds: HashMap::new(), credits: 0, grants: 0 }
    }

    fn wallet(&self, product: bool) -> WalletKey {
        wallet(&self.customer, "USD", if product { "gpu" } else { "" })
    }

    fn usage(&mut self, item: &Item) -> Posting {
        let known = self.usages.entry(item.key).or_insert_with(|| item.clone()).clone();
        let item = if item.other_content { item } else { &known };
        let usage = NewUsage {
            fallback_to_main: item.fallback,
            on_insufficient: if item.book { OnInsufficient::Book } else { OnInsufficient::Refuse },
            description: Some(if item.other_content { "pictures" } else { "tokens" }.to_owned()),
            metadata: Some(json!({ "model": "m" })),
            occurred_at: Some("2026-11-21T00:00:00Z".parse().unwrap()),
            ..usage(&self.wallet(item.product), &format!("u{}", item.key), Decimal::new(item.cents, 2))
        };
        usage.posting()
    }

    fn postings(&mut self, request: &Request) -> Vec<Posting> {
        let hold = |side: &Self, key: u8| side.holds.get(&key).copied().unwrap_or_default();
        match request {
            Request::Usage(items) => items.iter().map(|item| self.usage(item)).collect(),
            Request::Hold { product, cents, key } => {
                let (product, cents) = *self.opened.entry(*key).or_insert((*product, *cents));
                let wallet = self.wallet(product);
                let hold = new_hold(&wallet, &format!("h{key}"), Decimal::new(cents, 2), Duration::hours(1));
                vec![NewHold { metadata: Some(json!({ "call": key })), ..hold }.posting(Uuid::now_v7())]
            }
            Request::Capture { key, cents } => vec![capture(hold(self, *key), Decimal::new(*cents, 2))],
            Request::Release { key } => vec![release(hold(self, *key))],
            Request::Credit { product, cents } => {
                self.credits += 1;
                let key = format!("c{}", self.credits);
                vec![adjust(&self.wallet(*product), &key, Decimal::new(*cents, 2))]
            }
            Request::Grant { product, cents, priority, expires } => {
                self.grants += 1;
                let wallet = self.wallet(*product);
                let expires = expires.then(|| "2099-01-01T00:00:00Z".parse().unwrap());
                let id = Uuid::from_u128(u128::from(self.grants));
                vec![grant(&wallet, id, Decimal::new(*cents, 2), *priority, expires)]
            }
            Request::Lapse => Vec::new(),
        }
    }

    fn learn(&mut self, request: &Request, outcomes: &[PostingOutcome]) {
        if let (Request::Hold { key, .. }, [PostingOutcome::Booked(booked)]) = (request, outcomes) {
            self.holds.insert(*key, booked.hold.as_ref().unwrap().id);
        }
    }

    /// What happens without a posting.
    async fn happen(&self, pool: &Pool, request: &Request) {
        if matches!(request, Request::Lapse) {
            let lapse = format!(
                "UPDATE grants SET expires_at = now() WHERE customer_id = '{0}' AND expires_at IS NOT NULL;
                 UPDATE wallets SET grants_until = now()
                 WHERE customer_id = '{0}' AND grants_until IS NOT NULL",
                self.customer
            );
            pool.get().await.unwrap().batch_execute(&lapse).await.unwrap();
        }
    }

    /// Two wallets with money, an alert on each, caps on one.
    async fn open(&mut self, pool: &Pool) {
        for product in [false, true] {
            let opening = self.postings(&Request::Credit { product, cents: 3_000 });
            book(pool, opening).await;
        }
        let alert = format!(
            "UPDATE wallets SET low_balance_threshold = 12, fast_floor = 12 WHERE customer_id = '{0}';
             INSERT INTO spend_guards (customer_id, wallet_id, set_by, updated_at)
             SELECT customer_id, id, 'test', now() FROM wallets WHERE customer_id = '{0}' AND product = 'gpu';
             UPDATE wallets SET daily_cap = 40, monthly_cap = 45, guard_day = (now() AT TIME ZONE 'UTC')::date,
             spent_today = 0, spent_this_month = 1 WHERE customer_id = '{0}' AND product = 'gpu'",
            self.customer
        );
        pool.get().await.unwrap().batch_execute(&alert).await.unwrap();
    }

    /// Everything but ids and times.
    async fn rows(&self, pool: &Pool) -> Vec<String> {
        let customer = &self.customer;
        let sql = format!(
            "SELECT row_number() OVER () || ' ' || line FROM (
             SELECT concat_ws(' ', 'wallet', product, currency, frozen, needs_full_path,
             low_balance_threshold, fast_floor,
                    granted, held, debt, paid, paid_in, paid_out, entry_seq, version, coalesce(active_grant::text, '-'),
                    coalesce(active_remaining, 0), coalesce(active_held, 0), grants_until > '2098-01-01',
                    coalesce(spent_today, 0), coalesce(spent_this_month, 0)) AS line
             FROM wallets WHERE customer_id = '{customer}'
             UNION ALL
             SELECT concat_ws(' ', 'grant', id, amount, remaining, held, expires_at > '2098-01-01')
             FROM current_grants WHERE customer_id = '{customer}'
             UNION ALL
             SELECT concat_ws(' ', 'use', w.product, u.seq, u.grant_id, u.amount)
             FROM all_grant_uses u JOIN wallets w ON w.customer_id = u.customer_id AND w.id = u.wallet_id
             WHERE u.customer_id = '{customer}'
             UNION ALL
             SELECT concat_ws(' ', 'entry', w.product, e.seq, e.kind, e.amount, e.balance_after, e.paid_in, e.paid_out,
                    coalesce(e.granted, 0), coalesce(e.debt, 0), coalesce(e.grant_id::text, '-'), e.fingerprint,
                    e.counterpart,
                    CASE WHEN e.kind <> 11 THEN coalesce(h.key, e.key) END,
                    coalesce(h.key, e.reference, '-'), coalesce(e.description, '-'), coalesce(e.metadata::text, '-'),
                    coalesce(e.occurred_at::text, '-'))
             FROM entries e JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
             LEFT JOIN holds h ON h.customer_id = e.customer_id
                              AND 'hold_' || replace(h.id::text, '-', '') = e.reference
             WHERE e.customer_id = '{customer}'
             UNION ALL
             SELECT concat_ws(' ', 'hold', key, currency, product, fingerprint, amount, granted,
             coalesce(grant_id::text, '-'), coalesce(grant_parts::text, '-'),
                    coalesce(description, '-'), coalesce(metadata::text, '-'), expires_at - created_at, status,
                    coalesce(captured, -1), closed_at IS NULL)
             FROM holds WHERE customer_id = '{customer}'
             UNION ALL
             SELECT concat_ws(' ', 'event', type,
                    data - '{{customer_id,id,wallet_id,created_at,updated_at,expires_at,grants_until}}'::text[])
             FROM events WHERE customer_id = '{customer}'
             ORDER BY 1) AS lines"
        );
        ask(pool, &sql).await
    }
}

fn told(outcomes: &[PostingOutcome]) -> Vec<String> {
    let told = |outcome: &PostingOutcome| match outcome {
        PostingOutcome::Booked(_) => "booked".to_owned(),
        PostingOutcome::Replayed(_) => "replayed".to_owned(),
        PostingOutcome::Refused(refusal) => refusal.to_string(),
    };
    outcomes.iter().map(told).collect()
}

async fn answers(poster: &Poster, postings: Vec<Posting>) -> Vec<PostingOutcome> {
    poster.post(postings).await.unwrap()
}

async fn live(pool: &Pool, poster: &Poster, n: u32, history: &[Request]) -> Result<(), TestCaseError> {
    let (mut fast, mut slow) = (Side::new(format!("fast{n}")), Side::new(format!("slow{n}")));
    fast.open(pool).await;
    slow.open(pool).await;
    for request in history {
        fast.happen(pool, request).await;
        slow.happen(pool, request).await;
        let by_poster = answers(poster, fast.postings(request)).await;
        let by_post = book(pool, slow.postings(request)).await;
        prop_assert_eq!(told(&by_poster), told(&by_post), "{:?}", request);
        fast.learn(request, &by_poster);
        slow.learn(request, &by_post);
    }
    prop_assert_eq!(fast.rows(pool).await, slow.rows(pool).await);
    Ok(())
}

#[test]
fn both_paths_leave_the_same_rows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (pool, poster) = runtime.block_on(async {
        let (pool, _) = database(6).await;
        let poster = Poster::start(&pool, PosterSettings::default(), &Supervisor::default()).unwrap();
        (pool, poster)
    });
    let count = AtomicU32::new(0);
    let settings = Config { cases: 48, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let history = proptest::collection::vec(request(), 1..40);
    let done = TestRunner::new(settings).run(&history, |history| {
        runtime.block_on(live(&pool, &poster, count.fetch_add(1, Ordering::Relaxed), &history))
    });
    runtime.block_on(async {
        poster.drain().await;
        done.unwrap();
        assert_clean(&pool).await;
    });
}

/// The property proves nothing if everything takes the slow path, so this history does not.
#[tokio::test]
async fn the_common_case_is_the_fast_paths_own() {
    let (pool, _) = database(3).await;
    let (mut fast, mut slow) = (Side::new("fast".to_owned()), Side::new("slow".to_owned()));
    fast.open(&pool).await;
    slow.open(&pool).await;
    let plain = |product, cents, key| Item { product, cents, key, other_content: false, fallback: false, book: false };
    let given = |product, priority, expires| Request::Grant { product, cents: 2_000, priority, expires };
    for request in [given(true, 1, true), given(true, 2, false)] {
        for side in [&mut fast, &mut slow] {
            book(&pool, side.postings(&request)).await;
        }
    }
    let history = [
        Request::Usage(vec![plain(false, 100, 1), plain(true, 250, 2), plain(false, 33, 3)]),
        Request::Hold { product: true, cents: 500, key: 1 },
        Request::Capture { key: 1, cents: 499 },
        Request::Hold { product: false, cents: 700, key: 2 },
        Request::Capture { key: 2, cents: 700 },
        Request::Usage(vec![plain(true, 900, 4)]),
    ];
    for request in &history {
        let postings = fast.postings(request);
        let conn = pool.lane().await.unwrap();
        let booked: Vec<PostingOutcome> = fast_path(&conn, &postings)
            .await
            .into_iter()
            .map(|answer| PostingOutcome::Booked(answer.expect("the fast path takes it")))
            .collect();
        fast.learn(request, &booked);
        let by_post = book(&pool, slow.postings(request)).await;
        slow.learn(request, &by_post);
    }
    assert_eq!(fast.rows(&pool).await, slow.rows(&pool).await);
    assert_clean(&pool).await;
}

/// The items of a request are booked in the order in which they were sent. Once this was broken: items on the fast path
/// took the main wallet's money before earlier items that had left the fast path, such as a product's usage, or the
/// second of two items with one key.
#[tokio::test]
async fn a_request_is_greedy_in_its_order_whatever_the_path() {
    let (pool, _) = database(4).await;
    let poster = Poster::start(&pool, PosterSettings::default(), &Supervisor::default()).unwrap();
    let (main, product) = (wallet("ann", "USD", ""), wallet("ann", "USD", "gpu"));
    book(&pool, vec![adjust(&main, "opening", dec("120"))]).await;
    let deduct = |at: &WalletKey, key: &str, amount: &str| usage(at, key, dec(amount)).posting();
    let falls_back = NewUsage { fallback_to_main: true, ..usage(&product, "a", dec("100")) }.posting();
    let outcomes = answers(&poster, vec![falls_back, deduct(&main, "b", "50"), deduct(&main, "c", "20")]).await;
    assert_eq!(told(&outcomes), ["booked", "the balance is too low", "booked"]);

    book(&pool, vec![adjust(&main, "again", dec("120"))]).await;
    let twice = [deduct(&product, "d", "100"), deduct(&main, "d", "100"), deduct(&main, "e", "50")];
    let outcomes = answers(&poster, twice.to_vec()).await;
    assert_eq!(told(&outcomes), ["the balance is too low", "booked", "the balance is too low"]);
    poster.drain().await;
    assert_clean(&pool).await;
}
