//! camt.053 of ISO 20022, in any version: a bank's statement as XML.
//!
//! Elements are matched by their local names. Only what is booked counts. If an entry has several transactions whose
//! amounts add up to its own, each is a line; otherwise the entry is one line.

use chrono::NaiveDate;
use roxmltree::{Document, Node};
use rust_decimal::Decimal;

use super::{LineTexts, ReadStatement, StatementFormat, StatementLine, Unreadable, money};
use crate::domain::money::{Currency, Money, parse_plain_decimal};

/// The first element at a path of local names.
fn at<'a>(node: Node<'a, 'a>, path: &[&str]) -> Option<Node<'a, 'a>> {
    path.iter().try_fold(node, |node, name| children(node, name).next())
}

fn children<'a>(node: Node<'a, 'a>, name: &str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn text<'a>(node: Node<'a, 'a>, path: &[&str]) -> Option<&'a str> {
    at(node, path)?.text().map(str::trim).filter(|text| !text.is_empty())
}

fn day(node: Node<'_, '_>, path: &[&str]) -> Option<NaiveDate> {
    let date = path.iter().try_fold(node, |node, name| {
        node.children().find(|child| child.is_element() && child.tag_name().name() == *name)
    })?;
    let said = date.children().find(|child| matches!(child.tag_name().name(), "Dt" | "DtTm"))?.text()?;
    said.trim().get(..10)?.parse().ok()
}

/// # Errors
/// [`Unreadable`].
pub fn read(xml: &str, currency: Currency) -> Result<ReadStatement, Unreadable> {
    let document = Document::parse(xml).map_err(|error| Unreadable::new(format!("the file is not XML: {error}")))?;
    let message = at(document.root_element(), &["BkToCstmrStmt"]);
    let message = message.ok_or_else(|| Unreadable::new("the file is not a camt.053: it has no BkToCstmrStmt"))?;
    let mut whole: Option<ReadStatement> = None;
    for statement in children(message, "Stmt") {
        let next = one(statement, currency)?;
        whole = Some(match whole {
            None => next,
            Some(before) => join(before, next)?,
        });
    }
    whole.ok_or_else(|| Unreadable::new("the file has no statement"))
}

/// One statement after another of the same account.
pub(super) fn join(before: ReadStatement, next: ReadStatement) -> Result<ReadStatement, Unreadable> {
    if before.account != next.account {
        return Err(Unreadable::new("the file has statements of several accounts; send them one by one"));
    }
    if before.closing != next.opening {
        return Err(Unreadable::new("a statement in the file does not begin with the balance of the one before"));
    }
    let lines = before.lines.into_iter().chain(next.lines).collect();
    Ok(ReadStatement { closing: next.closing, to: next.to, lines, ..before })
}

fn one(statement: Node<'_, '_>, currency: Currency) -> Result<ReadStatement, Unreadable> {
    let account = text(statement, &["Acct", "Id", "IBAN"]).or_else(|| text(statement, &["Acct", "Id", "Othr", "Id"]));
    let balance = |codes: &[&str]| {
        let is_it = |balance: &Node<'_, '_>| {
            text(*balance, &["Tp", "CdOrPrtry", "Cd"]).is_some_and(|code| codes.contains(&code))
        };
        let balances: Vec<Node<'_, '_>> = children(statement, "Bal").filter(is_it).collect();
        let found = codes.iter().find_map(|code| {
            balances.iter().find(|one| text(**one, &["Tp", "CdOrPrtry", "Cd"]) == Some(code)).copied()
        });
        let found =
            found.ok_or_else(|| Unreadable::new(format!("the statement has no balance {}", codes.join("/"))))?;
        let amount = signed(found, currency).map_err(|what| Unreadable::at("a balance", what))?;
        Ok::<_, Unreadable>((amount, day(found, &["Dt"])))
    };
    let ((opening, opened), (closing, closed)) = (balance(&["OPBD", "PRCD"])?, balance(&["CLBD"])?);
    let mut lines = Vec::new();
    for (n, entry) in (1..).zip(children(statement, "Ntry")) {
        let status = text(entry, &["Sts", "Cd"]).or_else(|| text(entry, &["Sts"]));
        if status == Some("BOOK") {
            lines.extend(read_entry(entry, currency).map_err(|what| Unreadable::at(format!("entry {n}"), what))?);
        }
    }
    let days = super::days(&lines);
    let from = opened.or(days.map(|(from, _)| from));
    let to = closed.or(days.map(|(_, to)| to));
    let (from, to) = from.zip(to).ok_or_else(|| Unreadable::new("the balances of the statement have no days"))?;
    Ok(ReadStatement {
        format: StatementFormat::Camt053,
        account: account.map(str::to_owned),
        opening: Some(opening),
        closing: Some(closing),
        from,
        to,
        lines,
    })
}

