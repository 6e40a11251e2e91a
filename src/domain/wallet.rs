//! A wallet and every rule about its balance.
//!
//! [`Wallet::apply`] is where all postings are decided. It either returns a refusal and has changed
//! nothing, or has changed the wallet and says what is to be written.
//!
//! Invariants, held here, by named CHECKs in the database, and by `topup check`:
//! paid, granted, held, debt ≥ 0; held ≤ paid + granted; granted = sum of the grants' remaining;
//! held = sum of the open holds; paid = paid_in − paid_out; paid + granted − debt = sum of the entries.

mod guarding;
mod holding;
mod limits;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use self::holding::open;
use super::entry::{Entry, EntryKind, Label};
use super::grant::{Grant, burn_order};
use super::guard::{LowBalance, SpendGuard};
use super::hold::{Hold, HoldStatus, MAX_HOLD_LIFE};
use super::posting::{Booked, Change, NewGrant, OnInsufficient, Posting, Refusal, ReversedParts, WalletKey};

/// No running total may pass this: ten times below what the columns hold.
const MAX_TOTAL: Decimal = Decimal::from_parts(0xA4C6_8000, 0x3_8D7E, 0, false, 0);

/// A wallet under its row lock, with its grants.
#[derive(Debug, Clone, PartialEq)]
pub struct Wallet {
    pub key: WalletKey,
    pub id: Uuid,
    pub paid: Decimal,
    pub granted: Decimal,
    pub held: Decimal,
    pub debt: Decimal,
    pub paid_in: Decimal,
    pub paid_out: Decimal,
    pub entry_seq: i64,
    pub version: i64,
    pub frozen: bool,
    pub guard: Option<SpendGuard>,
    pub low_balance: Option<LowBalance>,
    /// Those with something remaining, in burn order.
    pub grants: Vec<Grant>,
    pub updated_at: DateTime<Utc>,
}

/// What a change of a wallet wants written beside the wallet itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    pub entries: Vec<Entry>,
    pub holds: Vec<Hold>,
    /// True when available fell through the threshold just now.
    pub low_balance_crossed: bool,
}

impl Wallet {
    /// paid + granted − held − debt; negative when debt exceeds what is free.
    #[must_use]
    pub fn available(&self) -> Decimal {
        self.paid + self.granted - self.held - self.debt
    }

    /// The balance in the sense of the entries: paid + granted − debt.
    #[must_use]
    pub fn balance(&self) -> Decimal {
        self.paid + self.granted - self.debt
    }

    /// What may travel or be refunded: unheld paid money beyond the debt.
    #[must_use]
    pub fn movable(&self) -> Decimal {
        (self.unheld_paid() - self.debt).max(Decimal::ZERO)
    }

    /// Whether the fast path must leave this wallet alone.
    #[must_use]
    pub fn slow(&self) -> bool {
        self.granted > Decimal::ZERO || self.debt > Decimal::ZERO || self.guard.is_some() || self.frozen
    }

    /// What the fast path must leave available: the threshold while its alert is armed.
    #[must_use]
    pub fn fast_floor(&self) -> Decimal {
        self.low_balance.as_ref().filter(|low| low.armed).map_or(Decimal::ZERO, |low| low.threshold)
    }

    fn unheld_paid(&self) -> Decimal {
        let held_granted: Decimal = self.grants.iter().map(|grant| grant.held).sum();
        self.paid - (self.held - held_granted)
    }

    /// Decides one posting. `hold` is the hold that the posting names, `lapsed` are this wallet's open
    /// holds whose time is over; both, and lapsed grants, are expired before anything is decided.
    /// `now` is the database's clock, read under the lock.
    ///
    /// # Errors
    /// A [`Refusal`]; lapsed holds and grants are then still expired (in `effects`), nothing else changed.
    pub fn apply(
        &mut self,
        posting: &Posting,
        hold: Option<&Hold>,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let now = now.max(self.updated_at);
        let before = self.available();
        self.expire_grants(now, effects);
        let booked = self.decide(posting, hold, now, effects);
        if booked.is_ok() {
            self.expire_grants(now, effects);
            if posting.change != Change::Sweep {
                self.version += 1;
                self.updated_at = now;
            }
        }
        // What lapsed can cross the threshold too, whatever becomes of the posting.
        self.watch_low_balance(before, effects);
        booked
    }

