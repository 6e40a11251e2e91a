//! Prints tables as plain text.

use crate::cells::{Cell, Sample};
use crate::listing::Listed;
use crate::numbers::shown;
use crate::rounds::Samples;
use crate::targets::{Target, median_of, milliseconds};

/// The figures of every cell: medians of the rounds.
pub fn cells(cells: &[Cell], samples: &Samples) -> String {
    let head = [
        "",
        "items/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/item: service",
        "PostgreSQL",
        "generator",
        "WAL B/item",
        "+ page images",
    ];
    let rows = cells.iter().map(|cell| {
        let figure =
            |figure: fn(&Sample) -> Option<f64>| median_of(samples, &cell.name, figure).map_or_else(String::new, shown);
        vec![
            cell.name.clone(),
            figure(|sample| Some(sample.per_second)),
            figure(|sample| milliseconds(sample.p50)),
            figure(|sample| milliseconds(sample.p99)),
            figure(|sample| Some(sample.service).filter(|time| *time > 0.0)),
            figure(|sample| Some(sample.postgres)),
            figure(|sample| Some(sample.generator)),
            figure(|sample| Some(sample.wal_records).filter(|bytes| *bytes > 0.0)),
            figure(|sample| Some(sample.wal_images).filter(|bytes| *bytes > 0.0)),
        ]
    });
    table(&head, rows.collect())
}

pub fn targets(targets: &[Target]) -> String {
    let rows = targets.iter().map(|target| {
        let bound = if target.at_least { "at least" } else { "at most" };
        vec![
            target.what.clone(),
            format!("{} {}", shown(target.value), target.unit),
            format!("{bound} {} {}", target.wanted, target.unit),
            if target.is_met() { "met" } else { "NOT MET" }.to_owned(),
        ]
    });
    table(&["", "measured", "target", ""], rows.collect())
}

pub fn listing(listed: &[Listed]) -> String {
    let rows = listed
        .iter()
        .map(|page| vec![page.what.clone(), shown(page.server), shown(page.client_p50), shown(page.client_p99)]);
    table(&["page of 50", "server ms", "client p50 ms", "client p99 ms"], rows.collect())
}

/// The first column to the left, the others to the right.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().chain(std::iter::once(&head)).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padded = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
            text.push_str(&padded);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
