//! Reads the balance stream over a real connection.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Caller;

pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Message {
    /// Empty for the end of a token.
    pub id: String,
    pub event: String,
    pub data: Value,
}

/// An open stream.
pub struct Stream {
    response: reqwest::Response,
    buffer: String,
    /// Everything that came, as it came.
    pub raw: String,
}

impl Stream {
    pub async fn open(caller: &Caller<'_>, path: &str, last_event_id: Option<&str>) -> Self {
        // A stream is open for as long as a test: the time limit of a call is not its limit.
        let mut request = caller.request(Method::GET, path).timeout(Duration::from_secs(600));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new(), raw: String::new() }
    }

    pub async fn of(caller: &Caller<'_>) -> Self {
        Self::open(caller, "/v1/balances/stream", None).await
    }

    /// The next message; `None` when the stream has ended.
    pub async fn read(&mut self) -> Option<Message> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(message) = parse(&block) {
                    return Some(message);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("nothing came");
            let text = String::from_utf8(chunk.unwrap()?.to_vec()).unwrap();
            self.raw.push_str(&text);
            self.buffer.push_str(&text);
        }
    }

    /// The next change. That the snapshot is over is not one.
    pub async fn next(&mut self) -> Message {
        loop {
            let message = self.read().await.expect("the stream has ended");
            if message.event != "stream.live" {
                return message;
            }
        }
    }

    /// Reads to the end of the snapshot.
    pub async fn until_live(&mut self) -> Message {
        loop {
            let message = self.read().await.expect("the stream has ended");
            if message.event == "stream.live" {
                return message;
            }
        }
    }

    /// Reads to the end, which must have this reason.
    pub async fn ends(&mut self, reason: &str) {
        let mut last = None;
        while let Some(message) = self.read().await {
            last = Some(message);
        }
        let last = last.expect("the stream ended without a word");
        assert_eq!((last.event.as_str(), &last.data["reason"]), ("stream.end", &json!(reason)));
    }

    /// Reads on to a message that fulfils the condition.
    pub async fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        loop {
            let message = self.next().await;
            if wanted(&message) {
                return message;
            }
        }
    }

    pub async fn available(&mut self, amount: &str) -> Message {
        self.until(|message| message.event == "balance.updated" && message.data["available"] == amount).await
    }
}

fn parse(block: &str) -> Option<Message> {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned);
    let data = field("data")?;
    Some(Message {
        id: field("id").unwrap_or_default(),
        event: field("event")?,
        data: serde_json::from_str(&data).unwrap(),
    })
}