/// The amount of an element, negative for a debit.
fn signed(node: Node<'_, '_>, currency: Currency) -> Result<Money, String> {
    let amount = children_amount(node)?;
    let amount = in_currency(amount, currency)?;
    match text_of(node, "CdtDbtInd") {
        Some("CRDT") => Ok(amount),
        Some("DBIT") => Ok(Money::zero(currency) - amount),
        _ => Err("has no CdtDbtInd".to_owned()),
    }
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let child = node.children().find(|child| child.is_element() && child.tag_name().name() == name)?;
    child.text().map(str::trim)
}

fn children_amount<'a, 'i>(node: Node<'a, 'i>) -> Result<Node<'a, 'i>, String> {
    let found = node.children().find(|child| child.is_element() && child.tag_name().name() == "Amt");
    found.ok_or_else(|| "has no Amt".to_owned())
}

fn in_currency(amount: Node<'_, '_>, currency: Currency) -> Result<Money, String> {
    let named = amount.attribute("Ccy").unwrap_or_default();
    if named != currency.code() {
        return Err(format!("is in {named}, and the account in {currency}"));
    }
    let value: Decimal = parse_plain_decimal(amount.text().unwrap_or_default().trim()).map_err(|e| e.to_string())?;
    money(value, currency)
}

fn read_entry(entry: Node<'_, '_>, currency: Currency) -> Result<Vec<StatementLine>, String> {
    let amount = signed(entry, currency)?;
    let booked_on = day(entry, &["BookgDt"]).or_else(|| day(entry, &["ValDt"])).ok_or("has no booking date")?;
    let parts: Vec<Node<'_, '_>> =
        children(entry, "NtryDtls").flat_map(|details| children(details, "TxDtls").collect::<Vec<_>>()).collect();
    let of_entry = text(entry, &["AcctSvcrRef"]);
    let part_amounts: Option<Vec<Money>> = parts
        .iter()
        .map(|part| {
            let amount = at(*part, &["AmtDtls", "TxAmt", "Amt"]).or_else(|| at(*part, &["Amt"]))?;
            let amount = in_currency(amount, currency).ok()?;
            Some(if text(*part, &["CdtDbtInd"]).map_or(amount_is_debit(entry), |side| side == "DBIT") {
                Money::zero(currency) - amount
            } else {
                amount
            })
        })
        .collect();
    let split =
        part_amounts.filter(|amounts| amounts.len() > 1 && Money::sum(currency, amounts.iter().copied()) == amount);
    let Some(amounts) = split else {
        let mut texts = match parts.first() {
            Some(part) => read_part(*part, amount.is_positive()),
            None => LineTexts::default(),
        };
        texts.bank_id = match parts.len() {
            0 | 1 => texts.bank_id.or_else(|| of_entry.map(str::to_owned)),
            _ => of_entry.map(str::to_owned),
        };
        let others = parts.iter().skip(1).map(|part| read_part(*part, amount.is_positive()).text);
        let all: Vec<String> = std::iter::once(texts.text.clone()).chain(others).collect();
        texts.text = all.join(" ");
        if texts.text.trim().is_empty() {
            texts.text = text(entry, &["AddtlNtryInf"]).unwrap_or_default().to_owned();
        }
        return Ok(if amount.is_zero() { Vec::new() } else { vec![StatementLine::new(booked_on, amount, texts)] });
    };
    let lines = (1..).zip(parts.iter().zip(amounts)).map(|(n, (part, amount))| {
        let mut texts = read_part(*part, amount.is_positive());
        // Two lines must not share an id.
        texts.bank_id = texts.bank_id.or_else(|| of_entry.map(|id| format!("{id}/{n}")));
        StatementLine::new(booked_on, amount, texts)
    });
    Ok(lines.filter(|line| !line.amount.is_zero()).collect())
}

fn amount_is_debit(entry: Node<'_, '_>) -> bool {
    text_of(entry, "CdtDbtInd") == Some("DBIT")
}

fn read_part(part: Node<'_, '_>, is_credit: bool) -> LineTexts {
    let (other, account) = if is_credit { ("Dbtr", "DbtrAcct") } else { ("Cdtr", "CdtrAcct") };
    let name = text(part, &["RltdPties", other, "Nm"]).or_else(|| text(part, &["RltdPties", other, "Pty", "Nm"]));
    let number = text(part, &["RltdPties", account, "Id", "IBAN"])
        .or_else(|| text(part, &["RltdPties", account, "Id", "Othr", "Id"]));
    let end_to_end = text(part, &["Refs", "EndToEndId"]).filter(|id| *id != "NOTPROVIDED");
    let remittance = at(part, &["RmtInf"]);
    let free = remittance.into_iter().flat_map(|all| children(all, "Ustrd").collect::<Vec<_>>());
    let mut said: Vec<&str> = free.filter_map(|one| one.text()).collect();
    said.extend(text(part, &["RmtInf", "Strd", "CdtrRefInf", "Ref"]));
    said.extend(end_to_end);
    LineTexts {
        bank_id: text(part, &["Refs", "AcctSvcrRef"]).map(str::to_owned),
        remitter: name.map(str::to_owned),
        remitter_account: number.map(str::to_owned),
        text: said.join(" "),
    }
}
