//! Taken-back money in a book: how it is collected, claimed, and given back. The rules are in
//! [`crate::domain::take_back`].
//!
//! Everything about a claim is decided under the locks of all wallets of the customer and currency. So no wallet can
//! gain money unseen, and the last cent of the claim can clear the mark of all of them.

use uuid::Uuid;

use super::Book;
use crate::domain::hold::{Hold, HoldStatus};
use crate::domain::money::Money;
use crate::domain::movement::expiry::sweep;
use crate::domain::movement::give_back::returned;
use crate::domain::movement::take_back::taken;
use crate::domain::posting::{Booked, Change, Collection, OnInsufficient, Posting, Refusal, Restitution, Shortfall};
use crate::domain::product::Product;
use crate::domain::take_back::{Claim, Reach, TakeBackId, TakeBackOrigin, Taken, TakenFrom, TakenPart};
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;

/// What a movement is for.
#[derive(Clone, Copy)]
struct For<'a> {
    origin: &'a TakeBackOrigin,
    part: TakenPart,
    grant_id: Option<Uuid>,
}

impl Book {
    /// Refuses what spends or moves money while taken-back money is claimed from the customer in that currency.
    pub(super) fn require_no_claim(&self, posting: &Posting, hold: Option<&Hold>) -> Result<(), Refusal> {
        let Some(key) = posting.wallet().or(hold.map(|hold| &hold.wallet)) else { return Ok(()) };
        let claimed = self.take_backs.claimed(&key.customer, key.currency);
        let is_refused = match &posting.change {
            Change::Deduct { on_insufficient, .. } => *on_insufficient == OnInsufficient::Refuse,
            Change::OpenHold { .. } | Change::Withdraw { .. } | Change::PayOut { .. } => true,
            Change::Collect(asked) => asked.is_voluntary(),
            Change::Capture { amount } => hold.is_some_and(|hold| {
                hold.status == HoldStatus::Open && !hold.is_lapsed(self.now) && *amount > hold.amount.amount()
            }),
            _ => false,
        };
        if is_refused && claimed.is_positive() {
            return Err(Refusal::TakenBackDebt(claimed));
        }
        Ok(())
    }

    /// Takes back money, and an order's bonus. `home` is the wallet that the money came to.
    pub(super) fn collect(&mut self, home: &WalletKey, asked: &Collection) -> Result<Booked, Refusal> {
        let Collection { origin, money, bonus, grant_id, reach } = asked;
        self.expire_lapsed_grants(home)?;
        let nothing = Money::zero(home.currency);
        let unheld = |wallet: &Wallet| grant_id.map_or(nothing, |id| wallet.unheld_of_grant(id));
        let revoked = self.wallets.get(home).map_or(nothing, unheld).min(*bonus);
        let (money, bonus_money) = (*money, *bonus - revoked);
        let givers = self.givers(home, reach);
        if asked.is_voluntary()
            && let Some(wallet) = self.wallets.get(home)
        {
            match reach {
                Reach::Closing => wallet.require_closing()?,
                _ => wallet.require_open()?,
            }
            wallet.require_not_frozen()?;
        }
        self.require_from(home, &givers, reach, money + bonus_money)?;

        if let Some(id) = grant_id {
            self.revoke(origin, home, *id, revoked)?;
        }
        for (part, amount) in [(origin.of.money(), money), (TakenPart::BonusMoney, bonus_money)] {
            let grant_id = grant_id.filter(|_| part == TakenPart::BonusMoney);
            let of = For { origin, part, grant_id };
            let missing = match reach {
                Reach::OrderWallet => {
                    self.take(home, of, amount)?;
                    nothing
                }
                Reach::Request { .. } | Reach::Closing | Reach::AllWallets => self.take_in_turn(&givers, of, amount)?,
            };
            if missing.is_positive() {
                self.claim(home, of, missing);
            }
            if let (Some(id), Some(wallet)) = (grant_id, self.wallets.get_mut(home)) {
                wallet.owe_bonus(id, amount);
            }
        }
        Ok(Booked { wallet: Some(home.clone()), entry: None, hold: None })
    }

