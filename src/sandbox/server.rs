//! The HTTP server of the sandbox: one port, all companies.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

use super::desk::Company;
use super::paypal::Paypal;
use super::stripe::Stripe;
use super::vnpay::Vnpay;
use super::{control, index};

/// What runs: the companies that have credentials.
pub(super) struct World {
    pub stripe: Option<Arc<Stripe>>,
    pub paypal: Option<Arc<Paypal>>,
    pub vnpay: Option<Arc<Vnpay>>,
    pub public_url: String,
}

impl World {
    pub fn companies(&self) -> Vec<Arc<dyn Company>> {
        let mut companies: Vec<Arc<dyn Company>> = Vec::new();
        if let Some(stripe) = self.stripe.clone() {
            companies.push(stripe);
        }
        if let Some(paypal) = self.paypal.clone() {
            companies.push(paypal);
        }
        if let Some(vnpay) = self.vnpay.clone() {
            companies.push(vnpay);
        }
        companies
    }

    pub fn company(&self, name: &str) -> Option<Arc<dyn Company>> {
        self.companies().into_iter().find(|company| company.name() == name)
    }
}

/// A server on `listener`, not yet running.
pub(super) fn build(listener: TcpListener, world: Arc<World>) -> std::io::Result<Server> {
    let app = move || {
        let mut app = App::new()
            .app_data(web::Data::from(Arc::clone(&world)))
            .configure(index::routes)
            .configure(control::routes);
        if let Some(stripe) = &world.stripe {
            app = app.app_data(web::Data::from(Arc::clone(stripe))).configure(Stripe::routes);
        }
        if let Some(paypal) = &world.paypal {
            app = app.app_data(web::Data::from(Arc::clone(paypal))).configure(Paypal::routes);
        }
        if let Some(vnpay) = &world.vnpay {
            app = app.app_data(web::Data::from(Arc::clone(vnpay))).configure(Vnpay::routes);
        }
        app
    };
    // One worker: the sandbox serves one person or one test. No signals: its owner stops it.
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

/// A loopback listener and its actual address.
pub(super) fn listen(bind: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(bind)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
