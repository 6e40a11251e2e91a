//! A new currency in one call: its options and the rules of its channels are saved together, or not at all.

use super::channel_rules::{self, NewRule};
use super::top_up_options::{self, NewOptions};
use crate::app::{App, Caller, Error, Problems};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::{ChannelRule, TopUpOptions};
use crate::domain::code::Code;
use crate::storage::transaction::transact;
use crate::storage::{audit, catalogue as store};

/// A currency as it is offered from now on.
#[derive(Debug, Clone)]
pub struct OfferedCurrency {
    pub options: TopUpOptions,
    pub rules: Vec<ChannelRule>,
}

/// Offers a currency for the main wallet, and for every product that has nothing of its own.
///
/// # Errors
/// 409 `currency_exists`; 422 naming every field that is wrong.
pub async fn add(
    app: &App,
    caller: &Caller,
    options: NewOptions,
    rules: Vec<NewRule>,
) -> Result<OfferedCurrency, Error> {
    top_up_options::check(&options, "/options")?;
    let mut problems = Problems::new();
    for (n, rule) in rules.iter().enumerate() {
        channel_rules::check(rule, &format!("/channels/{n}/rule"))?;
        if rules.iter().take(n).any(|before| before.channel == rule.channel) {
            problems.add(format!("/channels/{n}/channel"), Code::Duplicate, "is there already");
        }
    }
    problems.finish()?;
    let actor = caller.actor();
    let options = top_up_options::draft(options, actor.clone());
    let rules: Vec<_> = rules.into_iter().map(|rule| channel_rules::draft(rule, actor.clone())).collect();
    transact(&app.pool, async |conn| {
        let exists = || {
            let detail = format!("{} has options or channel rules already; change those", options.currency());
            Error::conflict(Code::CurrencyExists, detail)
        };
        let saved = store::top_up_options::insert(conn, &options).await?.ok_or_else(exists)?;
        let target = format!("top_up_options:{}:", saved.currency());
        let record = AuditRecord::new(&actor, "top_up_options.saved", target);
        audit::write(conn, &record.to(top_up_options::describe(&saved))).await?;
        let mut offered = OfferedCurrency { options: saved, rules: Vec::new() };
        for rule in &rules {
            let saved = store::channel_rules::insert(conn, rule).await?.ok_or_else(exists)?;
            let target = format!("channel_rule:{}:{}:", saved.channel, saved.currency);
            let record = AuditRecord::new(&actor, "channel_rule.saved", target);
            audit::write(conn, &record.to(channel_rules::describe(&saved))).await?;
            offered.rules.push(saved);
        }
        Ok(offered)
    })
    .await
}
