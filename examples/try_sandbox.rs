use topup::sandbox::*;
#[tokio::main]
async fn main() {
    let mut c = SandboxConfig::new(std::env::args().nth(1).unwrap_or("http://127.0.0.1:9".into()));
    c.bind = "127.0.0.1:8999".parse().unwrap();
    c.stripe = Some(StripeCredentials {
        secret_key: "sk_test_x".into(),
        publishable_key: "pk_test_x".into(),
        webhook_secret: "whsec_x".into(),
    });
    c.paypal = Some(PaypalCredentials {
        client_id: "client".into(),
        client_secret: "secret".into(),
        webhook_id: "8PT597110X687430LKGECATA".into(),
    });
    c.vnpay =
        Some(VnpayCredentials { tmn_code: "DEMOV210".into(), hash_secret: "SECRETSECRETSECRETSECRETSECRET12".into() });
    let _s = Sandbox::start(c).await.unwrap();
    std::future::pending::<()>().await
}
