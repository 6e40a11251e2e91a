//! `topup token`: prints a token that is signed with the configured secret.

use std::process::ExitCode;
use std::time::Duration;

use super::CommandOutcome;
use crate::config::Config;
use crate::domain::permission::Permission;
use crate::identity::Scope;
use crate::server::{Database, TokenKeys};

#[derive(Debug, clap::Args)]
pub struct TokenArguments {
    /// The role that the token gives
    #[arg(long, value_enum)]
    role: Role,
    /// The `sub` of the token: for a customer, the customer's id
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// What an operator may do; repeat it for several. `finance` contains `support`, and all contain `read`. Only for
    /// installations with TOPUP_JWT_PERMISSIONS_CLAIM
    #[arg(long, value_name = "PERMISSION")]
    permission: Vec<Permission>,
    /// The life of the token, as 30s, 15m, 1h or 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    ttl: Duration,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Role {
    Customer,
    Service,
    Operator,
}

impl From<Role> for Scope {
    fn from(role: Role) -> Self {
        match role {
            Role::Customer => Self::Customer,
            Role::Service => Self::Service,
            Role::Operator => Self::Operator,
        }
    }
}

pub fn run(config: &Config, arguments: &TokenArguments) -> CommandOutcome {
    let keys = TokenKeys::load(config, Database::is_embedded_by(config))?;
    let key = keys.signing.ok_or(
        "your identity provider signs the tokens here: ask it for one, or set TOPUP_JWT_SECRET to sign tokens yourself",
    )?;
    let scope = Scope::from(arguments.role);
    let needs_permission = key.has_permissions() && scope == Scope::Operator;
    match (needs_permission, arguments.permission.is_empty()) {
        (true, true) => {
            return Err("name with --permission what the operator may do: read, support, finance, admin".into());
        }
        (false, false) => {
            return Err("permissions are only for operators, and only with TOPUP_JWT_PERMISSIONS_CLAIM".into());
        }
        _ => {}
    }
    let permissions = arguments.permission.iter().copied().collect();
    println!("{}", key.token(&arguments.sub, scope, permissions, arguments.ttl)?);
    Ok(ExitCode::SUCCESS)
}

fn time(text: &str) -> Result<Duration, String> {
    let rule = "must be a number followed by s, m, h or d, as in 1h";
    let (number, seconds) = match text.char_indices().next_back() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3600),
        Some((at, 'd')) => (text.get(..at), 86_400),
        _ => (None, 1),
    };
    let number: u32 = number.and_then(|number| number.parse().ok()).ok_or(rule)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_read() {
        let read = |text| time(text).map(|time| time.as_secs()).ok();
        assert_eq!(read("30s"), Some(30));
        assert_eq!(read("15m"), Some(900));
        assert_eq!(read("1h"), Some(3600));
        assert_eq!(read("7d"), Some(604_800));
        for bad in ["", "h", "1", "-1h", "1.5h", "1w", "1 h", "99999999999s"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
