//! The kinds of entry, and everything that follows from a kind, in one table.
//!
//! A new kind takes a line in [`EntryKind`], in [`EntryKind::ALL`] and in the table (`facts`), and its place in the
//! sets below. A migration adds it to `entry_kinds` and to the CHECKs. The tests compare all of these with each other.

use super::flow_type::FlowType;

/// What an entry records. The numbers are stored in `entries.kind` and in the table `entry_kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A verified payment became paid money.
    Recharge,
    /// Consumption that was reported.
    Usage,
    /// Consumption that ended a hold.
    Capture,
    /// Consumption that was given back.
    Reversal,
    /// Money of an order that goes back to the payer.
    Refund,
    /// The money of a refund that failed.
    RefundReturned,
    /// Money from another wallet of the customer.
    TransferIn,
    /// Money for another wallet of the customer.
    TransferOut,
    /// Promotional credit.
    Grant,
    /// What was left of a grant when its time was over.
    Expire,
    /// A correction by an operator; the only kind that goes either way.
    Adjust,
    /// Credit that an order brought.
    Bonus,
    /// The bonus of an order whose money went back.
    BonusRevoked,
    /// The bonus of an order whose money returned.
    BonusRestored,
    /// Money that a payer disputes at the payment company.
    Dispute,
    /// The money of a dispute that was won.
    DisputeReturned,
    /// Money that was taken in place of a spent bonus, whose order's money went back.
    BonusTaken,
    /// That money, when the bonus or the order's money returned.
    BonusTakenReturned,
    /// The rest of an account that is being closed, paid out by bank transfer.
    Payout,
    /// The money of a payout that did not arrive.
    PayoutReturned,
    /// What a closed account owed, and we wrote off.
    WriteOff,
    /// Money that came later for what was written off.
    WriteOffRecovered,
}

/// The sign of an entry's amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Above zero.
    In,
    /// Below zero.
    Out,
    /// Either, but never zero.
    Either,
}

/// What follows from a kind.
struct KindFacts {
    code: i16,
    name: &'static str,
    flow: FlowType,
    sign: Sign,
}

const fn facts(code: i16, name: &'static str, flow: FlowType, sign: Sign) -> KindFacts {
    KindFacts { code, name, flow, sign }
}

impl EntryKind {
    pub const ALL: [Self; 22] = [
        Self::Recharge,
        Self::Usage,
        Self::Capture,
        Self::Reversal,
        Self::Refund,
        Self::RefundReturned,
        Self::TransferIn,
        Self::TransferOut,
        Self::Grant,
        Self::Expire,
        Self::Adjust,
        Self::Bonus,
        Self::BonusRevoked,
        Self::BonusRestored,
        Self::Dispute,
        Self::DisputeReturned,
        Self::BonusTaken,
        Self::BonusTakenReturned,
        Self::Payout,
        Self::PayoutReturned,
        Self::WriteOff,
        Self::WriteOffRecovered,
    ];

    /// The table: the number in the column, the name in `entry_kinds`, the type that a customer sees, the sign.
    const fn facts(self) -> KindFacts {
        match self {
            Self::Recharge => facts(1, "recharge", FlowType::Recharge, Sign::In),
            Self::Usage => facts(2, "usage", FlowType::Consume, Sign::Out),
            Self::Capture => facts(3, "capture", FlowType::Consume, Sign::Out),
            Self::Reversal => facts(4, "reversal", FlowType::Refund, Sign::In),
            Self::Refund => facts(5, "refund", FlowType::Refund, Sign::Out),
            Self::RefundReturned => facts(6, "refund_returned", FlowType::Refund, Sign::In),
            Self::TransferIn => facts(7, "transfer_in", FlowType::TransferIn, Sign::In),
            Self::TransferOut => facts(8, "transfer_out", FlowType::TransferOut, Sign::Out),
            Self::Grant => facts(9, "grant", FlowType::Grant, Sign::In),
            Self::Expire => facts(10, "expire", FlowType::Expire, Sign::Out),
            Self::Adjust => facts(11, "adjust", FlowType::Adjust, Sign::Either),
            Self::Bonus => facts(12, "bonus", FlowType::Grant, Sign::In),
            Self::BonusRevoked => facts(13, "bonus_revoked", FlowType::Expire, Sign::Out),
            Self::BonusRestored => facts(14, "bonus_restored", FlowType::Grant, Sign::In),
            Self::Dispute => facts(15, "dispute", FlowType::Refund, Sign::Out),
            Self::DisputeReturned => facts(16, "dispute_returned", FlowType::Refund, Sign::In),
            Self::BonusTaken => facts(17, "bonus_taken", FlowType::Refund, Sign::Out),
            Self::BonusTakenReturned => facts(18, "bonus_taken_returned", FlowType::Refund, Sign::In),
            Self::Payout => facts(19, "payout", FlowType::Refund, Sign::Out),
            Self::PayoutReturned => facts(20, "payout_returned", FlowType::Refund, Sign::In),
            Self::WriteOff => facts(21, "write_off", FlowType::Adjust, Sign::In),
            Self::WriteOffRecovered => facts(22, "write_off_recovered", FlowType::Adjust, Sign::Out),
        }
    }

