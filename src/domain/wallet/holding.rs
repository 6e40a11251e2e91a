//! Holds on a wallet: opened, captured, closed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Booking, Effects, Wallet};
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Booked, Refusal};

impl Wallet {
    /// Expires one lapsed hold: what it reserved is free again. This is no posting, because no request asks for it.
    pub fn expire_hold(&mut self, hold: &Hold, now: DateTime<Utc>, effects: &mut Effects) {
        let before = self.available();
        let closed = self.close_hold(hold, HoldStatus::Expired, None, now);
        effects.holds.push(closed);
        self.version += 1;
        self.updated_at = self.written_at(now);
        self.expire_grants(now, effects);
        self.watch_low_balance(before, effects);
    }

    pub(super) fn open_hold(
        &mut self,
        id: Uuid,
        amount: Money,
        expires_at: DateTime<Utc>,
        booking: &mut Booking<'_>,
    ) -> Result<Booked, Refusal> {
        self.require_open()?;
        self.require_not_frozen()?;
        self.require_available(amount)?;
        self.require_within_caps(amount, booking.now)?;
        let mut grant_parts = Vec::new();
        let mut rest = amount;
        for grant in &mut self.grants {
            let part = grant.unheld().min(rest);
            if part.is_positive() {
                grant.held += part;
                rest -= part;
                grant_parts.push((grant.id, part));
            }
        }
        self.held += amount;
        let label = booking.label;
        let hold = Hold {
            id,
            wallet: self.key.clone(),
            wallet_id: self.id,
            key: label.key.clone(),
            fingerprint: label.fingerprint,
            amount,
            grant_parts,
            description: label.description.clone(),
            metadata: label.metadata.clone(),
            created_at: booking.now,
            expires_at,
            status: HoldStatus::Open,
            captured: None,
            closed_at: None,
        };
        Ok(self.record_hold(hold, booking))
    }

    pub(super) fn capture(&mut self, hold: &Hold, amount: Money, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        let now = booking.now;
        let beyond = (amount - hold.amount).or_zero();
        if beyond.is_positive() {
            self.require_open()?;
            self.require_not_frozen()?;
            self.require_available(beyond)?;
            self.require_within_caps(beyond, now)?;
        }
        // What the hold reserved is taken in the order in which it was reserved: its grants, then paid.
        let mut within = amount.min(hold.amount);
        let mut uses = Vec::new();
        for (grant_id, reserved) in &hold.grant_parts {
            let used = (*reserved).min(within);
            if used.is_positive() {
                within -= used;
                uses.push((*grant_id, -used));
            }
        }
        let closed = self.close_hold(hold, HoldStatus::Captured, Some(amount), now);
        for (grant_id, used) in &uses {
            self.take_from_grant(*grant_id, -*used);
        }
        self.take_paid(within);
        if beyond.is_positive() {
            let more = self.burn_grants(beyond);
            let from_grants = Money::sum(self.key.currency, more.iter().map(|(_, used)| *used));
            self.take_paid(beyond + from_grants);
            merge_uses(&mut uses, more);
        }
        if let Some(guard) = &mut self.guard {
            guard.spend(amount, now);
        }
        let booked = self.record_hold(closed, booking);
        if amount.is_zero() {
            return Ok(booked);
        }
        // The entry has the description of the hold, unless the capture has one. It keeps the hold's key, so that the
        // key charges nobody twice once the hold is deleted.
        let label = &Label {
            description: booking.label.description.clone().or_else(|| hold.description.clone()),
            metadata: booking.label.metadata.clone().or_else(|| hold.metadata.clone()),
            ..booking.label.clone().with_key(hold.key.clone())
        };
        let entry = &mut Booking { label, now, effects: booking.effects };
        let entry = self.write_entry(-amount, uses, self.nothing(), entry).entry;
        Ok(Booked { entry, ..booked })
    }

    pub(super) fn close_hold(
        &mut self,
        hold: &Hold,
        status: HoldStatus,
        captured: Option<Money>,
        now: DateTime<Utc>,
    ) -> Hold {
        self.held -= hold.amount;
        for (grant_id, part) in &hold.grant_parts {
            if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == *grant_id) {
                grant.held -= *part;
            }
        }
        Hold { status, captured, closed_at: Some(now), ..hold.clone() }
    }
}

/// The hold, if it exists and is open.
pub(super) fn open(hold: Option<&Hold>, now: DateTime<Utc>) -> Result<&Hold, Refusal> {
    let hold = hold.ok_or(Refusal::HoldNotFound)?;
    match hold.status {
        HoldStatus::Open if hold.is_lapsed(now) => Err(Refusal::HoldExpired),
        HoldStatus::Open => Ok(hold),
        HoldStatus::Expired => Err(Refusal::HoldExpired),
        closed @ (HoldStatus::Captured | HoldStatus::Released) => Err(Refusal::HoldClosed { status: closed.as_str() }),
    }
}

/// Adds uses of grants to others, one sum per grant.
fn merge_uses(uses: &mut Vec<(Uuid, Money)>, more: Vec<(Uuid, Money)>) {
    for (id, amount) in more {
        match uses.iter_mut().find(|(known, _)| *known == id) {
            Some((_, sum)) => *sum += amount,
            None => uses.push((id, amount)),
        }
    }
}
