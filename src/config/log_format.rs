//! The format of log lines, as a setting.

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Text, for people at a terminal.
    #[default]
    Pretty,
    /// One JSON object per line, for log collectors.
    Json,
}
