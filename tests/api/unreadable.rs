//! Bodies and cursors that nobody can read: refused by name, and nothing is written.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;

use crate::bad_input::counts;
use crate::support::{Reply, TestApp};

#[tokio::test]
async fn case_21_bodies_and_cursors_that_cannot_be_read() {
    let app = TestApp::spawn().await;
    for amount in ["100.00", "100.00", "100.00"] {
        app.fund("alice", "CNY", amount).await;
    }
    let before = counts(&app).await;
    for (path, who) in [
        ("/v1/top-up-orders", app.customer("alice")),
        ("/v1/transfers", app.customer("alice")),
        ("/v1/usage", app.service()),
        ("/v1/usage/batch", app.service()),
        ("/v1/holds", app.service()),
        ("/v1/grants", app.service()),
        ("/v1/usage/reversals", app.service()),
    ] {
        let request = || who.request(Method::POST, path).header("idempotency-key", "k");
        let json = || request().header("content-type", "application/json");
        for broken in ["", "{", "{\"amount\":", "{} {}", "\u{1}", "{\"amount\":NaN}", "{'amount':'1'}"] {
            let refused = Reply::of(json().body(broken)).await.must_be_a_problem();
            assert!(matches!(refused.status, 400 | 422), "{path} {broken:?}: {}", refused.text);
        }
        // An array of the right texts is not an object with the right fields.
        for other in ["[]", "null", "\"text\"", "5", r#" ["CNY","1.00",null,"gpu"]"#] {
            Reply::of(json().body(other)).await.names("", "invalid_value");
        }
        Reply::of(json().body("[".repeat(50_000))).await.problem(400, "malformed_json");
        Reply::of(json().body(vec![0xff, 0xfe])).await.problem(400, "malformed_json");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            Reply::of(request().header("content-type", kind).body("{}")).await.problem(415, "unsupported_media_type");
        }
    }
    assert_eq!(counts(&app).await, before);

    let alice = app.customer("alice");
    for path in ["/v1/top-up-orders", "/v1/account-flows"] {
        let page = alice.get(&format!("{path}?limit=1&currency=CNY")).await.expect(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        alice.get(&format!("{path}?limit=1&currency=CNY&cursor={cursor}")).await.expect(200);
        // Of another filter, of another list, of another customer, and of nobody.
        for elsewhere in
            [format!("{path}?currency=USD&"), format!("{path}?"), "/v1/transfers?".to_owned(), "/v1/grants?".to_owned()]
        {
            alice.get(&format!("{elsewhere}cursor={cursor}")).await.names("?cursor", "invalid_cursor");
        }
        app.customer("bob")
            .get(&format!("{path}?limit=1&currency=CNY&cursor={cursor}"))
            .await
            .names("?cursor", "invalid_cursor");
        for nonsense in ["x", "%00", "WyI5ZjM1Il0", &"A".repeat(600)] {
            alice.get(&format!("{path}?cursor={nonsense}")).await.names("?cursor", "invalid_cursor");
        }
        // A year that PostgreSQL cannot hold.
        let real = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
        let at = real.find("\"20").unwrap();
        let strange = format!("{}\"-200000{}", &real[..at], &real[at + 5..]);
        let forged = URL_SAFE_NO_PAD.encode(strange);
        alice.get(&format!("{path}?limit=1&currency=CNY&cursor={forged}")).await.names("?cursor", "invalid_cursor");
        for limit in ["0", "-1", "101"] {
            alice.get(&format!("{path}?limit={limit}")).await.names("?limit", "out_of_range");
        }
        alice.get(&format!("{path}?limit=ten")).await.names("?limit", "invalid_value");
        alice.get(&format!("{path}?created_from=yesterday")).await.names("?created_from", "invalid_value");
    }
    app.finish().await;
}
