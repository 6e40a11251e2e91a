//! Strangers at the door: bombs, half bodies, slow clients. The service stays up for others.

use std::io::Write;
use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use topup::identity::Scope;

use crate::process::{Home, Process, http};
use crate::support::{Reply, TestApp, database, token};

const MIB: usize = 1 << 20;

/// A frame of zstd that unpacks to 1 GiB of zeros: 8,192 blocks that repeat one byte.
fn zstd_bomb() -> Vec<u8> {
    // Magic, no options, a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for n in 1..=8192_u32 {
        // A block header: its length, its kind (1: one byte repeated), and whether it is the last.
        let header = (128 * 1024) << 3 | 1 << 1 | u32::from(n == 8192);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A gzip stream that unpacks to 1 GiB of zeros. Its parts refer only to zeros, so it repeats one part 64 times.
fn gzip_bomb() -> Vec<u8> {
    let mut part = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; MIB];
    for _ in 0..16 {
        part.write_all(&zeros).unwrap();
    }
    part.flush().unwrap();
    let part = part.get_ref().clone();
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..64 {
        stream.extend_from_slice(&part);
    }
    stream
}

#[tokio::test]
async fn case_71_a_bomb_is_refused_before_it_unpacks() {
    let (home, database) = (Home::new(), database().await);
    let settings = ["--sandbox=off", "--stripe-secret-key=sk_test_x", "--stripe-webhook-secret=whsec_x"];
    let process = Process::start_with(&home.0, Some(&database), &settings, None).await;
    let http = http();
    let before = process.peak_kib();
    for (encoding, bomb) in
        [("zstd", zstd_bomb()), ("gzip", gzip_bomb()), ("br", vec![0; 64]), ("identity, gzip", vec![0; 64])]
    {
        for path in [
            "/v1/providers/stripe/notifications",
            "/v1/providers/paypal/notifications",
            "/v1/quotes",
            "/v1/usage",
            "/v1/usage/batch",
        ] {
            let scope = if path == "/v1/quotes" { Scope::Customer } else { Scope::Service };
            let request = http
                .post(format!("{}{path}", process.base))
                .bearer_auth(token("alice", scope))
                .header("stripe-signature", "t=1,v1=0")
                .header("content-type", "application/json")
                .header("content-encoding", encoding)
                .body(bomb.clone());
            Reply::of(request).await.problem(415, "unsupported_content_encoding");
        }
    }
    let grown = process.peak_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "{grown} KiB");
}

/// A request whose body never ends, as its bytes.
fn half_body(path: &str, caller: Option<&str>, length: &str) -> String {
    let caller = caller.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{caller}");
    let body = if length.starts_with("transfer") { "1\r\n{\r\n" } else { "{" };
    format!("{head}idempotency-key: k\r\n{length}\r\n\r\n{body}")
}

pub async fn connect(url: &str) -> TcpStream {
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn case_71_a_body_that_stops_is_ended_with_408() {
    let app = TestApp::spawn_with(|config| config.body_seconds = 1.try_into().unwrap()).await;
    let (alice, service) = (token("alice", Scope::Customer), token("meter", Scope::Service));
    let mut waiting = Vec::new();
    for length in ["content-length: 5000", "transfer-encoding: chunked"] {
        for (path, caller) in [
            ("/v1/transfers", Some(&alice)),
            ("/v1/usage", Some(&service)),
            ("/v1/usage/batch", Some(&service)),
            ("/v1/providers/stripe/notifications", None),
            ("/v1/providers/paypal/notifications", None),
        ] {
            let mut stream = connect(app.url()).await;
            stream.write_all(half_body(path, caller.map(String::as_str), length).as_bytes()).await.unwrap();
            waiting.push((path, length, stream));
        }
    }
    for (path, length, mut stream) in waiting {
        let mut answer = String::new();
        // It reads until the service closes the connection.
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path} {length}: {answer}");
        assert!(answer.contains("connection: close") && answer.contains("body_too_slow"), "{path} {length}: {answer}");
    }
    app.finish().await;
}

/// With 256 files it has fewer connections than there are strangers, who stay as long as they can.
#[tokio::test]
async fn case_71_a_thousand_half_bodies_keep_no_customer_out() {
    let (home, database) = (Home::new(), database().await);
    let process = Process::start_with(&home.0, Some(&database), &["--sandbox=off"], Some(256)).await;
    let http = http();
    let balances = async || {
        let request = http.get(format!("{}/v1/balances", process.base)).bearer_auth(token("alice", Scope::Customer));
        Reply::of(request).await.expect(200)
    };
    balances().await;
    let mut strangers = Vec::new();
    for n in 0..1000 {
        let mut stream = connect(&process.base).await;
        let request = match n % 3 {
            0 => half_body("/v1/providers/stripe/notifications", None, "content-length: 5000"),
            1 => "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            _ => "GET /v1/bal".to_owned(),
        };
        // Those that came long before may be gone.
        let _ = stream.write_all(request.as_bytes()).await;
        strangers.push(stream);
        if n % 100 == 99 {
            balances().await;
        }
    }
    // A new customer comes in as well as one who is already there.
    let request = crate::process::http().get(format!("{}/v1/balances", process.base));
    Reply::of(request.bearer_auth(token("bob", Scope::Customer))).await.expect(200);
    balances().await;
    drop(strangers);
}

#[tokio::test]
async fn a_client_that_sends_identity_is_understood() {
    let app = TestApp::spawn().await;
    let request = app.service().request(Method::POST, "/v1/usage").header("content-encoding", "identity");
    let body =
        json!({ "id": "u", "customer_id": "alice", "currency": "CNY", "amount": "1", "on_insufficient": "book" });
    Reply::of(request.json(&body)).await.expect(201);
    app.finish().await;
}

/// The next request waits in the connection until the one before it is answered, also when that runs elsewhere.
#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let app = TestApp::spawn().await;
    app.fund("alice", "CNY", "100.00").await;
    let service = token("meter", Scope::Service);
    let mut requests = String::new();
    for n in 0..40 {
        let body = format!(r#"{{"id":"u-{n}","customer_id":"alice","currency":"CNY","amount":"0.01"}}"#);
        let length = body.len();
        requests.push_str(&format!(
            "POST /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {service}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}\
             HEAD /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: head-{n}\r\n\r\n"
        ));
    }
    requests.push_str("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (mut reader, mut writer) = connect(app.url()).await.into_split();
    let sending = tokio::spawn(async move { writer.write_all(requests.as_bytes()).await.map(|()| writer) });
    let mut answers = String::new();
    reader.read_to_string(&mut answers).await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 201 ").count(), 40, "{answers}");
    let places: Vec<Option<usize>> = (0..40)
        .flat_map(|n| [answers.find(&format!("\"u-{n}\"")), answers.find(&format!("x-request-id: head-{n}\r"))])
        .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert!(answers.ends_with(r#"{"status":"ok"}"#), "{answers}");
    app.finish().await;
}
