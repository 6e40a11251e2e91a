//! The keys that verify tokens, and the key that signs our own tokens.

use std::fs::{self, OpenOptions, Permissions as FilePermissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use crate::app::Sealing;
use crate::config::{Config, SealMode};
use crate::domain::environment::Environment;
use crate::domain::permission::Permissions;
use crate::domain::quote::InstallationSecret;
use crate::domain::seal::key::SealKey;
use crate::identity::{ClaimNames, Holder, IdentitySettings, MintError, Scope, mint};

const GENERATED: &str = "development-jwt-secret";
const GENERATED_SEAL: &str = "development-seal-key";

/// Signs the tokens that `topup token` and the welcome text show.
#[derive(Debug, Clone)]
pub struct SigningKey {
    secret: SecretString,
    issuer: Option<String>,
    audience: Option<String>,
    permissions_claim: Option<String>,
}

impl SigningKey {
    /// Signs a token that this installation accepts. The permissions are for an operator. The token contains them only
    /// if the installation has a claim for them.
    ///
    /// # Errors
    /// When the subject or the life of the token is out of range.
    pub fn token(
        &self,
        subject: &str,
        scope: Scope,
        permissions: Permissions,
        ttl: Duration,
    ) -> Result<String, MintError> {
        let claim = self.permissions_claim.as_deref().filter(|_| scope == Scope::Operator);
        let holder = Holder { subject, scope, permissions: claim.map(|claim| (claim, permissions)) };
        mint(&self.secret, holder, ttl, self.issuer.as_deref(), self.audience.as_deref())
    }

    /// Whether an operator's token must name permissions.
    #[must_use]
    pub fn has_permissions(&self) -> bool {
        self.permissions_claim.is_some()
    }
}

/// The configured keys, or a generated one.
#[derive(Debug)]
pub struct TokenKeys {
    /// Whether the secret was generated here. Such a secret is only for trials.
    pub generated: bool,
    pub signing: Option<SigningKey>,
    secret: Option<SecretString>,
    public_key: Option<String>,
}

impl TokenKeys {
    /// Takes the configured keys. When there is none, and the database is the embedded cluster, a secret is generated
    /// once and kept in the data folder, in a file that only its owner can read.
    ///
    /// # Errors
    /// [`StartError::NoKey`], or [`StartError::File`] when a file cannot be read or written.
    pub fn load(config: &Config, embedded: bool) -> Result<Self, StartError> {
        let jwt = &config.jwt;
        let nothing = jwt.secret.is_none() && jwt.public_key.is_none() && jwt.jwks_url.is_none();
        if nothing && !embedded {
            return Err(StartError::NoKey);
        }
        let secret =
            if nothing { Some(generated(&config.data_dir, GENERATED, hex::encode)?) } else { jwt.secret.clone() };
        let signing = secret.clone().map(|secret| SigningKey {
            secret,
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            permissions_claim: jwt.permissions_claim.clone(),
        });
        let public_key = jwt.public_key.as_deref().map(pem).transpose()?;
        Ok(Self { generated: nothing, signing, secret, public_key })
    }

    /// The settings of [`crate::identity::TokenVerifier`].
    #[must_use]
    pub fn identity(&self, config: &Config) -> IdentitySettings {
        IdentitySettings {
            hs256_secret: self.secret.clone(),
            public_key_pem: self.public_key.clone(),
            jwks_url: config.jwt.jwks_url.clone(),
            issuer: config.jwt.issuer.clone(),
            audience: config.jwt.audience.clone(),
            claims: ClaimNames {
                customer: config.jwt.customer_claim.clone(),
                scope: config.jwt.scope_claim.clone(),
                permissions: config.jwt.permissions_claim.clone(),
            },
            leeway: Duration::from_secs(config.jwt.leeway_seconds),
        }
    }

    /// A secret that every process of the installation has: the one of its tokens, or else the one of its seals.
    pub(super) fn installation_secret(&self, config: &Config) -> InstallationSecret {
        let secret = self.secret.as_ref().or(config.seal.key.as_ref());
        secret.map(|secret| InstallationSecret::new(secret.expose_secret())).unwrap_or_default()
    }
}

/// The setting itself when it is a PEM text, else the content of the file that it names.
fn pem(setting: &str) -> Result<String, StartError> {
    if setting.contains("-----BEGIN") {
        return Ok(setting.to_owned());
    }
    fs::read_to_string(setting).map_err(file(Path::new(setting)))
}

/// How entries are sealed, with the configured key. On a database stamped test without one, a key is generated once and
/// kept in the data folder.
///
/// # Errors
/// [`StartError::NoSealKey`] on a database stamped live, [`StartError::SealKey`] for a text that is no key, and
/// [`StartError::File`].
pub(super) fn sealing(config: &Config, environment: Environment) -> Result<Option<Sealing>, StartError> {
    let text = match (&config.seal.key, config.seal.mode) {
        (_, SealMode::Off) => return Ok(None),
        (Some(key), SealMode::On) => key.clone(),
        (None, SealMode::On) if environment.is_live() => return Err(StartError::NoSealKey),
        (None, SealMode::On) => generated(&config.data_dir, GENERATED_SEAL, |bytes| STANDARD.encode(bytes))?,
    };
    let age = chrono::Duration::seconds(config.seal.after_seconds.into());
    Ok(Some(Sealing::with(SealKey::read(text.expose_secret())?, age)))
}

/// A secret of 32 bytes that is made once and kept in the data folder.
fn generated(data_dir: &Path, name: &str, written: impl Fn([u8; 32]) -> String) -> Result<SecretString, StartError> {
    let path = data_dir.join(name);
    match read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        secret => return secret.map_err(file(&path)),
    }
    fs::create_dir_all(data_dir).map_err(file(data_dir))?;
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    // The secret is written to a temporary file and then linked into place, so two processes that start at the same
    // time read the same complete secret.
    let aside = data_dir.join(format!(".{name}.{}", std::process::id()));
    let made = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| file.write_all(written(bytes).as_bytes()))
        .and_then(|()| match fs::hard_link(&aside, &path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    let removed = fs::remove_file(&aside);
    made.and(removed).map_err(file(&path))?;
    read(&path).map_err(file(&path))
}

fn read(path: &Path) -> io::Result<SecretString> {
    let secret = fs::read_to_string(path)?;
    // A copy of the file may have lost its permissions.
    fs::set_permissions(path, FilePermissions::from_mode(0o600))?;
    Ok(SecretString::from(secret.trim()))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::File { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_generated_secret_stays_and_is_private() {
        let dir = std::env::temp_dir().join(format!("topup-keys-{}", uuid::Uuid::now_v7()));
        let make = || generated(&dir, GENERATED, hex::encode).unwrap();
        let (first, second) = (make(), make());
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        let mode = fs::metadata(dir.join(GENERATED)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing is left aside");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn only_the_embedded_cluster_generates() {
        let config = Config::from_arguments(&["--data-dir", "/nonexistent"]).unwrap();
        assert!(matches!(TokenKeys::load(&config, false), Err(StartError::NoKey)));
    }

    #[test]
    fn a_live_database_is_sealed_with_a_configured_key_or_not_at_all() {
        let dir = std::env::temp_dir().join(format!("topup-keys-{}", uuid::Uuid::now_v7()));
        let with = |arguments: &[&str]| {
            let all: Vec<&str> = ["--data-dir", dir.to_str().unwrap()].iter().chain(arguments).copied().collect();
            Config::from_arguments(&all).unwrap()
        };
        assert!(matches!(sealing(&with(&[]), Environment::Live), Err(StartError::NoSealKey)));
        assert!(!dir.exists());
        assert!(sealing(&with(&["--seal=off"]), Environment::Live).unwrap().is_none());
        assert!(matches!(sealing(&with(&["--seal-key=x"]), Environment::Live), Err(StartError::SealKey(_))));
        let first = sealing(&with(&[]), Environment::Test).unwrap().unwrap();
        let text = fs::read_to_string(dir.join(GENERATED_SEAL)).unwrap();
        let key = format!("--seal-key={text}");
        let again = sealing(&with(&[&key]), Environment::Live).unwrap().unwrap();
        assert_eq!(first.key.id(), again.key.id());
        fs::remove_dir_all(&dir).unwrap();
    }
}
