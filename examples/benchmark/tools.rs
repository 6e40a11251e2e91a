//! Finds the programs that the benchmark needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use topup::embedded::find_binaries;

use crate::Outcome;

#[derive(Debug)]
pub struct Tools {
    pub wrk: PathBuf,
    pub pgbench: PathBuf,
    pub waldump: PathBuf,
    pub topup: PathBuf,
}

impl Tools {
    /// Finds them, and builds the service.
    pub fn find() -> Outcome<Self> {
        let wrk = on_path("wrk").ok_or("wrk is missing: install it, for example with `apt-get install wrk`")?;
        let folder = find_binaries()?;
        let of_postgres = |name: &str| {
            Some(folder.join(name)).filter(|path| path.exists()).or_else(|| on_path(name)).ok_or_else(|| {
                format!(
                    "{name} is missing: install it, for example with `apt-get install postgresql postgresql-contrib`"
                )
            })
        };
        Ok(Self { wrk, pgbench: of_postgres("pgbench")?, waldump: of_postgres("pg_waldump")?, topup: build()? })
    }
}

/// The release binary beside this example. Cargo builds it with the same features as this, so that little is left
/// to do.
fn build() -> Outcome<PathBuf> {
    const BY_HAND: &str = "cargo build --release --bin topup --example benchmark";
    if let Some(cargo) = std::env::var_os("CARGO") {
        let built = Command::new(cargo)
            .args(BY_HAND.split(' ').skip(1))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .status()?;
        if !built.success() {
            return Err(format!("the service could not be built: see above, or run `{BY_HAND}`").into());
        }
    }
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(Path::parent).ok_or("this program is in no target folder")?;
    let topup = folder.join("topup");
    if !folder.ends_with("release") {
        return Err("this is no release build: run `cargo run --release --example benchmark`".into());
    }
    if !topup.exists() {
        return Err(format!("{} is missing: run `{BY_HAND}`", topup.display()).into());
    }
    Ok(topup)
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}
