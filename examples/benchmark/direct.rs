//! The comparison: the same deduction by pgbench, directly on PostgreSQL.

use std::fs;
use std::time::Duration;

use crate::Outcome;
use crate::load::fresh_run;
use crate::numbers::percentile;
use crate::stage::Stage;

/// What every transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// A deduction on the service's own tables.
    Deduct,
    /// A deduction on tables with two entries a movement and a table of keys.
    DeductTwoSided,
    Select,
}

#[derive(Debug, Clone, Copy)]
pub struct Direct {
    pub statement: Statement,
    pub clients: u32,
    pub spread: bool,
}

#[derive(Debug, Clone)]
pub struct Counted {
    /// The keys of this run begin with it.
    pub run: String,
    pub transactions: u64,
    pub failed: u64,
    pub per_second: f64,
    /// Only for one client: the others are measured by their rate.
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
}

/// The database of the tables with two entries a movement.
pub const TWO_SIDED: &str = "two_sided";

pub fn prepare(stage: &Stage) -> Outcome<()> {
    let database = stage.create(TWO_SIDED)?;
    database.run(include_str!("sql/two_sided.sql"))?;
    database.run("VACUUM ANALYZE")
}

impl Direct {
    pub fn run(&self, stage: &Stage, database: &str, seconds: u64) -> Outcome<Counted> {
        let (name, script) = match self.statement {
            Statement::Deduct => ("deduct.sql", include_str!("sql/deduct.sql")),
            Statement::DeductTwoSided => ("deduct_two_sided.sql", include_str!("sql/deduct_two_sided.sql")),
            Statement::Select => ("select.sql", include_str!("sql/select.sql")),
        };
        let script = stage.folder.write(name, script)?;
        let run = fresh_run()?;
        let customers = if self.spread { "10000" } else { "1" };
        let mut command = stage.client(&stage.tools.pgbench);
        command.args([
            "-n",
            "-M",
            "prepared",
            "-c",
            &self.clients.to_string(),
            "-j",
            if self.clients > 1 { "2" } else { "1" },
        ]);
        command.args(["-T", &seconds.to_string(), "-D", &format!("customers={customers}"), "-D", "n=0"]);
        command.args(["-D", &format!("run=r{run}"), "-f"]).arg(script);
        let log = stage.folder.0.join(format!("{run}-pgbench"));
        if self.clients == 1 {
            command.arg("-l").arg(format!("--log-prefix={}", log.display()));
        }
        let output =
            command.arg(if self.statement == Statement::DeductTwoSided { TWO_SIDED } else { database }).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let number = |label: &str| -> Option<&str> {
            text.lines().find_map(|line| line.strip_prefix(label))?.split([' ', '/']).next()
        };
        let (Some(transactions), Some(per_second)) =
            (number("number of transactions actually processed: "), number("tps = "))
        else {
            return Err(format!("pgbench said: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
        };
        let (p50, p99) = if self.clients == 1 { latencies(&log)? } else { (None, None) };
        Ok(Counted {
            run: format!("r{run}"),
            transactions: transactions.parse()?,
            failed: number("number of failed transactions: ").unwrap_or("0").parse()?,
            per_second: per_second.parse()?,
            p50,
            p99,
        })
    }
}

/// pgbench writes a line per transaction: client, number, microseconds, ….
fn latencies(prefix: &std::path::Path) -> Outcome<(Option<Duration>, Option<Duration>)> {
    let name = prefix.file_name().and_then(|name| name.to_str()).ok_or("no log")?.to_owned();
    let folder = prefix.parent().ok_or("no log")?;
    let mut times = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        if file.file_name().and_then(|name| name.to_str()).is_some_and(|found| found.starts_with(&name)) {
            let text = fs::read_to_string(&file)?;
            times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()));
            fs::remove_file(file)?;
        }
    }
    let mut at = |part| Some(Duration::from_secs_f64(percentile(&mut times, part) / 1e6));
    Ok((at(0.5), at(0.99)))
}
