//! Substitutes for what a build without the Cargo features `sandbox` or `embedded` leaves out.
//!
//! [`Sandbox`] and [`WatchedCluster`] have no value here, so an `Option` of them is always `None`, and the rest of the
//! server reads the same in every build.

use super::StartError;

/// The sandbox of a build that has none.
#[cfg(not(feature = "sandbox"))]
#[derive(Debug)]
pub enum Sandbox {}

#[cfg(not(feature = "sandbox"))]
impl Sandbox {
    pub fn public_url(&self) -> &str {
        match *self {}
    }

    pub async fn stop(self) {
        match self {}
    }
}

/// The embedded PostgreSQL of a build that has none.
#[cfg(not(feature = "embedded"))]
#[derive(Debug)]
pub enum WatchedCluster {}

#[cfg(not(feature = "embedded"))]
impl WatchedCluster {
    pub async fn stop(self) -> Result<(), StartError> {
        match self {}
    }
}

/// Takes the place of `simulation::start`.
#[cfg(not(feature = "sandbox"))]
pub mod simulation {
    use super::{Sandbox, StartError};
    use crate::config::{Config, SandboxMode};
    use crate::domain::environment::Environment;
    use crate::providers::settings::ProviderSettings;

    /// Starts nothing.
    ///
    /// # Errors
    /// [`StartError::NoSandbox`] when the configuration asks for the sandbox.
    pub async fn start(
        config: &Config,
        _embedded: bool,
        _environment: Environment,
        _base_url: &str,
        _settings: &mut ProviderSettings,
    ) -> Result<Option<Sandbox>, StartError> {
        if config.sandbox == SandboxMode::On { Err(StartError::NoSandbox) } else { Ok(None) }
    }
}
