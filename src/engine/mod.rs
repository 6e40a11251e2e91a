//! The parts that run by themselves, outside requests: the poster, which writes usage and holds, the reader of
//! balances, and the balance streams.
//!
//! Use cases hand their work over and wait for the answer. An engine has loops and, for the poster, a thread of its
//! own; it starts with the service and drains when the service stops.

pub mod balance_reader;
pub mod error;
pub mod poster;
pub mod stream;
pub mod supervision;

pub use balance_reader::BalanceReader;
pub use error::EngineError;
pub use poster::{Poster, PosterSettings};
pub use stream::{StreamSettings, Streams};
pub use supervision::Supervisor;
