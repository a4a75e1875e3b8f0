//! An invoice's life: its states, and what may happen to it in each.

use crate::money::Money;
use crate::time::Timestamp;

/// The state of an invoice, without its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvoiceStatus {
    /// Issued, not yet approved.
    Pending,
    /// Approved; nothing is paid.
    Approved,
    /// Something is paid, and something is left.
    PartlyPaid,
    /// All is paid.
    Paid,
    /// Withdrawn; what it billed is unbilled again.
    Void,
}

impl InvoiceStatus {
    /// All of them, in the order of an invoice's life.
    pub const ALL: [InvoiceStatus; 5] = [
        InvoiceStatus::Pending,
        InvoiceStatus::Approved,
        InvoiceStatus::PartlyPaid,
        InvoiceStatus::Paid,
        InvoiceStatus::Void,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            InvoiceStatus::Pending => "pending",
            InvoiceStatus::Approved => "approved",
            InvoiceStatus::PartlyPaid => "partly_paid",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Void => "void",
        }
    }

    /// The status for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<InvoiceStatus> {
        InvoiceStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl std::fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a line of an invoice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineType {
    /// Conversions of an offer.
    Conversions,
    /// An amount of either sign with a comment, added by hand.
    Correction,
    /// A share of what the affiliates earned whom this one referred.
    Referral,
    /// A volume bonus.
    Bonus,
    /// What the party was owed, or owed, when the network moved over.
    OpeningBalance,
    /// Tax on other lines.
    Tax,
    /// What rounding has left on earlier invoices.
    Rounding,
}

impl LineType {
    /// All of them.
    pub const ALL: [LineType; 7] = [
        LineType::Conversions,
        LineType::Correction,
        LineType::Referral,
        LineType::Bonus,
        LineType::OpeningBalance,
        LineType::Tax,
        LineType::Rounding,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            LineType::Conversions => "conversions",
            LineType::Correction => "correction",
            LineType::Referral => "referral",
            LineType::Bonus => "bonus",
            LineType::OpeningBalance => "opening_balance",
            LineType::Tax => "tax",
            LineType::Rounding => "rounding",
        }
    }

    /// The type for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<LineType> {
        LineType::ALL.into_iter().find(|line_type| line_type.as_str() == text)
    }
}

/// What settles an amount of an invoice, or is a party's credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentSource {
    /// Money.
    Money,
    /// The party's credit.
    Credit,
    /// Nothing: the rest was given up.
    WriteOff,
    /// A payment that came back, with a negative amount.
    Return,
    /// A payment that was recorded by mistake, with a negative amount.
    Reversal,
    /// A credit note about a paid invoice.
    CreditNote,
    /// What the party brought along when the network moved over.
    OpeningBalance,
    /// Credit that was paid out in cash, with a negative amount.
    CreditPayout,
}

impl PaymentSource {
    /// All of them.
    pub const ALL: [PaymentSource; 8] = [
        PaymentSource::Money,
        PaymentSource::Credit,
        PaymentSource::WriteOff,
        PaymentSource::Return,
        PaymentSource::Reversal,
        PaymentSource::CreditNote,
        PaymentSource::OpeningBalance,
        PaymentSource::CreditPayout,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PaymentSource::Money => "money",
            PaymentSource::Credit => "credit",
            PaymentSource::WriteOff => "write_off",
            PaymentSource::Return => "return",
            PaymentSource::Reversal => "reversal",
            PaymentSource::CreditNote => "credit_note",
            PaymentSource::OpeningBalance => "opening_balance",
            PaymentSource::CreditPayout => "credit_payout",
        }
    }

    /// The source for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<PaymentSource> {
        PaymentSource::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// Why an invoice was voided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoidReason {
    /// It was not approved.
    Declined,
    /// It was deleted by a client that knows no voids.
    Deleted,
    /// Another invoice takes its place.
    Replaced,
    /// Something else, as its text says.
    Other,
}

