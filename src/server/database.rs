//! The database: a given one, or our own cluster.

use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use crate::app::seed;
use crate::config::Config;
use crate::domain::environment::Environment;
use crate::embedded::{Cluster, ClusterOptions};
use crate::storage::pool::{self, Pool};
use crate::storage::{environment, migrations};

/// Where the data are, and the cluster behind it if it is ours.
#[derive(Debug)]
pub struct Database {
    url: SecretString,
    cluster: Option<Cluster>,
}

impl Database {
    /// The configured database, or the embedded cluster, which is started or adopted.
    ///
    /// # Errors
    /// When the cluster does not start; the sentence says what is missing.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        if let Some(url) = &config.database_url {
            return Ok(Self { url: url.clone(), cluster: None });
        }
        let cluster = Cluster::start(&ClusterOptions::new(config.data_dir.join("postgres"))).await?;
        Ok(Self { url: SecretString::from(cluster.url("topup")), cluster: Some(cluster) })
    }

    #[must_use]
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.cluster.is_some()
    }

    /// Makes our own database ready, or makes sure that a given one is: nobody wants a server that changes a
    /// production schema because it was restarted. Answers the stamp.
    ///
    /// # Errors
    /// When migrations are pending on a given database, or the stamp is another than the configured one.
    pub async fn prepare(&self, config: &Config) -> Result<Environment, StartError> {
        if self.is_embedded() {
            return Ok(self.migrate(config).await?.1);
        }
        let mut conn = pool::connect(&self.url).await?;
        let pending = migrations::pending(&mut conn).await?;
        if !pending.is_empty() {
            return Err(StartError::Pending(pending.len()));
        }
        let stamp = environment::read(&mut conn).await?.ok_or(StartError::Unstamped)?;
        match config.environment {
            Some(wanted) if wanted != stamp => Err(StartError::OtherStamp { stamp, wanted }),
            _ => Ok(stamp),
        }
    }

    /// Runs what is pending and stamps the database. Answers how many migrations ran, and the stamp.
    ///
    /// # Errors
    /// When a migration fails, or the database is in use under another stamp than the configured one.
    pub async fn migrate(&self, config: &Config) -> Result<(usize, Environment), StartError> {
        let ran = migrations::run(&self.url).await?;
        let mut conn = pool::connect(&self.url).await?;
        let stamp = match (config.environment, environment::read(&mut conn).await?) {
            (None, Some(stamp)) => stamp,
            (Some(wanted), _) => {
                let stamp = environment::stamp(&mut conn, wanted).await?;
                if stamp != wanted {
                    return Err(StartError::OtherStamp { stamp, wanted });
                }
                stamp
            }
            (None, None) => environment::stamp(&mut conn, self.usual_stamp(config)).await?,
        };
        Ok((ran, stamp))
    }

    /// Adds the demo catalogue and the demo customer's first money, where they are missing.
    ///
    /// # Errors
    /// On a database stamped live.
    pub async fn seed(&self) -> Result<(), StartError> {
        let pool = self.pool()?;
        seed::demo(&pool).await?;
        Ok(seed::first_money(&pool).await?)
    }

    /// A small pool, for commands.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn pool(&self) -> Result<Pool, StartError> {
        Ok(Pool::new(&self.url, 4)?)
    }

    fn usual_stamp(&self, config: &Config) -> Environment {
        let live = config.stripe.secret_key.as_ref().is_some_and(|key| key.expose_secret().contains("_live_"));
        if live && !self.is_embedded() { Environment::Live } else { Environment::Test }
    }

    /// Stops our own cluster; the last process that uses it does.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn close(self) -> Result<(), StartError> {
        match self.cluster {
            Some(cluster) => Ok(cluster.stop().await?),
            None => Ok(()),
        }
    }
}
