//! The route table: what is registered here is what the OpenAPI document says.

use utoipa_actix_web::service_config::ServiceConfig;

use super::balances;

/// Registers every operation.
pub fn configure(config: &mut ServiceConfig) {
    config.service(balances::list_balances);
}
