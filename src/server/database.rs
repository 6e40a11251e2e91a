//! The database of the service: the configured one, or a PostgreSQL cluster of our own.

use secrecy::{ExposeSecret, SecretString};

use super::StartError;
#[cfg(not(feature = "embedded"))]
use super::absent::WatchedCluster;
use crate::app::seed;
use crate::config::Config;
use crate::domain::deployment::Deployment;
use crate::domain::environment::Environment;
#[cfg(feature = "embedded")]
use crate::embedded::{Cluster, ClusterOptions, WatchedCluster};
use crate::storage::connection::pooler;
use crate::storage::pool::{self, Pool};
use crate::storage::roles::{self, MadeRole};
use crate::storage::{Connection, calendar, durability, environment, migrations};

/// The properties of an opened database.
#[derive(Debug)]
pub struct Prepared {
    pub stamp: Environment,
    pub deployment: Deployment,
    /// The role that the service's sessions take.
    pub role: String,
}

/// What `topup migrate` did.
#[derive(Debug)]
pub struct Migrated {
    /// How many migrations ran.
    pub ran: usize,
    pub stamp: Environment,
    pub deployment: Deployment,
    pub role: MadeRole,
}

/// The address of the database, and its cluster if that is our own.
#[derive(Debug)]
pub struct Database {
    url: SecretString,
    cluster: Option<WatchedCluster>,
}

