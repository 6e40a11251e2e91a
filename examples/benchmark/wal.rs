//! Measures the bytes that were written to the write-ahead log, and the share of full-page images after a checkpoint.

use std::process::Command;

use crate::Outcome;
use crate::stage::Stage;

#[derive(Debug, Clone, Copy, Default)]
pub struct Wal {
    /// Bytes of records without images of pages.
    pub records: u64,
    pub images: u64,
}

impl Wal {
    /// Between two positions of [`Stage::wal_position`], as `pg_waldump --stats` sums them up.
    pub fn between(stage: &Stage, from: &str, to: &str) -> Outcome<Self> {
        let output = Command::new(&stage.tools.waldump)
            .arg("-p")
            .arg(stage.cluster.data_dir().join("data/pg_wal"))
            .args(["--stats", "-s", from, "-e", to])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        // Total  <count>  <bytes> [share%]  <bytes of images> [share%]  <sum>
        let total = text.lines().find_map(|line| line.strip_prefix("Total"));
        let figures: Vec<u64> =
            total.into_iter().flat_map(str::split_whitespace).filter_map(|word| word.parse().ok()).collect();
        match figures[..] {
            [_, records, images, _] => Ok(Self { records, images }),
            _ => Err(format!("pg_waldump said: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}