impl VoidReason {
    /// All of them.
    pub const ALL: [VoidReason; 4] =
        [VoidReason::Declined, VoidReason::Deleted, VoidReason::Replaced, VoidReason::Other];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            VoidReason::Declined => "declined",
            VoidReason::Deleted => "deleted",
            VoidReason::Replaced => "replaced",
            VoidReason::Other => "other",
        }
    }

    /// The reason for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<VoidReason> {
        VoidReason::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl std::fmt::Display for VoidReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something cannot happen to an invoice. The messages say what, why, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// Not in this status.
    #[error("the invoice is {status} and cannot {refused}: {advice}")]
    Status {
        /// What was asked for, as in "be approved".
        refused: &'static str,
        /// The invoice's status.
        status: InvoiceStatus,
        /// Why not, or what to do instead.
        advice: &'static str,
    },
    /// A payment of zero or less.
    #[error(
        "a payment of {amount} {} cannot be recorded: pay more than zero, or return the payment to take it back",
        amount.currency()
    )]
    NotPositive {
        /// The amount of the payment.
        amount: Money,
    },
    /// A payment of more than is left.
    #[error(
        "a payment of {amount} {} is more than the balance of {balance} {}: pay at most the balance",
        amount.currency(),
        balance.currency()
    )]
    Overpaid {
        /// The amount of the payment.
        amount: Money,
        /// What is left to pay.
        balance: Money,
    },
    /// A payment where nothing is left to pay.
    #[error("the balance is {balance} {}: there is nothing to pay", balance.currency())]
    NothingToPay {
        /// What is left to pay: zero or less.
        balance: Money,
    },
    /// A payment in another currency than the invoice's.
    #[error(
        "a payment in {} cannot settle an invoice in {}: convert it first", amount.currency(), balance.currency()
    )]
    OtherCurrency {
        /// The amount of the payment.
        amount: Money,
        /// What is left to pay.
        balance: Money,
    },
    /// A correction that would make the invoice smaller than what is paid of it.
    #[error(
        "the correction would leave a balance of {balance} {}: after a payment the balance cannot fall below zero, \
         so correct less, or return a payment first",
        balance.currency()
    )]
    BalanceBelowZero {
        /// What would be left to pay.
        balance: Money,
    },
    /// A return of more than was paid.
    #[error("the return would leave {paid} {} paid: return at most what is paid", paid.currency())]
    ReturnedTooMuch {
        /// What would be left of the payments.
        paid: Money,
    },
}

/// What is said where nothing can be done but to start anew.
const NOTHING_LEAVES_VOID: &str = "nothing leaves void; what it billed goes on a new invoice";

/// The state of an invoice with its facts. `by` is whoever acted: a key or a user, as the history shows it.
///
/// Each change takes the state and gives the next one, or says why there is none. A state says nothing of amounts:
/// billed, paid and balance are sums over the invoice's lines and payments, and are handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvoiceState {
    /// Issued, not yet approved.
    Pending,
    /// Approved; nothing is paid.
    Approved {
        /// When it was approved.
        at: Timestamp,
        /// Who approved it.
        by: String,
    },
    /// Something is paid, and something is left.
    PartlyPaid {
        /// When it was approved.
        approved_at: Timestamp,
        /// Who approved it.
        approved_by: String,
    },
    /// All is paid.
    Paid {
        /// When it was approved.
        approved_at: Timestamp,
        /// Who approved it.
        approved_by: String,
        /// When the balance became zero.
        at: Timestamp,
        /// Who recorded the payment or correction that settled it.
        by: String,
    },
    /// Withdrawn.
    Void {
        /// When it was voided.
        at: Timestamp,
        /// Who voided it.
        by: String,
        /// Why.
        reason: VoidReason,
        /// Why, in the words of whoever voided it; may be empty.
        text: String,
    },
}

impl InvoiceState {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> InvoiceStatus {
        match self {
            InvoiceState::Pending => InvoiceStatus::Pending,
            InvoiceState::Approved { .. } => InvoiceStatus::Approved,
            InvoiceState::PartlyPaid { .. } => InvoiceStatus::PartlyPaid,
            InvoiceState::Paid { .. } => InvoiceStatus::Paid,
            InvoiceState::Void { .. } => InvoiceStatus::Void,
        }
    }

    fn refuse<T>(&self, refused: &'static str, advice: &'static str) -> Result<T, TransitionError> {
        let status = self.status();
        let advice = if status == InvoiceStatus::Void { NOTHING_LEAVES_VOID } else { advice };
        Err(TransitionError::Status { refused, status, advice })
    }

    /// Approves a pending invoice.
    ///
    /// # Errors
    /// It is not pending.
    pub fn approve(self, at: Timestamp, by: String) -> Result<InvoiceState, TransitionError> {
        match self {
            InvoiceState::Pending => Ok(InvoiceState::Approved { at, by }),
            _ => self.refuse("be approved", "that has been done"),
        }
    }

    /// Takes the approval back while nothing is paid.
    ///
    /// # Errors
    /// It is not approved, or something is paid.
    pub fn unapprove(self) -> Result<InvoiceState, TransitionError> {
        match self {
            InvoiceState::Approved { .. } => Ok(InvoiceState::Pending),
            InvoiceState::Pending => self.refuse("be taken back to pending", "it is not approved"),
            _ => self.refuse("be taken back to pending", "return its payments first"),
        }
    }