    fn decide(
        &mut self,
        posting: &Posting,
        hold: Option<&Hold>,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let label = &posting.label;
        match &posting.change {
            Change::Credit { amount } => self.credit(*amount, label, now, effects),
            Change::Deduct { amount, on_insufficient } => self.deduct(*amount, *on_insufficient, label, now, effects),
            Change::Withdraw { amount } => self.withdraw(*amount, label, now, effects),
            Change::TakeBack { amount } => self.take_back(*amount, label, now, effects),
            Change::Grant { grant } => self.grant(grant, label, now, effects),
            Change::RevokeGrant { grant_id, amount } => Ok(self.revoke_grant(*grant_id, *amount, label, now, effects)),
            Change::RestoreGrant { grant_id, amount } => self.restore_grant(*grant_id, *amount, label, now, effects),
            Change::OpenHold { id, amount, lifetime } => {
                self.open_hold(*id, *amount, now + *lifetime, label, now, effects)
            }
            Change::Capture { amount, .. } => {
                let hold = open(hold, now)?;
                self.capture(hold, *amount, label, now, effects)
            }
            Change::Release { .. } => {
                let closed = self.close_hold(open(hold, now)?, HoldStatus::Released, None, now);
                effects.holds.push(closed.clone());
                Ok(Booked { wallet: Some(self.key.clone()), entry: None, hold: Some(closed) })
            }
            Change::Extend { lifetime, .. } => {
                let mut extended = open(hold, now)?.clone();
                let latest = extended.created_at + MAX_HOLD_LIFE;
                extended.expires_at = extended.expires_at.max((now + *lifetime).min(latest));
                effects.holds.push(extended.clone());
                Ok(Booked { wallet: Some(self.key.clone()), entry: None, hold: Some(extended) })
            }
            Change::Reverse { parts } => self.reverse(parts, label, now, effects),
            Change::Sweep => Ok(Booked::default()),
        }
    }

    fn credit(
        &mut self,
        amount: Decimal,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        if self.paid_in + amount > MAX_TOTAL {
            return Err(Refusal::TooLarge);
        }
        let repaid = self.debt.min(amount);
        self.debt -= repaid;
        self.add_paid(amount - repaid);
        Ok(self.record(label, amount, Vec::new(), -repaid, now, effects))
    }

    fn deduct(
        &mut self,
        amount: Decimal,
        on_insufficient: OnInsufficient,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        if on_insufficient == OnInsufficient::Refuse {
            self.require_not_frozen()?;
            self.require_available(amount)?;
            self.require_within_caps(amount, now)?;
        }
        let unheld: Decimal = self.grants.iter().map(Grant::unheld).sum();
        let rest = amount - unheld.min(amount);
        // Money that a debt already has a claim on is not spendable, so it is not burnt here either.
        let from_paid = self.movable().min(rest);
        let into_debt = rest - from_paid;
        self.require_room_for_debt(into_debt)?;
        let uses = self.burn_grants(amount);
        self.take_paid(from_paid);
        self.debt += into_debt;
        if let Some(guard) = &mut self.guard {
            guard.spend(amount, now);
        }
        Ok(self.record(label, -amount, uses, into_debt, now, effects))
    }

    fn withdraw(
        &mut self,
        amount: Decimal,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        self.require_not_frozen()?;
        if self.movable() < amount {
            return Err(self.short(amount, self.movable()));
        }
        self.take_paid(amount);
        Ok(self.record(label, -amount, Vec::new(), Decimal::ZERO, now, effects))
    }

    fn take_back(
        &mut self,
        amount: Decimal,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let from_paid = self.movable().min(amount);
        let into_debt = amount - from_paid;
        self.require_room_for_debt(into_debt)?;
        self.take_paid(from_paid);
        self.debt += into_debt;
        Ok(self.record(label, -amount, Vec::new(), into_debt, now, effects))
    }

    fn grant(
        &mut self,
        new: &NewGrant,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        if self.granted + new.amount > MAX_TOTAL {
            return Err(Refusal::TooLarge);
        }
        self.grants.push(Grant::opened(new, now));
        self.grants.sort_by(burn_order);
        self.granted += new.amount;
        Ok(self.record(label, new.amount, vec![(new.id, new.amount)], Decimal::ZERO, now, effects))
    }

    fn revoke_grant(
        &mut self,
        id: Uuid,
        amount: Decimal,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Booked {
        let left = self.grants.iter().find(|grant| grant.id == id).map_or(Decimal::ZERO, Grant::unheld);
        let taken = left.min(amount);
        if taken <= Decimal::ZERO {
            return Booked { wallet: Some(self.key.clone()), entry: None, hold: None };
        }
        self.take_from_grant(id, taken);
        self.record(label, -taken, vec![(id, -taken)], Decimal::ZERO, now, effects)
    }

    fn restore_grant(
        &mut self,
        id: Uuid,
        amount: Decimal,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let parts = [(id, amount)];
        if self.grants_cannot_take(&parts) {
            return Err(Refusal::MoreThanTaken);
        }
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == id) {
            grant.remaining += amount;
        }
        self.granted += amount;
        Ok(self.record(label, amount, parts.to_vec(), Decimal::ZERO, now, effects))
    }

