//! The processor time of other processes, from `/proc` of Linux.

use std::fs;
use std::time::Duration;

use crate::stage::Stage;

/// Ticks of `/proc` in a second (`USER_HZ`, 100 on all Linux there is).
const TICK: Duration = Duration::from_millis(10);

/// Processor time so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time {
    pub service: Duration,
    pub postgres: Duration,
    /// Load generators, which are our child processes and have ended.
    pub generator: Duration,
}

impl Time {
    pub fn now(stage: &Stage, service: Option<u32>) -> Self {
        Self {
            service: service.and_then(|pid| stat(&pid.to_string())).map(|stat| stat.own).unwrap_or_default(),
            postgres: postgres(stage).unwrap_or_default(),
            generator: stat("self").map(|stat| stat.of_ended_children).unwrap_or_default(),
        }
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            service: self.service.saturating_sub(before.service),
            postgres: self.postgres.saturating_sub(before.postgres),
            generator: self.generator.saturating_sub(before.generator),
        }
    }
}

fn postgres(stage: &Stage) -> Option<Duration> {
    let pid_file = fs::read_to_string(stage.cluster.data_dir().join("data/postmaster.pid")).ok()?;
    let postmaster: u32 = pid_file.lines().next()?.parse().ok()?;
    let main = stat(&postmaster.to_string())?;
    let backends = fs::read_dir("/proc").ok()?.filter_map(|entry| stat(entry.ok()?.file_name().to_str()?));
    let alive: Duration = backends.filter(|stat| stat.parent == postmaster).map(|stat| stat.own).sum();
    Some(main.own + main.of_ended_children + alive)
}

struct Stat {
    parent: u32,
    own: Duration,
    of_ended_children: Duration,
}

/// proc(5): the name of the program is in brackets and may be any text; what follows is separated by blanks.
fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok().map(|ticks| TICK * ticks);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        of_ended_children: ticks(13)? + ticks(14)?,
    })
}
