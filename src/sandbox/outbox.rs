//! Sends notifications to the service: they are queued, signed, repeated if necessary, and recorded.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::tools::{lock, now};

const KEPT: usize = 2_000;
/// How long a company waits for our reply. Stripe's own limit is similar.
const PATIENCE: Duration = Duration::from_secs(20);

/// The HTTP request of one notification. It is built again for every attempt, because Stripe signs the time of sending.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub method: reqwest::Method,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Builds the request for the service at a base URL.
pub(super) type Make = Arc<dyn Fn(&str) -> Outgoing + Send + Sync>;

pub(super) struct Notification {
    /// The company's event id.
    pub event: String,
    pub kind: String,
    /// The id, at the company, of the payment that the notification is about.
    pub payment: String,
    pub make: Make,
}

/// How often a company sends a notification, and how long it waits in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub attempts: u32,
    pub delay: Duration,
    pub doubling: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Progress {
    /// Not sent, because the company is muted, or the payment is one without notifications.
    Withheld,
    Pending,
    Delivered,
    /// Sent as often as the company does, without success.
    GivenUp,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Attempt {
    pub at: DateTime<Utc>,
    /// The status of the reply; absent if there was none.
    pub status: Option<u16>,
    /// The reply of the service, or the error.
    pub answer: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    pub event: String,
    pub kind: String,
    pub payment: String,
    pub progress: Progress,
    pub attempts: Vec<Attempt>,
}

struct Row {
    delivery: Delivery,
    make: Make,
}

pub(super) struct Job {
    outbox: Arc<Outbox>,
    event: String,
    make: Make,
}

pub(super) struct Outbox {
    rows: Mutex<VecDeque<Row>>,
    muted: AtomicBool,
    jobs: UnboundedSender<Job>,
    schedule: Schedule,
    /// Whether a reply of the service ends the attempts.
    settled: fn(u16, &str) -> bool,
    service_url: Arc<RwLock<String>>,
}

impl Outbox {
    pub fn new(
        jobs: UnboundedSender<Job>,
        schedule: Schedule,
        settled: fn(u16, &str) -> bool,
        service_url: Arc<RwLock<String>>,
    ) -> Arc<Self> {
        Arc::new(Self { rows: Mutex::default(), muted: AtomicBool::new(false), jobs, schedule, settled, service_url })
    }

    pub fn mute(&self, muted: bool) {
        self.muted.store(muted, Ordering::SeqCst);
    }

    /// Records a notification, and sends it unless it is withheld.
    pub fn post(self: &Arc<Self>, notification: Notification, withheld: bool) {
        let Notification { event, kind, payment, make } = notification;
        let withheld = withheld || self.muted.load(Ordering::SeqCst);
        let progress = if withheld { Progress::Withheld } else { Progress::Pending };
        let delivery = Delivery { event: event.clone(), kind, payment, progress, attempts: Vec::new() };
        let mut rows = lock(&self.rows);
        if rows.len() >= KEPT {
            rows.pop_front();
        }
        rows.push_back(Row { delivery, make: Arc::clone(&make) });
        drop(rows);
        if !withheld {
            self.send(event, make);
        }
    }

    /// Sends a notification again, whatever its progress. Returns false if there is no such event.
    pub fn resend(self: &Arc<Self>, event: &str) -> bool {
        let make = {
            let mut rows = lock(&self.rows);
            let Some(row) = rows.iter_mut().find(|row| row.delivery.event == event) else {
                return false;
            };
            row.delivery.progress = Progress::Pending;
            Arc::clone(&row.make)
        };
        self.send(event.to_owned(), make);
        true
    }

    fn send(self: &Arc<Self>, event: String, make: Make) {
        // This fails only while the sandbox stops. The notification is then not needed.
        let _ = self.jobs.send(Job { outbox: Arc::clone(self), event, make });
    }

    /// All notifications, oldest first.
    pub fn list(&self) -> Vec<Delivery> {
        lock(&self.rows).iter().map(|row| row.delivery.clone()).collect()
    }

    fn note(&self, event: &str, attempt: Attempt, progress: Progress) {
        let mut rows = lock(&self.rows);
        if let Some(row) = rows.iter_mut().find(|row| row.delivery.event == event) {
            row.delivery.attempts.push(attempt);
            row.delivery.progress = progress;
        }
    }

    fn base(&self) -> String {
        let url = self.service_url.read().unwrap_or_else(PoisonError::into_inner);
        url.trim_end_matches('/').to_owned()
    }
}

/// Sends queued notifications until the sandbox stops. Each has a task of its own, because no company promises an
/// order.
pub(super) async fn run(mut jobs: UnboundedReceiver<Job>, client: reqwest::Client) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            job = jobs.recv() => match job {
                Some(job) => {
                    under_way.spawn(deliver(job, client.clone()));
                }
                None => return,
            },
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
        }
    }
}

async fn deliver(job: Job, client: reqwest::Client) {
    let Job { outbox, event, make } = job;
    let mut delay = outbox.schedule.delay;
    for attempt in 1..=outbox.schedule.attempts {
        let (status, answer) = send_once(&client, make(&outbox.base())).await;
        let settled = status.is_some_and(|status| (outbox.settled)(status, &answer));
        let progress = match (settled, attempt == outbox.schedule.attempts) {
            (true, _) => Progress::Delivered,
            (false, true) => Progress::GivenUp,
            (false, false) => Progress::Pending,
        };
        outbox.note(&event, Attempt { at: now(), status, answer }, progress);
        if progress != Progress::Pending {
            return;
        }
        tokio::time::sleep(delay).await;
        if outbox.schedule.doubling {
            delay = delay.saturating_mul(2);
        }
    }
}

async fn send_once(client: &reqwest::Client, outgoing: Outgoing) -> (Option<u16>, String) {
    let mut request = client.request(outgoing.method, outgoing.url).timeout(PATIENCE).body(outgoing.body);
    for (name, value) in outgoing.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let text = response.text().await.unwrap_or_default();
            (Some(status), text.chars().take(500).collect())
        }
        Err(error) => (None, error.without_url().to_string()),
    }
}
