//! The ledger: what an event books, by the rule of double entry: whatever one account gains, others give.

use std::borrow::Cow;

use crate::currency::Currency;
use crate::money::Money;

/// How the code of a clearing account starts, before the rail.
const CLEARING: &str = "clearing:";

/// An account of the ledger. Those of a party are told apart by the party that the entry belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What conversions cost the network.
    CommissionExpense,
    /// What the network owes an affiliate.
    AffiliatePayable,
    /// What an advertiser owes the network.
    AdvertiserReceivable,
    /// What conversions bring the network.
    Revenue,
    /// Money on its way through a rail, by the rail's name (not empty).
    Clearing(String),
}

impl Account {
    /// The code that is stored and shown: `commission_expense`, `clearing:paypal`.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Account::CommissionExpense => "commission_expense",
            Account::AffiliatePayable => "affiliate_payable",
            Account::AdvertiserReceivable => "advertiser_receivable",
            Account::Revenue => "revenue",
            Account::Clearing(rail) => return Cow::Owned(format!("{CLEARING}{rail}")),
        })
    }

    /// The account for its code; `None` for any other text.
    #[must_use]
    pub fn parse(code: &str) -> Option<Account> {
        Some(match code {
            "commission_expense" => Account::CommissionExpense,
            "affiliate_payable" => Account::AffiliatePayable,
            "advertiser_receivable" => Account::AdvertiserReceivable,
            "revenue" => Account::Revenue,
            _ => {
                let rail = code.strip_prefix(CLEARING).filter(|rail| !rail.is_empty())?;
                Account::Clearing(rail.to_owned())
            }
        })
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.code())
    }
}

/// One side of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Billing units of the entry's currency: positive is debit, negative is credit, never zero within an entry.
    pub units: i64,
}

/// Why some postings are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// Debits and credits differ.
    #[error("the postings are {units} billing units of {currency} away from balance")]
    Sum {
        /// Debits less credits, in billing units.
        units: i128,
        /// The currency.
        currency: Currency,
    },
    /// Fewer than two postings.
    #[error("an entry has at least two postings, not {count}")]
    TooFew {
        /// How many there are.
        count: usize,
    },
    /// A posting that books nothing.
    #[error("a posting to {account} is zero")]
    Zero {
        /// Its account.
        account: Account,
    },
}

/// What one event books, in one currency. Debits equal credits, since nothing else can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    currency: Currency,
    postings: Vec<Posting>,
}

impl Entry {
    /// An entry of these postings.
    ///
    /// # Errors
    /// Debits and credits differ, there are fewer than two postings, or one is zero.
    pub fn balanced(currency: Currency, postings: Vec<Posting>) -> Result<Entry, Unbalanced> {
        if postings.len() < 2 {
            return Err(Unbalanced::TooFew { count: postings.len() });
        }
        if let Some(zero) = postings.iter().find(|posting| posting.units == 0) {
            return Err(Unbalanced::Zero { account: zero.account.clone() });
        }
        match postings.iter().map(|posting| i128::from(posting.units)).sum::<i128>() {
            0 => Ok(Entry { currency, postings }),
            units => Err(Unbalanced::Sum { units, currency }),
        }
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The postings, at least two.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

/// Books an amount from one account to another; a negative one the other way round. Nothing is no entry.
fn transfer(debit: Account, credit: Account, amount: Money) -> Option<Entry> {
    let units = amount.units();
    let mut postings = vec![Posting { account: debit, units }];
    match units.checked_neg() {
        Some(opposite) => postings.push(Posting { account: credit, units: opposite }),
        // The lowest number has no counterpart, so that side takes two postings.
        None => {
            postings.push(Posting { account: credit.clone(), units: i64::MAX });
            postings.push(Posting { account: credit, units: 1 });
        }
    }
    Entry::balanced(amount.currency(), postings).ok()
}

/// Issuing a payable invoice: debits the commission expense, credits the affiliate's payable. A negative total swaps
/// the sides; an invoice of zero books nothing.
#[must_use]
pub fn issue_payable(billed: Money) -> Option<Entry> {
    transfer(Account::CommissionExpense, Account::AffiliatePayable, billed)
}

/// Changing what a payable invoice bills, by a correction or by taking conversions off: books the difference (the new
/// total less the old one) as issuing it would. No difference books nothing.
#[must_use]
pub fn adjust_payable(difference: Money) -> Option<Entry> {
    issue_payable(difference)
}

/// Voiding a payable invoice: reverses all that it bills at that moment. What was paid of it stays booked and makes
/// the payable negative, which is the affiliate's credit.
#[must_use]
pub fn void_payable(billed: Money) -> Option<Entry> {
    transfer(Account::AffiliatePayable, Account::CommissionExpense, billed)
}

/// Paying a payable invoice: debits the affiliate's payable, credits the clearing account of the rail (not empty). A
/// negative amount, for a payment that came back, swaps the sides.
#[must_use]
pub fn pay_payable(amount: Money, rail: &str) -> Option<Entry> {
    transfer(Account::AffiliatePayable, Account::Clearing(rail.to_owned()), amount)
}