    fn reverse(
        &mut self,
        parts: &ReversedParts,
        label: &Label,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let granted: Decimal = parts.grants.iter().map(|(_, amount)| *amount).sum();
        let amount = parts.debt + parts.paid + granted;
        if amount <= Decimal::ZERO || self.grants_cannot_take(&parts.grants) {
            return Err(Refusal::MoreThanTaken);
        }
        // Debt that was repaid since comes back as the paid money that repaid it.
        let undone = self.debt.min(parts.debt + parts.paid);
        let returned = parts.debt + parts.paid - undone;
        if self.paid_in + returned > MAX_TOTAL {
            return Err(Refusal::TooLarge);
        }
        self.debt -= undone;
        self.add_paid(returned);
        for (grant_id, amount) in &parts.grants {
            if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == *grant_id) {
                grant.remaining += *amount;
            }
        }
        self.granted += granted;
        if let Some(guard) = &mut self.guard {
            guard.give_back(amount, parts.taken_at, now);
        }
        Ok(self.record(label, amount, parts.grants.clone(), -undone, now, effects))
    }

    fn grants_cannot_take(&self, parts: &[(Uuid, Decimal)]) -> bool {
        parts.iter().any(|(id, amount)| {
            self.grants
                .iter()
                .find(|grant| grant.id == *id)
                .is_none_or(|grant| grant.remaining + *amount > grant.amount)
        })
    }

    /// Takes from the unheld rest of the grants in burn order; answers the signed uses (negative).
    fn burn_grants(&mut self, amount: Decimal) -> Vec<(Uuid, Decimal)> {
        let mut rest = amount;
        let mut uses = Vec::new();
        for grant in &mut self.grants {
            let used = grant.unheld().min(rest);
            if used > Decimal::ZERO {
                grant.remaining -= used;
                self.granted -= used;
                rest -= used;
                uses.push((grant.id, -used));
            }
        }
        uses
    }

    fn take_from_grant(&mut self, id: Uuid, amount: Decimal) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == id) {
            grant.remaining -= amount;
        }
        self.granted -= amount;
    }

    /// Expires the unheld rest of every grant whose time is over; run again it finds nothing.
    pub fn expire_grants(&mut self, now: DateTime<Utc>, effects: &mut Effects) {
        let lapsed: Vec<(Uuid, Decimal)> = self
            .grants
            .iter()
            .filter(|grant| grant.is_lapsed(now) && grant.unheld() > Decimal::ZERO)
            .map(|grant| (grant.id, grant.unheld()))
            .collect();
        for (id, amount) in lapsed {
            self.take_from_grant(id, amount);
            self.version += 1;
            self.updated_at = now;
            let label = Label {
                kind: EntryKind::Expire,
                key: format!("{}:{}", id.as_simple(), self.entry_seq + 1),
                fingerprint: 0,
                counterpart: "promotion".to_owned(),
                reference: Some(super::id::IdKind::Grant.show(id)),
                description: None,
                metadata: None,
                occurred_at: None,
            };
            self.record(&label, -amount, vec![(id, -amount)], Decimal::ZERO, now, effects);
        }
    }

    fn watch_low_balance(&mut self, before: Decimal, effects: &mut Effects) {
        let after = self.available();
        if let Some(low) = &mut self.low_balance {
            effects.low_balance_crossed |= low.observe(before, after);
        }
    }

    fn record(
        &mut self,
        label: &Label,
        amount: Decimal,
        grant_uses: Vec<(Uuid, Decimal)>,
        debt: Decimal,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Booked {
        self.entry_seq += 1;
        let entry = Entry {
            wallet_id: self.id,
            seq: self.entry_seq,
            label: label.clone(),
            amount,
            granted: grant_uses.iter().map(|(_, used)| *used).sum(),
            debt,
            balance_after: self.balance(),
            paid_in: self.paid_in,
            paid_out: self.paid_out,
            created_at: now,
            grant_uses,
        };
        effects.entries.push(entry.clone());
        Booked { wallet: Some(self.key.clone()), entry: Some(entry), hold: None }
    }

    fn add_paid(&mut self, amount: Decimal) {
        self.paid += amount;
        self.paid_in += amount;
    }

    fn take_paid(&mut self, amount: Decimal) {
        self.paid -= amount;
        self.paid_out += amount;
    }
}

fn merge_uses(uses: &mut Vec<(Uuid, Decimal)>, more: Vec<(Uuid, Decimal)>) {
    for (id, amount) in more {
        match uses.iter_mut().find(|(known, _)| *known == id) {
            Some((_, sum)) => *sum += amount,
            None => uses.push((id, amount)),
        }
    }
}
