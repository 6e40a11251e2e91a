//! Logs and metrics of the process.
//!
//! Logs go to standard error, so that the output of commands such as `topup token` and `topup openapi` can be piped. A
//! log line is a complete sentence; names and numbers are its fields. [`METRICS`] lists all metrics.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Why the log or the metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("the log cannot be set up: {0}")]
    Log(String),
    #[error("the metrics cannot be set up: {0}")]
    Metrics(String),
}

/// Sends logs to standard error. `filter` is a list of levels and targets such as `info,topup=debug`. A second call
/// changes nothing, so tests can start many servers in one process.
///
/// # Errors
/// When the filter is not valid.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter: Targets = filter.parse()?;
    let colours = io::stderr().is_terminal();
    match subscriber(format, filter, colours, io::stderr).try_init() {
        Err(_) if tracing::dispatcher::has_been_set() => Ok(()),
        outcome => outcome.map_err(|error| TelemetryError::Log(error.to_string())),
    }
}

fn subscriber<W>(format: LogFormat, filter: Targets, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Pretty => Box::new(registry.with(lines.with_ansi(colours))),
        LogFormat::Json => Box::new(registry.with(lines.json().flatten_event(true).with_current_span(false))),
    }
}

/// The bucket bounds of all histograms whose name ends in `_seconds`. The smallest fits a cached balance, the largest a
/// slow provider.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How often recorded values move into their buckets. A scrape does that too, but without scrapes memory would grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric that the service exposes.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub kind: MetricKind,
    pub name: &'static str,
    /// The text that `/metrics` shows as its help.
    pub description: &'static str,
}

/// All metrics of the service. A test compares the list with the source code.
pub const METRICS: [Metric; 12] = [
    Metric {
        kind: MetricKind::Gauge,
        name: "topup_database_connections",
        description: "Database connections of this process, by state (the writers of usage excluded).",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_database_connections_closed_total",
        description: "Connections closed instead of returned to the pool: unfit, or left inside a transaction.",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_http_connections_ended_total",
        description: "Connections that were ended to make room for others, or because they were stuck.",
    },
    Metric {
        kind: MetricKind::Histogram,
        name: "topup_http_request_seconds",
        description: "Time from the head of a request to the head of its response, by method and route.",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_http_requests_total",
        description: "Finished requests, by method, route and status.",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_notifications_total",
        description: "Notifications of payment companies, by provider and outcome.",
    },
    Metric {
        kind: MetricKind::Gauge,
        name: "topup_oldest_unsealed_seconds",
        description: "Age of the oldest unsealed entry that the walk over all wallets has seen.",
    },
    Metric {
        kind: MetricKind::Histogram,
        name: "topup_poster_flush_postings",
        description: "Usages and holds that were written together in one flush.",
    },
    Metric {
        kind: MetricKind::Gauge,
        name: "topup_poster_unanswered_requests",
        description: "Requests for usage and holds that were taken and have no answer yet.",
    },
    Metric {
        kind: MetricKind::Gauge,
        name: "topup_poster_waiting_postings",
        description: "Usages and holds that wait to be written.",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_restarts_total",
        description: "Parts of the service (lanes, streams, workers) that failed and were started again, by part.",
    },
    Metric {
        kind: MetricKind::Counter,
        name: "topup_webhook_attempts_total",
        description: "Attempts to deliver an event to a partner, by the delivery's new state.",
    },
];

impl Metric {
    fn describe(&self) {
        match self.kind {
            MetricKind::Counter => metrics::describe_counter!(self.name, self.description),
            MetricKind::Gauge => metrics::describe_gauge!(self.name, self.description),
            MetricKind::Histogram => metrics::describe_histogram!(self.name, self.description),
        }
    }
}

static INSTALLED: Mutex<Option<MetricsHandle>> = Mutex::new(None);

/// Reads the values that the `metrics` macros recorded.
#[derive(Clone, Debug)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// All metrics in Prometheus' text format (version 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Installs the recorder of the `metrics` macros. A process has one recorder, so a second call returns the same one.
///
/// # Errors
/// When another recorder is installed already, or the upkeep thread cannot be started.
pub fn install_metrics() -> Result<MetricsHandle, TelemetryError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = installed.as_ref() {
        return Ok(handle.clone());
    }
    let failed = |error: &dyn std::fmt::Display| TelemetryError::Metrics(error.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| failed(&error))?;
    for metric in METRICS {
        metric.describe();
    }
    let upkeep = handle.clone();
    std::thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                upkeep.run_upkeep();
            }
        })
        .map_err(|error| failed(&error))?;
    Ok(installed.insert(MetricsHandle(handle)).clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, filter.parse().unwrap(), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let request = tracing::info_span!("request", request_id = "req_1").entered();
            let _use_case = tracing::info_span!(parent: &request, "orders.create", customer = "ann").entered();
            tracing::info!(order = "tuo_1", "order completed");
            tracing::debug!("not asked for");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_fields_and_spans() {
        let text = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "order completed");
        assert_eq!(line["order"], "tuo_1");
        assert_eq!((&line["spans"][0]["request_id"], &line["spans"][1]["customer"]), (&"req_1".into(), &"ann".into()));
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn pretty_lines_are_plain_text_without_a_terminal() {
        let text = logged(LogFormat::Pretty, "info");
        assert!(text.contains("order completed") && text.contains("req_1"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("not asked for"), "{text}");
        assert!(logged(LogFormat::Pretty, "debug").contains("not asked for"));
    }

    #[test]
    fn logs_can_be_set_up_twice_but_not_with_nonsense() {
        init(LogFormat::Json, "off").unwrap();
        init(LogFormat::Pretty, "off").unwrap();
        assert!(matches!(init(LogFormat::Pretty, "topup=loudly"), Err(TelemetryError::Filter(_))));
    }

    #[test]
    fn the_list_of_metrics_is_complete() {
        let mut used = std::collections::BTreeSet::new();
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&entry).unwrap();
                    for kind in ["counter!(", "gauge!(", "histogram!("] {
                        let names = text.split(kind).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
                        used.extend(names.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
                    }
                }
            }
        }
        used.retain(|name| name.starts_with("topup_"));
        let listed = METRICS.map(|metric| metric.name.to_owned());
        assert_eq!(used.into_iter().collect::<Vec<_>>(), listed);
    }

    #[test]
    fn both_handles_read_the_one_recorder() {
        let first = install_metrics().unwrap();
        let second = install_metrics().unwrap();
        metrics::counter!("telemetry_test_orders_total").increment(3);
        metrics::histogram!("telemetry_test_wait_seconds").record(0.02);
        for handle in [first, second] {
            let text = handle.render();
            assert!(text.contains("telemetry_test_orders_total 3"), "{text}");
            assert!(text.contains("telemetry_test_wait_seconds_bucket{le=\"0.025\"} 1"), "{text}");
            assert!(text.contains("telemetry_test_wait_seconds_bucket{le=\"0.01\"} 0"), "{text}");
        }
    }
}
