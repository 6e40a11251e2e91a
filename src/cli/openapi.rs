//! `topup openapi`: prints the OpenAPI document, or the page of error codes, or compares either with a file.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::CommandOutcome;
use crate::http::openapi::{self, error_codes};

#[derive(Debug, clap::Args)]
pub struct OpenapiArguments {
    /// Print the page of the API's error codes, not the document
    #[arg(long)]
    error_codes: bool,
    /// Print nothing, and fail if this file differs from what would be printed
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

pub fn run(arguments: &OpenapiArguments) -> CommandOutcome {
    let (document, command) = match arguments.error_codes {
        true => (Cow::Owned(error_codes::page()), "topup openapi --error-codes"),
        false => (Cow::Borrowed(openapi::text()), "topup openapi"),
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
