//! The control API of the sandbox, as the tests use it, and a wait for what happens a moment later.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Reply, TestApp};

const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `look` returns a value. Fails the test after a minute.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Calls the sandbox. `path` begins with a slash.
pub async fn call(app: &TestApp, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let url = format!("{}{path}", app.server.sandbox_url().unwrap());
    let request = app.client.request(method, url);
    Reply::of(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// Plays a scene. The company may refuse it with 409.
pub async fn try_play(app: &TestApp, company: &str, id: &str, scene: &str, options: &Value) -> Reply {
    call(app, Method::POST, &format!("/control/{company}/payments/{id}/{scene}"), Some(options)).await
}

/// Adds a fault to the next calls of an operation.
pub async fn fault(app: &TestApp, company: &str, fault: &Value) {
    call(app, Method::POST, &format!("/control/{company}/faults"), Some(fault)).await.expect(200);
}

/// Muted, a company makes its notifications, but does not send them.
pub async fn mute(app: &TestApp, company: &str, muted: bool) {
    let path = format!("/control/{company}/notifications/mute");
    call(app, Method::POST, &path, Some(&json!({ "muted": muted }))).await.expect(200);
}

/// The notifications of a company, oldest first.
pub async fn deliveries(app: &TestApp, company: &str) -> Vec<Value> {
    let list = call(app, Method::GET, &format!("/control/{company}/deliveries"), None).await.expect(200);
    list.body.as_array().unwrap().clone()
}
