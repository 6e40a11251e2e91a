//! A wallet and every rule about its balance.
//!
//! `Wallet::apply` decides every posting. It either returns a refusal and has changed nothing, or it has changed the
//! wallet and lists what is to be written in [`Effects`].
//!
//! Invariants, which are enforced here and by named CHECKs in the database, and verified by `topup check`:
//! paid, granted, held, debt ≥ 0; held ≤ paid + granted; granted = sum of the grants' remaining;
//! held = sum of the open holds; paid = paid_in − paid_out; paid + granted − debt = sum of the entries.

mod granting;
mod holding;
mod limits;
mod stored;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::holding::open;
use self::limits::is_too_large;
pub use self::stored::{StoredWallet, WalletMarks, WalletParts};
use super::client_data::ClientData;
use super::entry::Entry;
use super::grant::Grant;
use super::guard::{Crossing, LowBalance, SpendGuard};
use super::hold::{Hold, HoldStatus, MAX_HOLD_LIFE};
use super::label::Label;
use super::money::Money;
use super::posting::{Booked, Change, OnInsufficient, Refusal, ReversedParts};
use super::wallet_key::WalletKey;

/// A wallet under its row lock, with its grants. Only the rules of this module change its money.
#[derive(Debug, Clone, PartialEq)]
pub struct Wallet {
    pub key: WalletKey,
    pub id: Uuid,
    pub(in crate::domain) paid: Money,
    pub(in crate::domain) granted: Money,
    pub(in crate::domain) held: Money,
    pub(in crate::domain) debt: Money,
    pub(in crate::domain) paid_in: Money,
    pub(in crate::domain) paid_out: Money,
    pub entry_seq: i64,
    pub version: i64,
    pub(in crate::domain) marks: WalletMarks,
    /// Money taken or claimed for spent bonus: the sum over all grants of the wallet, also those that are not loaded.
    pub(in crate::domain) bonus_owed: Money,
    pub guard: Option<SpendGuard>,
    pub low_balance: Option<LowBalance>,
    /// The active grant when the wallet was read. The fast path may have used it since its own row was written.
    pub active_when_read: Option<Uuid>,
    /// Those with something remaining, in burn order.
    pub(in crate::domain) grants: Vec<Grant>,
    pub updated_at: DateTime<Utc>,
}

/// What must be written in addition to the wallet itself after a change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    pub entries: Vec<Entry>,
    pub holds: Vec<Hold>,
    /// How available crossed the threshold of the low-balance alert just now, in this order.
    pub crossings: Vec<Crossing>,
    /// What was attached to grants that were opened.
    pub attached: Vec<(Uuid, ClientData)>,
}

#[cfg(test)]
impl Wallet {
    /// A wallet without money, for tests.
    pub(in crate::domain) fn empty(key: WalletKey, now: DateTime<Utc>) -> Self {
        let nothing = Money::zero(key.currency);
        Self {
            key,
            id: Uuid::from_u128(1),
            paid: nothing,
            granted: nothing,
            held: nothing,
            debt: nothing,
            paid_in: nothing,
            paid_out: nothing,
            entry_seq: 0,
            version: 0,
            marks: WalletMarks::default(),
            bonus_owed: nothing,
            guard: None,
            low_balance: None,
            active_when_read: None,
            grants: Vec::new(),
            updated_at: now,
        }
    }
}

/// What a change needs to write its entry.
struct Booking<'b> {
    label: &'b Label,
    /// Not before the wallet's last change.
    now: DateTime<Utc>,
    effects: &'b mut Effects,
}

impl Wallet {
    /// The running parts as the columns have them.
    #[must_use]
    pub fn parts(&self) -> WalletParts {
        let Self { paid, granted, held, debt, paid_in, paid_out, .. } = *self;
        WalletParts { paid, granted, held, debt, paid_in, paid_out }
    }

    /// Topped-up money.
    #[must_use]
    pub fn paid(&self) -> Money {
        self.paid
    }

    /// Promotional credit.
    #[must_use]
    pub fn granted(&self) -> Money {
        self.granted
    }

    /// What open holds reserve.
    #[must_use]
    pub fn held(&self) -> Money {
        self.held
    }

    /// What the customer owes.
    #[must_use]
    pub fn debt(&self) -> Money {
        self.debt
    }

    /// paid + granted.
    #[must_use]
    pub fn total(&self) -> Money {
        self.paid + self.granted
    }

    /// paid + granted − held − debt; negative when debt exceeds what is free.
    #[must_use]
    pub fn available(&self) -> Money {
        self.paid + self.granted - self.held - self.debt
    }

    /// The balance in the sense of the entries: paid + granted − debt.
    #[must_use]
    pub fn balance(&self) -> Money {
        self.paid + self.granted - self.debt
    }

    /// The grants with something remaining, in burn order.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Zero in the wallet's currency.
    fn nothing(&self) -> Money {
        Money::zero(self.key.currency)
    }

    /// What may be transferred or refunded: unheld paid money beyond the debt.
    pub fn movable(&self) -> Money {
        (self.unheld_paid() - self.debt).or_zero()
    }

