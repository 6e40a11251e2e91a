//! `topup openapi`: prints the OpenAPI document, or compares it with a file.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::CommandOutcome;
use crate::http::openapi;

#[derive(Debug, clap::Args)]
pub struct OpenapiArguments {
    /// Print nothing, and fail if this file differs from the document
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

pub fn run(arguments: &OpenapiArguments) -> CommandOutcome {
    let document = openapi::text();
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
    Err(format!("{name} differs from this version's document at line {line}: run `topup openapi > {name}`").into())
}