    /// The wallets that give, in their order.
    fn givers(&self, home: &WalletKey, reach: &Reach) -> Vec<WalletKey> {
        let of_product = |product: &Product| WalletKey { product: product.clone(), ..home.clone() };
        let is_free = |key: &WalletKey| self.wallets.get(key).is_some_and(|wallet| wallet.require_not_frozen().is_ok());
        let others: Vec<WalletKey> = match reach {
            Reach::OrderWallet => Vec::new(),
            Reach::Request { also } => also.iter().map(of_product).filter(is_free).collect(),
            Reach::Closing => std::iter::once(of_product(&Product::main())).filter(is_free).collect(),
            // The main wallet is the first of them, because its product is the empty text.
            Reach::AllWallets => self.wallets_beside(home).collect(),
        };
        std::iter::once(home.clone()).chain(others.into_iter().filter(|key| key != home)).collect()
    }

    /// What a wallet can give; zero if it does not exist.
    fn movable(&self, key: &WalletKey) -> Money {
        self.wallets.get(key).map_or(Money::zero(key.currency), Wallet::movable)
    }

    fn wallets_beside<'b>(&'b self, home: &'b WalletKey) -> impl Iterator<Item = WalletKey> + 'b {
        let is_beside = |key: &&WalletKey| key.customer == home.customer && key.currency == home.currency;
        self.wallets.keys().filter(is_beside).cloned()
    }

    /// Refuses more than the wallets can give, before anything has changed.
    fn require_from(
        &self,
        home: &WalletKey,
        givers: &[WalletKey],
        reach: &Reach,
        required: Money,
    ) -> Result<(), Refusal> {
        let Some(wallet) = self.wallets.get(home) else { return Err(Refusal::MoreThanTaken) };
        match reach {
            Reach::AllWallets => Ok(()),
            Reach::OrderWallet => wallet.require_room_for_debt(required),
            Reach::Request { .. } | Reach::Closing => {
                let wallets = givers.iter().filter_map(|key| self.wallets.get(key));
                let there = Money::sum(home.currency, wallets.map(Wallet::movable));
                if there >= required {
                    return Ok(());
                }
                Err(Refusal::Insufficient(Shortfall {
                    wallet: home.clone(),
                    required,
                    available: there,
                    held: wallet.held(),
                }))
            }
        }
    }

    /// Takes from one wallet after the other. Returns what they lacked.
    fn take_in_turn(&mut self, givers: &[WalletKey], of: For<'_>, amount: Money) -> Result<Money, Refusal> {
        let mut rest = amount;
        for key in givers {
            let there = self.movable(key);
            let part = there.min(rest);
            self.take(key, of, part)?;
            rest -= part;
        }
        Ok(rest)
    }

    /// One movement: takes from one wallet, into debt if it has less. An amount of zero makes no movement.
    fn take(&mut self, key: &WalletKey, of: For<'_>, amount: Money) -> Result<(), Refusal> {
        if !amount.is_positive() {
            return Ok(());
        }
        let n = self.take_backs.next(of.origin.id);
        let label = taken(of.origin, of.part, n);
        let booked = self.apply(key, &Change::TakeBack { amount }, &label, None)?;
        self.record(of, n, key, amount, &booked)
    }

    /// One movement: revokes bonus that is there.
    fn revoke(
        &mut self,
        origin: &TakeBackOrigin,
        key: &WalletKey,
        grant_id: Uuid,
        amount: Money,
    ) -> Result<(), Refusal> {
        if !amount.is_positive() {
            return Ok(());
        }
        let n = self.take_backs.next(origin.id);
        let label = taken(origin, TakenPart::Bonus, n);
        let booked = self.apply(key, &Change::RevokeGrant { grant_id, amount }, &label, None)?;
        self.record(For { origin, part: TakenPart::Bonus, grant_id: Some(grant_id) }, n, key, amount, &booked)
    }

    /// Records a movement, which has an entry. It never takes more than there is.
    fn record(&mut self, of: For<'_>, n: i32, key: &WalletKey, amount: Money, booked: &Booked) -> Result<(), Refusal> {
        let entry = booked.entry.as_ref().ok_or(Refusal::MoreThanTaken)?;
        self.take_backs.changed_taken.insert((of.origin.id, n));
        self.take_backs.taken.push(Taken {
            origin: of.origin.clone(),
            n,
            part: of.part,
            grant_id: of.grant_id,
            wallet: key.clone(),
            wallet_id: entry.wallet_id,
            taken: amount,
            given_back: Money::zero(key.currency),
            returns: 0,
            taken_at: entry.created_at,
        });
        Ok(())
    }

