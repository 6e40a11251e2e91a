//! The HTTP server of the sandbox: one port, all companies.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

use super::paypal::Paypal;
use super::stripe::Stripe;
use super::vnpay::Vnpay;
use super::world::World;
use super::{control, index};

/// Builds the server on `listener`; it runs once the caller awaits it.
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
    // One worker is enough for one person or one test. The owner handles signals and stops the sandbox.
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

/// Listens on `bind`, and returns the listener with its actual address.
pub(super) fn listen(bind: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(bind)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
