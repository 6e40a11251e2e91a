//! What operators call, under `/v1/admin`.

pub mod top_up_orders;