impl Database {
    /// The configured database, or else the embedded cluster. A cluster that a crash left running is adopted.
    ///
    /// # Errors
    /// When the cluster does not start, the sentence says what is missing.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        match &config.database_url {
            Some(url) => Ok(Self { url: url.clone(), cluster: None }),
            None => Self::embedded(config).await,
        }
    }

    #[cfg(feature = "embedded")]
    async fn embedded(config: &Config) -> Result<Self, StartError> {
        let options = ClusterOptions::new(config.data_dir.join("postgres"));
        let cluster = Cluster::start(&options).await?;
        let url = SecretString::from(cluster.url("topup"));
        Ok(Self { url, cluster: Some(WatchedCluster::new(cluster, options)?) })
    }

    #[cfg(not(feature = "embedded"))]
    async fn embedded(_config: &Config) -> Result<Self, StartError> {
        Err(StartError::NoDatabase)
    }

    /// Whether [`Database::open`] would use the embedded cluster.
    #[must_use]
    pub fn is_embedded_by(config: &Config) -> bool {
        cfg!(feature = "embedded") && config.database_url.is_none()
    }

    #[must_use]
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.cluster.is_some()
    }

    /// Migrates our own database, and returns its properties. A configured database is only checked, because a restart
    /// of the server must not change a production schema.
    ///
    /// # Errors
    /// When migrations are pending on a configured database, its role cannot be taken, or its stamp is not the
    /// configured one.
    pub async fn prepare(&self, config: &Config) -> Result<Prepared, StartError> {
        if self.is_embedded() {
            let migrated = self.migrate(config).await?;
            let Migrated { stamp, deployment, role, .. } = migrated;
            return Ok(Prepared { stamp, deployment, role: role.role });
        }
        if !pooler::connections_keep_their_session(&self.url).await? {
            return Err(StartError::TransactionPooler);
        }
        let mut conn = pool::connect(&self.url).await?;
        let role = roles::find(&mut conn, config.roles.database_role.as_deref()).await?;
        if !roles::can_take(&mut conn, &role).await? {
            // Without the role this user may not even be allowed to read which migrations ran.
            return match none_pending(&mut conn).await {
                Err(pending @ StartError::Pending(_)) => Err(pending),
                _ => Err(StartError::NoRole(role)),
            };
        }
        let mut conn = Pool::with_role(&self.url, 1, &role)?.get().await?;
        none_pending(&mut conn).await?;
        let stamp = environment::read(&mut conn).await?.ok_or(StartError::Unstamped)?;
        let deployment = environment::deployment(&mut conn).await?.ok_or(StartError::Unstamped)?;
        require_time_zone(config, calendar::time_zone(&mut conn).await?)?;
        match config.environment {
            Some(wanted) if wanted != stamp => Err(StartError::OtherStamp { stamp, wanted }),
            _ => Ok(Prepared { stamp, deployment, role }),
        }
    }

    /// Refuses a live database whose server may lose what it has confirmed. For a test database it only warns.
    ///
    /// # Errors
    /// [`StartError::UnsafeCommits`].
    pub async fn require_safe_commits(&self, config: &Config, stamp: Environment) -> Result<(), StartError> {
        let mut conn = pool::connect(&self.url).await?;
        let off = durability::switched_off(&mut conn).await?.join(", ");
        if off.is_empty() {
            return Ok(());
        }
        if stamp.is_live() && !config.allow_unsafe_commits {
            return Err(StartError::UnsafeCommits(off));
        }
        tracing::warn!(off, "The server may lose confirmed bookings in a crash: these settings of PostgreSQL are off");
        Ok(())
    }

    /// Refuses to serve a live database for a user who could change entries, unless that is allowed.
    ///
    /// # Errors
    /// [`StartError::OwnerOnLive`].
    pub async fn refuse_owner(&self, config: &Config, stamp: Environment) -> Result<(), StartError> {
        if !stamp.is_live() || config.roles.allow_owner {
            return Ok(());
        }
        match roles::session_owns_entries(&mut pool::connect(&self.url).await?).await? {
            true => Err(StartError::OwnerOnLive),
            false => Ok(()),
        }
    }

    /// Runs pending migrations, stamps the database and makes its role.
    ///
    /// # Errors
    /// When a migration fails, or the database is in use under a stamp that is not the configured one.
    pub async fn migrate(&self, config: &Config) -> Result<Migrated, StartError> {
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
        if let Some(wanted) = &config.reports.time_zone {
            if !calendar::knows(&mut conn, wanted).await? {
                return Err(StartError::UnknownTimeZone(wanted.clone()));
            }
            require_time_zone(config, calendar::stamp(&mut conn, wanted).await?)?;
        }
        let (role, login) = (config.roles.database_role.as_deref(), config.roles.service_login.as_deref());
        let role = roles::make(&mut conn, role, login).await?;
        let deployment = environment::deployment(&mut conn).await?.ok_or(StartError::Unstamped)?;
        Ok(Migrated { ran, stamp, deployment, role })
    }

    /// Adds the demo catalogue and the demo customer's first money if they are missing.
    ///
    /// # Errors
    /// When the database is stamped live.
    pub async fn seed(&self, prepared: &Prepared) -> Result<(), StartError> {
        let pool = self.pool(prepared)?;
        seed::demo(&pool).await?;
        Ok(seed::first_money(&pool).await?)
    }

    /// A small connection pool, for commands.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn pool(&self, prepared: &Prepared) -> Result<Pool, StartError> {
        Ok(Pool::with_role(&self.url, 4, &prepared.role)?)
    }

    /// A connection of the user of the URL, with all that this user may do.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn own_connection(&self) -> Result<Connection, StartError> {
        Ok(pool::connect(&self.url).await?)
    }

    fn usual_stamp(&self, config: &Config) -> Environment {
        let live = config.stripe.secret_key.as_ref().is_some_and(|key| key.expose_secret().contains("_live_"));
        if live && !self.is_embedded() { Environment::Live } else { Environment::Test }
    }

    /// Stops our own cluster, unless another process still uses it.
    ///
    /// # Errors
    /// When the cluster does not stop.
    pub async fn close(self) -> Result<(), StartError> {
        match self.cluster {
            Some(cluster) => Ok(cluster.stop().await?),
            None => Ok(()),
        }
    }
}

fn require_time_zone(config: &Config, stamped: String) -> Result<(), StartError> {
    match &config.reports.time_zone {
        Some(wanted) if *wanted != stamped => Err(StartError::OtherTimeZone { stamped, wanted: wanted.clone() }),
        _ => Ok(()),
    }
}

async fn none_pending(conn: &mut Connection) -> Result<(), StartError> {
    match migrations::pending(conn).await?.len() {
        0 => Ok(()),
        pending => Err(StartError::Pending(pending)),
    }
}