    /// Claims what the wallets lacked, and marks all of them.
    fn claim(&mut self, home: &WalletKey, of: For<'_>, amount: Money) {
        self.take_backs.claim(Claim {
            origin: of.origin.clone(),
            customer: home.customer.clone(),
            part: of.part,
            grant_id: of.grant_id,
            amount,
            created_at: self.now,
        });
        self.mark(home, true);
    }

    /// Marks all wallets of the customer and currency as claimed, or clears their mark.
    fn mark(&mut self, home: &WalletKey, claimed: bool) {
        let keys: Vec<WalletKey> = self.wallets_beside(home).collect();
        for key in keys {
            if let Some(wallet) = self.wallets.get_mut(&key)
                && wallet.mark_claimed(claimed, self.now)
            {
                self.effects.entry(key).or_default();
            }
        }
        if !claimed {
            self.take_backs.ended.insert(home.customer.clone());
        }
    }

    fn clear_mark_if_nothing_is_claimed(&mut self, home: &WalletKey) {
        let is_marked = self.wallets.get(home).is_some_and(Wallet::is_claimed);
        if is_marked && self.take_backs.claimed(&home.customer, home.currency).is_zero() {
            self.mark(home, false);
        }
    }

    /// Gives back what a source took. `home` is the wallet that the money came to first.
    pub(super) fn return_taken(&mut self, home: &WalletKey, given: &Restitution) -> Result<Booked, Refusal> {
        let Restitution { id, of, money, bonus, grant_id } = given;
        let of_money = of.money();
        let of_bonus = [TakenPart::BonusMoney, TakenPart::Bonus];
        let left = |parts: &[TakenPart]| self.take_backs.left(*id, parts, home.currency);
        let (money_left, bonus_left) = (left(&[of_money]), left(&of_bonus));
        if *money > money_left || *bonus > bonus_left {
            return Err(Refusal::MoreThanTaken);
        }
        self.expire_lapsed_grants(home)?;
        let struck = self.take_backs.strike(*id, of_money, *money);
        self.return_in_turn(*id, &[of_money], *money - struck)?;
        let struck = self.take_backs.strike(*id, TakenPart::BonusMoney, *bonus);
        if let (Some(grant_id), Some(wallet)) = (grant_id, self.wallets.get_mut(home)) {
            wallet.owe_bonus(*grant_id, -struck);
        }
        self.return_in_turn(*id, &of_bonus, *bonus - struck)?;
        self.clear_mark_if_nothing_is_claimed(home);
        let wallets: Vec<WalletKey> = self.wallets_beside(home).collect();
        for key in wallets {
            self.settle(&key);
        }
        Ok(Booked { wallet: Some(home.clone()), entry: None, hold: None })
    }

    /// Gives movements back, last taken first, each into its wallet.
    fn return_in_turn(&mut self, id: TakeBackId, parts: &[TakenPart], amount: Money) -> Result<(), Refusal> {
        let mut rest = amount;
        let movements: Vec<Taken> = self.take_backs.taken.iter().rev().cloned().collect();
        for taken in movements.iter().filter(|taken| taken.origin.id == id && parts.contains(&taken.part)) {
            let part = taken.outstanding().min(rest);
            self.return_one(taken, part)?;
            rest -= part;
        }
        Ok(())
    }

    /// Gives back a part of one movement. An amount of zero makes no entry.
    fn return_one(&mut self, taken: &Taken, amount: Money) -> Result<(), Refusal> {
        self.credit_back(taken, amount)?;
        self.settle_bonus_owed(taken, amount);
        Ok(())
    }

    /// [`Self::return_one`] without settling what is owed for a bonus.
    fn credit_back(&mut self, taken: &Taken, amount: Money) -> Result<(), Refusal> {
        if !amount.is_positive() {
            return Ok(());
        }
        let change = match (taken.part, taken.grant_id) {
            (TakenPart::Bonus, Some(grant_id)) => Change::RestoreGrant { grant_id, amount },
            _ => Change::Credit { amount },
        };
        self.apply(&taken.wallet, &change, &returned(taken), None)?;
        self.take_backs.give_back(taken.origin.id, taken.n, amount);
        Ok(())
    }