    /// The number in the column.
    #[must_use]
    pub fn code(self) -> i16 {
        self.facts().code
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The name in the table `entry_kinds`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The type that a customer sees.
    #[must_use]
    pub fn flow_type(self) -> FlowType {
        self.facts().flow
    }

    #[must_use]
    pub fn sign(self) -> Sign {
        self.facts().sign
    }

    /// The kinds that a customer's consumption makes.
    pub const CONSUMPTION: [Self; 2] = [Self::Usage, Self::Capture];
    /// The kinds that a spend guard counts: consumption, and its reversals.
    pub const SPENDING: [Self; 3] = [Self::Usage, Self::Capture, Self::Reversal];
    /// The kinds that a spend guard does not count.
    pub const OTHER_THAN_SPENDING: [Self; 19] = [
        Self::Recharge,
        Self::Refund,
        Self::RefundReturned,
        Self::TransferIn,
        Self::TransferOut,
        Self::Grant,
        Self::Expire,
        Self::Adjust,
        Self::Bonus,
        Self::BonusRevoked,
        Self::BonusRestored,
        Self::Dispute,
        Self::DisputeReturned,
        Self::BonusTaken,
        Self::BonusTakenReturned,
        Self::Payout,
        Self::PayoutReturned,
        Self::WriteOff,
        Self::WriteOffRecovered,
    ];
    /// The kinds that can bring paid money into a wallet.
    pub const BRINGS_PAID_MONEY: [Self; 9] = [
        Self::Recharge,
        Self::Reversal,
        Self::RefundReturned,
        Self::TransferIn,
        Self::Adjust,
        Self::DisputeReturned,
        Self::BonusTakenReturned,
        Self::PayoutReturned,
        Self::WriteOff,
    ];
    /// The kinds whose amount is always positive. An adjustment can have either sign.
    pub const BRINGS_MONEY: [Self; 11] = [
        Self::Recharge,
        Self::Reversal,
        Self::RefundReturned,
        Self::TransferIn,
        Self::Grant,
        Self::Bonus,
        Self::BonusRestored,
        Self::DisputeReturned,
        Self::BonusTakenReturned,
        Self::PayoutReturned,
        Self::WriteOff,
    ];
    /// The kinds whose amount is always negative.
    pub const TAKES_MONEY: [Self; 10] = [
        Self::Usage,
        Self::Capture,
        Self::Refund,
        Self::TransferOut,
        Self::Expire,
        Self::BonusRevoked,
        Self::Dispute,
        Self::BonusTaken,
        Self::Payout,
        Self::WriteOffRecovered,
    ];
    /// The two sides of a transfer.
    pub const TRANSFERS: [Self; 2] = [Self::TransferIn, Self::TransferOut];
    /// The kinds in which a refund moves paid money.
    pub const REFUNDS: [Self; 2] = [Self::Refund, Self::RefundReturned];
    /// The kinds in which a dispute moves paid money.
    pub const DISPUTES: [Self; 2] = [Self::Dispute, Self::DisputeReturned];
    /// The kinds in which a refund or dispute moves an order's bonus.
    pub const BONUS_TAKE_BACKS: [Self; 2] = [Self::BonusRevoked, Self::BonusRestored];
    /// The kinds in which money is taken in place of a spent bonus, and returns.
    pub const BONUS_MONEY: [Self; 2] = [Self::BonusTaken, Self::BonusTakenReturned];
    /// The kinds that take an order's money or bonus back. A reversed approval makes an adjustment as well.
    pub const TAKES_BACK: [Self; 4] = [Self::Refund, Self::BonusRevoked, Self::Dispute, Self::BonusTaken];
    /// The kinds that a refund, a dispute or a reversed approval makes, except adjustments.
    pub const TAKE_BACKS: [Self; 8] = [
        Self::Refund,
        Self::RefundReturned,
        Self::BonusRevoked,
        Self::BonusRestored,
        Self::Dispute,
        Self::DisputeReturned,
        Self::BonusTaken,
        Self::BonusTakenReturned,
    ];
    /// The kinds in which the rest of an account that is being closed is paid out.
    pub const PAYOUTS: [Self; 2] = [Self::Payout, Self::PayoutReturned];
    /// The kinds in which a closed account's debt is written off, and recovered.
    pub const WRITE_OFFS: [Self; 2] = [Self::WriteOff, Self::WriteOffRecovered];
    /// The kinds that open a grant.
    pub const OPENS_A_GRANT: [Self; 2] = [Self::Grant, Self::Bonus];
    /// The kinds that move granted credit only.
    pub const PROMOTIONS: [Self; 5] = [Self::Grant, Self::Expire, Self::Bonus, Self::BonusRevoked, Self::BonusRestored];

    /// The sets of kinds by the names that SQL gives them: `kind IN (/* CONSUMPTION */ 2, 3)`. A test compares every
    /// such list with these.
    pub const SETS: [(&str, &[Self]); 17] = [
        ("CONSUMPTION", &Self::CONSUMPTION),
        ("SPENDING", &Self::SPENDING),
        ("OTHER_THAN_SPENDING", &Self::OTHER_THAN_SPENDING),
        ("BRINGS_PAID_MONEY", &Self::BRINGS_PAID_MONEY),
        ("BRINGS_MONEY", &Self::BRINGS_MONEY),
        ("TAKES_MONEY", &Self::TAKES_MONEY),
        ("TRANSFERS", &Self::TRANSFERS),
        ("REFUNDS", &Self::REFUNDS),
        ("DISPUTES", &Self::DISPUTES),
        ("BONUS_TAKE_BACKS", &Self::BONUS_TAKE_BACKS),
        ("BONUS_MONEY", &Self::BONUS_MONEY),
        ("TAKES_BACK", &Self::TAKES_BACK),
        ("TAKE_BACKS", &Self::TAKE_BACKS),
        ("PAYOUTS", &Self::PAYOUTS),
        ("WRITE_OFFS", &Self::WRITE_OFFS),
        ("OPENS_A_GRANT", &Self::OPENS_A_GRANT),
        ("PROMOTIONS", &Self::PROMOTIONS),
    ];
}

impl From<EntryKind> for FlowType {
    fn from(kind: EntryKind) -> Self {
        kind.flow_type()
    }
}

impl FlowType {
    /// The kinds of entry that have this type.
    pub fn kinds(self) -> impl Iterator<Item = EntryKind> {
        EntryKind::ALL.into_iter().filter(move |kind| Self::from(*kind) == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_sign(sign: Sign) -> Vec<EntryKind> {
        EntryKind::ALL.into_iter().filter(|kind| kind.sign() == sign).collect()
    }

    #[test]
    fn every_kind_has_a_number_and_a_name_of_its_own() {
        for (at, kind) in (1..).zip(EntryKind::ALL) {
            assert_eq!(kind.code(), at, "numbers are given in order and never again");
            assert_eq!(EntryKind::from_code(at), Some(kind));
            assert_eq!(EntryKind::ALL.into_iter().filter(|other| other.name() == kind.name()).count(), 1);
        }
        assert_eq!((EntryKind::from_code(0), EntryKind::from_code(23)), (None, None));
    }

    #[test]
    fn the_sets_follow_from_the_table() {
        assert_eq!(EntryKind::BRINGS_MONEY.to_vec(), with_sign(Sign::In));
        assert_eq!(EntryKind::TAKES_MONEY.to_vec(), with_sign(Sign::Out));
        let consumption = EntryKind::ALL.into_iter().filter(|kind| kind.flow_type() == FlowType::Consume);
        assert_eq!(EntryKind::CONSUMPTION.to_vec(), consumption.collect::<Vec<_>>());
        let others = EntryKind::ALL.into_iter().filter(|kind| !EntryKind::SPENDING.contains(kind));
        assert_eq!(EntryKind::OTHER_THAN_SPENDING.to_vec(), others.collect::<Vec<_>>());
        let (takes, promotions) = (EntryKind::TAKE_BACKS, EntryKind::PROMOTIONS);
        assert!(
            [EntryKind::REFUNDS, EntryKind::DISPUTES, EntryKind::BONUS_TAKE_BACKS, EntryKind::BONUS_MONEY]
                .concat()
                .iter()
                .all(|kind| takes.contains(kind))
        );
        // Promotional credit is no paid money.
        let paid = EntryKind::BRINGS_PAID_MONEY;
        assert!(promotions.iter().all(|kind| !paid.contains(kind)));
        assert!(EntryKind::ALL.into_iter().all(|kind| {
            let brings = kind.sign() != Sign::Out && !promotions.contains(&kind);
            paid.contains(&kind) == brings
        }));
    }
}
