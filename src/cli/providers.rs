//! `topup providers`: prints what an operator enters at each payment company, so that it notifies the service.

use std::fmt::Write;
use std::process::ExitCode;

use super::CommandOutcome;
use crate::config::Config;
use crate::server;

pub fn run(config: &Config) -> CommandOutcome {
    print!("{}", text(config)?);
    Ok(ExitCode::SUCCESS)
}

fn text(config: &Config) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for guide in server::endpoint_guides(config) {
        writeln!(text, "{}", guide.provider)?;
        writeln!(text, "  notification URL  {}", guide.url)?;
        if let Some(version) = &guide.api_version {
            writeln!(text, "  API version       {version}")?;
        }
        writeln!(text, "  note              {}", guide.note)?;
        for (n, event) in guide.events.iter().enumerate() {
            writeln!(text, "  {:<16}  {event}", if n == 0 { "events" } else { "" })?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_company_says_where_what_and_in_which_version() {
        let text = text(&Config::from_arguments(&["--public-url", "https://pay.example.com"]).unwrap()).unwrap();
        for said in [
            "https://pay.example.com/v1/providers/stripe/notifications",
            "https://pay.example.com/v1/providers/paypal/notifications",
            "https://pay.example.com/v1/providers/vnpay/ipn",
            "2026-02-25.clover",
            "snapshot payloads",
            "checkout.session.completed",
            "CUSTOMER.DISPUTE.RESOLVED",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
