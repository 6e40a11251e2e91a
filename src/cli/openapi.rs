//! `topup openapi`: prints the OpenAPI document, or the page of error codes, or compares them with a file.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::CommandOutcome;
use crate::http::openapi::{self, error_codes};

#[derive(Debug, clap::Args)]
pub struct OpenapiArguments {
    /// Print the page of the API's error codes instead of the document
    #[arg(long)]
    error_codes: bool,
    /// Print the document in this version of OpenAPI: 3.1, or 3.0 for tools that do not read 3.1
    #[arg(long, value_name = "VERSION", default_value = "3.1", value_parser = ["3.0", "3.1"])]
    format: String,
    /// Print the changes that break clients of the document in this file, and fail if there are any
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "error_codes"])]
    compare: Option<PathBuf>,
    /// Print nothing, and fail if this file differs from the output
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

pub fn run(arguments: &OpenapiArguments) -> CommandOutcome {
    if let Some(file) = &arguments.compare {
        return compare(file);
    }
    let (document, command) = match (arguments.error_codes, arguments.format.as_str()) {
        (true, _) => (Cow::Owned(error_codes::page()), "topup openapi --error-codes"),
        (false, "3.0") => (Cow::Owned(openapi::older_text()), "topup openapi --format 3.0"),
        (false, _) => (Cow::Borrowed(openapi::text()), "topup openapi"),
    };
    let Some(file) = &arguments.check else {
        std::io::stdout().write_all(document.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = file.display();
    let committed = std::fs::read_to_string(file).map_err(|error| format!("{name} cannot be read: {error}"))?;
    if committed == document {
        return Ok(ExitCode::SUCCESS);
    }
    let line = committed.lines().zip(document.lines()).take_while(|(one, other)| one == other).count() + 1;
    Err(format!("{name} differs from this version's document at line {line}: run `{command} > {name}`").into())
}

/// Prints the changes since a released document that break its clients.
fn compare(file: &Path) -> CommandOutcome {
    let name = file.display();
    let released = std::fs::read_to_string(file).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let released = serde_json::from_str(&released).map_err(|error| format!("{name} is not JSON: {error}"))?;
    let breaking = openapi::breaking_changes(&released);
    if breaking.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for change in &breaking {
        writeln!(std::io::stdout(), "{change}")?;
    }
    Err(format!("{} changes break clients of {name}", breaking.len()).into())
}