    /// Pays a part of the balance or all of it. `balance` is what is left before the payment. A pending invoice is
    /// approved by whoever pays it, at the same time.
    ///
    /// # Errors
    /// It is paid or void, there is nothing left to pay, or the amount is zero or less, more than the balance, or in
    /// another currency. Where more than the balance is to be kept as the party's credit, the caller pays the balance
    /// and keeps the rest.
    pub fn pay(
        self,
        at: Timestamp,
        by: String,
        balance: Money,
        amount: Money,
    ) -> Result<InvoiceState, TransitionError> {
        let (approved_at, approved_by) = match self {
            InvoiceState::Pending => (at, by.clone()),
            InvoiceState::Approved { at, by } => (at, by),
            InvoiceState::PartlyPaid { approved_at, approved_by } => (approved_at, approved_by),
            _ => return self.refuse("be paid", "nothing is left to pay"),
        };
        if amount.currency() != balance.currency() {
            Err(TransitionError::OtherCurrency { amount, balance })
        } else if !amount.is_positive() {
            Err(TransitionError::NotPositive { amount })
        } else if !balance.is_positive() {
            Err(TransitionError::NothingToPay { balance })
        } else if amount.units() > balance.units() {
            Err(TransitionError::Overpaid { amount, balance })
        } else if amount == balance {
            Ok(InvoiceState::Paid { approved_at, approved_by, at, by })
        } else {
            Ok(InvoiceState::PartlyPaid { approved_at, approved_by })
        }
    }

    /// Takes a payment back that did not arrive, such as a bounced transfer. `paid` is what the other payments add up
    /// to.
    ///
    /// # Errors
    /// Nothing is paid, it is void, or more is taken back than was paid.
    pub fn return_payment(self, paid: Money) -> Result<InvoiceState, TransitionError> {
        let (approved_at, approved_by) = match self {
            InvoiceState::PartlyPaid { approved_at, approved_by }
            | InvoiceState::Paid { approved_at, approved_by, .. } => (approved_at, approved_by),
            _ => return self.refuse("have a payment returned", "nothing is paid"),
        };
        if paid.is_negative() {
            Err(TransitionError::ReturnedTooMuch { paid })
        } else if paid.is_zero() {
            Ok(InvoiceState::Approved { at: approved_at, by: approved_by })
        } else {
            Ok(InvoiceState::PartlyPaid { approved_at, approved_by })
        }
    }

    /// Withdraws an invoice that is not paid. What is paid of a partly paid one becomes the party's credit.
    ///
    /// # Errors
    /// It is paid, or void already.
    pub fn void(
        self,
        at: Timestamp,
        by: String,
        reason: VoidReason,
        text: String,
    ) -> Result<InvoiceState, TransitionError> {
        match self {
            InvoiceState::Pending | InvoiceState::Approved { .. } | InvoiceState::PartlyPaid { .. } => {
                Ok(InvoiceState::Void { at, by, reason, text })
            }
            _ => self.refuse("be voided", "return its payments first"),
        }
    }

    /// Whether a correction may be added or removed that leaves this balance.
    ///
    /// # Errors
    /// It is paid or void, or something is paid and the balance would fall below zero.
    pub fn may_correct(&self, balance_after: Money) -> Result<(), TransitionError> {
        match self {
            InvoiceState::Pending | InvoiceState::Approved { .. } => Ok(()),
            InvoiceState::PartlyPaid { .. } if balance_after.is_negative() => {
                Err(TransitionError::BalanceBelowZero { balance: balance_after })
            }
            InvoiceState::PartlyPaid { .. } => Ok(()),
            _ => self.refuse("be corrected", "correct the next one, or return a payment first"),
        }
    }

    /// Adds or removes a correction that leaves this balance. Where something is paid and nothing is left to pay, the
    /// invoice is paid from then on; a balance of zero alone, without any payment, settles nothing.
    ///
    /// # Errors
    /// As [`may_correct`](Self::may_correct).
    pub fn correct(self, at: Timestamp, by: String, balance_after: Money) -> Result<InvoiceState, TransitionError> {
        self.may_correct(balance_after)?;
        Ok(match self {
            InvoiceState::PartlyPaid { approved_at, approved_by } if balance_after.is_zero() => {
                InvoiceState::Paid { approved_at, approved_by, at, by }
            }
            state => state,
        })
    }

    /// Whether conversions may be taken off, or brought up to date: until the first payment.
    ///
    /// # Errors
    /// Something is paid, or it is void.
    pub fn may_take_off(&self) -> Result<(), TransitionError> {
        match self {
            InvoiceState::Pending | InvoiceState::Approved { .. } => Ok(()),
            _ => self.refuse("have its conversions changed", "something is paid; add a correction instead"),
        }
    }
}