    /// As [`Wallet::movable`], but as if no hold reserved anything.
    pub fn movable_beyond_holds(&self) -> Money {
        (self.paid - self.debt).or_zero()
    }

    /// Whether the fast path must leave this wallet alone, because its rules must be checked.
    #[must_use]
    pub fn needs_full_path(&self) -> bool {
        let WalletMarks { frozen, customer_frozen, claimed, closing, closed: _ } = self.marks;
        self.debt.is_positive() || frozen || customer_frozen || claimed || closing
    }

    /// The first grant in burn order of which something remains: the one that the next usage takes from, unless holds
    /// reserve all of it. A lapsed hold reserves nothing, even if no sweep has booked that yet.
    #[must_use]
    pub fn active_grant(&self) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.remaining.is_positive())
    }

    /// When the first grant expires of which something remains.
    #[must_use]
    pub fn grants_until(&self) -> Option<DateTime<Utc>> {
        self.grants.iter().filter(|grant| grant.remaining.is_positive()).filter_map(|grant| grant.expires_at).min()
    }

    /// Whether an operator has frozen this wallet.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.marks.frozen
    }

    /// Whether an operator has frozen all wallets of the customer.
    #[must_use]
    pub fn is_customer_frozen(&self) -> bool {
        self.marks.customer_frozen
    }

    /// Whether taken-back money is claimed from the customer in this currency.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.marks.claimed
    }

    /// Money that was taken or is claimed for spent bonus of this wallet.
    #[must_use]
    pub fn bonus_owed(&self) -> Money {
        self.bonus_owed
    }

    /// What the fast path must leave available: the threshold while its alert is armed.
    #[must_use]
    pub fn fast_floor(&self) -> Money {
        let armed = self.low_balance.as_ref().filter(|low| low.armed);
        armed.map_or(self.nothing(), |low| low.threshold)
    }

    /// The wallet as it is shown at `now`: lapsed parts of its grants are subtracted, even if no sweep has booked that
    /// yet, and its version does not change.
    #[must_use]
    pub fn without_lapsed_grants(mut self, now: DateTime<Utc>) -> Self {
        let (version, updated_at) = (self.version, self.updated_at);
        self.expire_grants(now, &mut Effects::default());
        Self { version, updated_at, ..self }
    }

    fn unheld_paid(&self) -> Money {
        let held_granted = Money::sum(self.key.currency, self.grants.iter().map(|grant| grant.held));
        self.paid - (self.held - held_granted)
    }

    /// The time that is written for a change that happens now. It never runs backwards within a wallet, even if the
    /// database's clock was fast and then corrected. All decisions follow the actual clock.
    pub(super) fn written_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.max(self.updated_at)
    }

    /// Decides one change. `hold` is the hold that the posting names. Lapsed grants are expired before anything is
    /// decided; lapsed holds must have been expired by [`Wallet::expire_hold`]. `now` is the database's clock, read
    /// under the wallet's lock.
    ///
    /// # Errors
    /// A [`Refusal`]; lapsed grants are then still expired (in `effects`), nothing else changed.
    pub(in crate::domain) fn apply(
        &mut self,
        change: &Change,
        label: &Label,
        hold: Option<&Hold>,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<Booked, Refusal> {
        let before = self.available();
        self.expire_grants(now, effects);
        let booked = self.decide(change, hold, &mut Booking { label, now, effects });
        if booked.is_ok() {
            self.expire_grants(now, effects);
            if *change != Change::Sweep {
                self.version += 1;
                self.updated_at = self.written_at(now);
            }
        }
        // What lapsed can take the balance below the threshold as well, even if the posting is refused.
        self.watch_low_balance(before, effects);
        booked
    }

    fn decide(&mut self, change: &Change, hold: Option<&Hold>, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        let now = booking.now;
        match change {
            Change::Credit { amount } => self.credit(*amount, booking),
            Change::Deduct { amount, on_insufficient } => self.deduct(*amount, *on_insufficient, booking),
            Change::Withdraw { amount } => {
                self.require_open()?;
                self.withdraw(*amount, booking)
            }
            Change::PayOut { amount } => {
                self.require_closing()?;
                self.withdraw(*amount, booking)
            }
            Change::TakeBack { amount } => self.take_back(*amount, booking),
            Change::Grant { terms } => self.grant(terms, booking),
            Change::RevokeGrant { grant_id, amount } => Ok(self.revoke_grant(*grant_id, *amount, booking)),
            Change::RestoreGrant { grant_id, amount } => self.restore_grant(*grant_id, *amount, booking),
            Change::OpenHold { id, amount, lifetime } => self.open_hold(*id, *amount, now + *lifetime, booking),
            Change::Capture { amount } => {
                self.capture(open(hold, now)?, Money::from_ledger(*amount, self.key.currency), booking)
            }
            Change::Release => {
                let closed = self.close_hold(open(hold, now)?, HoldStatus::Released, None, now);
                Ok(self.record_hold(closed, booking))
            }
            Change::Extend { lifetime } => {
                let mut extended = open(hold, now)?.clone();
                let latest = extended.created_at + MAX_HOLD_LIFE;
                extended.expires_at = extended.expires_at.max((now + *lifetime).min(latest));
                Ok(self.record_hold(extended, booking))
            }
            Change::Reverse { parts } => self.reverse(parts, booking),
            Change::Sweep => Ok(Booked::default()),
            // The book makes these of the changes above.
            Change::Collect(_) | Change::GiveBack(_) => Err(Refusal::MoreThanTaken),
        }
    }

    fn credit(&mut self, amount: Money, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        self.require_may_receive(booking.label)?;
        if is_too_large(self.paid_in + amount) {
            return Err(Refusal::TooLarge);
        }
        let repaid = self.debt.min(amount);
        self.debt -= repaid;
        self.add_paid(amount - repaid);
        Ok(self.write_entry(amount, Vec::new(), -repaid, booking))
    }

    fn deduct(
        &mut self,
        amount: Money,
        on_insufficient: OnInsufficient,
        booking: &mut Booking<'_>,
    ) -> Result<Booked, Refusal> {
        if on_insufficient == OnInsufficient::Refuse {
            self.require_open()?;
            self.require_not_frozen()?;
            self.require_available(amount)?;
            self.require_within_caps(amount, booking.now)?;
        }
        let unheld = Money::sum(self.key.currency, self.grants.iter().map(Grant::unheld));
        let rest = amount - unheld.min(amount);
        // Money that a debt already has a claim on is not spendable, so it is not burnt here either.
        let from_paid = self.movable().min(rest);
        let into_debt = rest - from_paid;
        self.require_room_for_debt(into_debt)?;
        let uses = self.burn_grants(amount);
        self.take_paid(from_paid);
        self.debt += into_debt;
        if let Some(guard) = &mut self.guard {
            guard.spend(amount, booking.now);
        }
        Ok(self.write_entry(-amount, uses, into_debt, booking))
    }

    fn withdraw(&mut self, amount: Money, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        self.require_not_frozen()?;
        if self.movable() < amount {
            return Err(self.short(amount, self.movable()));
        }
        self.take_paid(amount);
        Ok(self.write_entry(-amount, Vec::new(), self.nothing(), booking))
    }

    fn take_back(&mut self, amount: Money, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        self.require_may_receive(booking.label)?;
        let from_paid = self.movable().min(amount);
        let into_debt = amount - from_paid;
        self.require_room_for_debt(into_debt)?;
        self.take_paid(from_paid);
        self.debt += into_debt;
        Ok(self.write_entry(-amount, Vec::new(), into_debt, booking))
    }

    fn reverse(&mut self, parts: &ReversedParts, booking: &mut Booking<'_>) -> Result<Booked, Refusal> {
        let granted = Money::sum(self.key.currency, parts.grants.iter().map(|(_, amount)| *amount));
        let amount = parts.debt + parts.paid + granted;
        if !amount.is_positive() || self.grants_cannot_take(&parts.grants) {
            return Err(Refusal::MoreThanTaken);
        }
        // Debt that was repaid since comes back as the paid money that repaid it.
        let undone = self.debt.min(parts.debt + parts.paid);
        let returned = parts.debt + parts.paid - undone;
        if is_too_large(self.paid_in + returned) {
            return Err(Refusal::TooLarge);
        }
        self.debt -= undone;
        self.add_paid(returned);
        self.give_to_grants(&parts.grants);
        if let Some(guard) = &mut self.guard {
            guard.give_back(amount, parts.taken_at, booking.now);
        }
        Ok(self.write_entry(amount, parts.grants.clone(), -undone, booking))
    }

    fn watch_low_balance(&mut self, before: Money, effects: &mut Effects) {
        let after = self.available();
        if let Some(low) = &mut self.low_balance {
            effects.crossings.extend(low.observe(before, after));
        }
    }

    /// Writes the entry of a change that has been made: its signed amount, the uses of grants and the change of debt
    /// in it.
    fn write_entry(
        &mut self,
        amount: Money,
        grant_uses: Vec<(Uuid, Money)>,
        debt: Money,
        booking: &mut Booking<'_>,
    ) -> Booked {
        self.entry_seq += 1;
        let entry = Entry {
            wallet_id: self.id,
            seq: self.entry_seq,
            label: booking.label.clone(),
            amount,
            granted: Money::sum(self.key.currency, grant_uses.iter().map(|(_, used)| *used)),
            debt,
            balance_after: self.balance(),
            paid_in: self.paid_in,
            paid_out: self.paid_out,
            created_at: self.written_at(booking.now),
            grant_uses,
        };
        booking.effects.entries.push(entry.clone());
        Booked { wallet: Some(self.key.clone()), entry: Some(entry), hold: None }
    }

    /// Writes a hold that was opened or changed.
    fn record_hold(&self, hold: Hold, booking: &mut Booking<'_>) -> Booked {
        booking.effects.holds.push(hold.clone());
        Booked { wallet: Some(self.key.clone()), entry: None, hold: Some(hold) }
    }

    fn add_paid(&mut self, amount: Money) {
        self.paid += amount;
        self.paid_in += amount;
    }

    fn take_paid(&mut self, amount: Money) {
        self.paid -= amount;
        self.paid_out += amount;
    }
}
