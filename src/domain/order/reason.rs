//! Why an order is stuck, or why it ended: a code for programs, and a sentence in each language of customers.

use super::{Awaited, FailedBy, Order, OrderState};
use crate::domain::language::Language;

/// Why an order is stuck, or why it ended. It follows from the order's state, and never from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderReason {
    /// The payment company works on the payment.
    AwaitingProvider,
    /// The payment company reviews the payment, or its statements contradict each other.
    HeldForReview,
    /// The payment was declined; the payer can try again.
    PaymentDeclined,
    /// A second operator must approve the bank transfer.
    AwaitingSecondOperator,
    /// Money arrived that does not complete the order.
    ShortPayment,
    /// The payment company refused the payment for good.
    PaymentFailed,
    /// The customer gave the order up after a declined payment.
    GivenUp,
    /// An operator rejected the bank transfer, or money that was held for review.
    Rejected,
    /// The time ran out after a declined payment.
    OutOfTime,
    /// The money that did not complete the order went back.
    PaymentReturned,
    /// The time ran out before any payment.
    NotPaidInTime,
    /// The order was cancelled because the account is being closed.
    AccountClosing,
    /// An operator reversed the approval of the bank transfer.
    ApprovalReversed,
}

impl OrderReason {
    pub const ALL: [Self; 13] = [
        Self::AwaitingProvider,
        Self::HeldForReview,
        Self::PaymentDeclined,
        Self::AwaitingSecondOperator,
        Self::ShortPayment,
        Self::PaymentFailed,
        Self::GivenUp,
        Self::Rejected,
        Self::OutOfTime,
        Self::PaymentReturned,
        Self::NotPaidInTime,
        Self::AccountClosing,
        Self::ApprovalReversed,
    ];

    /// The reason of an order; `None` for one that needs none.
    #[must_use]
    pub fn of(order: &Order) -> Option<Self> {
        let has_reason = order.reason.is_some();
        match order.state {
            OrderState::Processing(Awaited::Provider) if order.held_for_review => Some(Self::HeldForReview),
            // A customer cancels without a reason, and a payment completes an order without one.
            OrderState::Cancelled => has_reason.then_some(Self::AccountClosing),
            OrderState::Completed(_) => has_reason.then_some(Self::ApprovalReversed),
            state => Self::of_state(state),
        }
    }

    fn of_state(state: OrderState) -> Option<Self> {
        match state {
            OrderState::Processing(Awaited::Provider) => Some(Self::AwaitingProvider),
            OrderState::Processing(Awaited::Payer) => Some(Self::PaymentDeclined),
            OrderState::Processing(Awaited::SecondOperator) => Some(Self::AwaitingSecondOperator),
            OrderState::Processing(Awaited::Rest) => Some(Self::ShortPayment),
            OrderState::Failed(FailedBy::Provider) => Some(Self::PaymentFailed),
            OrderState::Failed(FailedBy::Customer) => Some(Self::GivenUp),
            OrderState::Failed(FailedBy::Operator) => Some(Self::Rejected),
            OrderState::Failed(FailedBy::Clock) => Some(Self::OutOfTime),
            OrderState::Failed(FailedBy::Return) => Some(Self::PaymentReturned),
            OrderState::Expired => Some(Self::NotPaidInTime),
            OrderState::Pending | OrderState::Completed(_) | OrderState::Cancelled => None,
        }
    }

    /// The code, which never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingProvider => "awaiting_provider",
            Self::HeldForReview => "held_for_review",
            Self::PaymentDeclined => "payment_declined",
            Self::AwaitingSecondOperator => "awaiting_second_operator",
            Self::ShortPayment => "short_payment",
            Self::PaymentFailed => "payment_failed",
            Self::GivenUp => "given_up",
            Self::Rejected => "rejected",
            Self::OutOfTime => "out_of_time",
            Self::PaymentReturned => "payment_returned",
            Self::NotPaidInTime => "not_paid_in_time",
            Self::AccountClosing => "account_closing",
            Self::ApprovalReversed => "approval_reversed",
        }
    }

    /// The reason as a sentence for customers who do not read English. `None` for English: there the order's own text
    /// says more. What an operator wrote is shown as it was written.
    #[must_use]
    pub const fn sentence(self, language: Language) -> Option<&'static str> {
        match language {
            Language::English => None,
            Language::Chinese => self.chinese(),
            Language::Vietnamese => self.vietnamese(),
        }
    }

    const fn chinese(self) -> Option<&'static str> {
        Some(match self {
            Self::AwaitingProvider => "支付公司正在处理这笔付款。",
            Self::HeldForReview => "支付公司正在审核这笔付款。",
            Self::PaymentDeclined => "付款被拒绝，您可以重新付款。",
            Self::AwaitingSecondOperator => "我们正在确认您的转账。",
            Self::ShortPayment => "已收到款项，但金额与订单不符，订单尚未完成。",
            Self::PaymentFailed => "付款失败。",
            Self::GivenUp => "付款被拒绝后，订单已被取消。",
            Self::OutOfTime => "付款被拒绝后，付款时间已过。",
            Self::PaymentReturned => "未能完成订单的款项已退回。",
            Self::NotPaidInTime => "未在规定时间内付款。",
            Self::AccountClosing => "账户正在关闭，订单已被取消。",
            Self::ApprovalReversed => "对这笔转账的确认已被撤销。",
            Self::Rejected => return None,
        })
    }

    const fn vietnamese(self) -> Option<&'static str> {
        Some(match self {
            Self::AwaitingProvider => "Công ty thanh toán đang xử lý khoản thanh toán này.",
            Self::HeldForReview => "Công ty thanh toán đang xem xét khoản thanh toán này.",
            Self::PaymentDeclined => "Khoản thanh toán bị từ chối; bạn có thể thanh toán lại.",
            Self::AwaitingSecondOperator => "Chúng tôi đang xác nhận khoản chuyển tiền của bạn.",
            Self::ShortPayment => "Đã nhận được tiền, nhưng số tiền không khớp với đơn nên đơn chưa hoàn tất.",
            Self::PaymentFailed => "Thanh toán không thành công.",
            Self::GivenUp => "Đơn đã bị hủy sau khi khoản thanh toán bị từ chối.",
            Self::OutOfTime => "Đã hết thời hạn thanh toán sau khi khoản thanh toán bị từ chối.",
            Self::PaymentReturned => "Khoản tiền không hoàn tất được đơn đã được hoàn trả.",
            Self::NotPaidInTime => "Đơn không được thanh toán trong thời hạn.",
            Self::AccountClosing => "Đơn đã bị hủy vì tài khoản đang được đóng.",
            Self::ApprovalReversed => "Việc xác nhận khoản chuyển tiền này đã bị thu hồi.",
            Self::Rejected => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_but_an_operators_own_words_is_told_in_every_language() {
        let awaited = Awaited::ALL.map(OrderState::Processing);
        let failed = FailedBy::ALL.map(OrderState::Failed);
        for state in awaited.into_iter().chain(failed).chain([OrderState::Expired]) {
            assert!(OrderReason::of_state(state).is_some_and(|reason| OrderReason::ALL.contains(&reason)), "{state:?}");
        }
        for reason in OrderReason::ALL {
            assert_eq!(reason.sentence(Language::English), None);
            for (language, end) in [(Language::Chinese, '。'), (Language::Vietnamese, '.')] {
                let said = reason.sentence(language);
                assert_eq!(said.is_none(), reason == OrderReason::Rejected, "{reason:?}");
                assert!(said.is_none_or(|said| said.ends_with(end)), "{reason:?}");
            }
        }
    }
}