    /// Money that was taken for a bonus is given back: it is owed no longer. The grant is in the order's wallet.
    fn settle_bonus_owed(&mut self, taken: &Taken, amount: Money) {
        let (TakenPart::BonusMoney, Some(grant_id)) = (taken.part, taken.grant_id) else { return };
        let keys: Vec<WalletKey> = self.wallets_beside(&taken.wallet).collect();
        for key in keys {
            if let Some(wallet) = self.wallets.get_mut(&key) {
                wallet.owe_bonus(grant_id, -amount);
            }
        }
    }

    /// Settles what has appeared in a wallet: bonus for which money was taken, and money that is claimed.
    pub(super) fn settle(&mut self, key: &WalletKey) {
        let returned = self.wallets.get(key).map(Wallet::returned_bonus).unwrap_or_default();
        let mut touched = vec![key.clone()];
        for (grant_id, order_id, amount) in returned {
            touched.extend(self.exchange_bonus(key, grant_id, order_id, amount));
            self.clear_mark_if_nothing_is_claimed(key);
        }
        for key in touched {
            self.take_claimed(&key);
        }
    }

    /// Revokes bonus that has returned, strikes what is claimed for it, and gives back the money that was taken for it.
    /// Returns the wallets that got money.
    fn exchange_bonus(&mut self, key: &WalletKey, grant_id: Uuid, order_id: Uuid, amount: Money) -> Vec<WalletKey> {
        let mut rest = amount;
        let claims: Vec<Claim> = self.take_backs.claims.clone();
        let of_order =
            |origin: &TakeBackOrigin, part| origin.of == TakenFrom::Order(order_id) && part == TakenPart::BonusMoney;
        for claim in claims.iter().filter(|claim| of_order(&claim.origin, claim.part)) {
            let part = claim.amount.min(rest);
            if self.revoke(&claim.origin, key, grant_id, part).is_err() {
                return Vec::new();
            }
            rest -= self.take_backs.strike(claim.origin.id, claim.part, part);
            if let Some(wallet) = self.wallets.get_mut(key) {
                wallet.owe_bonus(grant_id, -part);
            }
        }
        let mut touched = Vec::new();
        let movements: Vec<Taken> = self.take_backs.taken.iter().rev().cloned().collect();
        for taken in movements.iter().filter(|taken| of_order(&taken.origin, taken.part)) {
            let part = taken.outstanding().min(rest);
            // If a wallet cannot take the money, because its total would be too large, it keeps the bonus instead. The
            // bonus is owed until it is revoked: even if the grant's time is over, what is owed of it does not expire.
            if self.credit_back(taken, part).is_err() || self.revoke(&taken.origin, key, grant_id, part).is_err() {
                break;
            }
            self.settle_bonus_owed(taken, part);
            rest -= part;
            touched.push(taken.wallet.clone());
        }
        touched
    }

    /// Takes the unheld paid money of a wallet for what is claimed, oldest first.
    fn take_claimed(&mut self, key: &WalletKey) {
        let is_here = |claim: &&Claim| claim.customer == key.customer && claim.amount.currency() == key.currency;
        let claims: Vec<Claim> = self.take_backs.claims.iter().filter(is_here).cloned().collect();
        for claim in &claims {
            let there = self.movable(key);
            let part = there.min(claim.amount);
            let of = For { origin: &claim.origin, part: claim.part, grant_id: claim.grant_id };
            if part.is_positive() && self.take(key, of, part).is_ok() {
                self.take_backs.strike(claim.origin.id, claim.part, part);
            }
        }
        self.clear_mark_if_nothing_is_claimed(key);
    }

    /// Lapsed grants are expired before anything is decided, as before every posting.
    fn expire_lapsed_grants(&mut self, key: &WalletKey) -> Result<(), Refusal> {
        let sweep = sweep(key.clone());
        self.apply(key, &sweep.change, &sweep.label, None)?;
        Ok(())
    }
}
