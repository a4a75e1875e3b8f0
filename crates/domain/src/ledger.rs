//! The ledger: what an event books, by the rule of double entry: whatever one account gains, others give.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::currency::Currency;
use crate::ids::InvoiceKind;
use crate::invoice::LineType;
use crate::money::{Money, MoneyError};

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
    /// What referrers cost the network.
    ReferralExpense,
    /// What volume bonuses cost the network, or of advertisers' invoices take from its revenue.
    Bonus,
    /// Tax that affiliates are paid on top.
    InputTax,
    /// Tax that advertisers are charged on top.
    OutputTax,
    /// What was given up: negative totals that a run does not carry, and balances that will not be paid.
    WriteOffs,
    /// The other side of every conversion of currency.
    Exchange,
    /// What a payment in another currency is worth by the rates, more or less than what it settles.
    ExchangeDifference,
    /// The other side of what parties brought along when the network moved over.
    OpeningBalances,
    /// Money on its way through a rail, by the rail's name (not empty).
    Clearing(String),
}

impl Account {
    /// Every account that is not a clearing account.
    pub const NAMED: [Account; 12] = [
        Account::CommissionExpense,
        Account::AffiliatePayable,
        Account::AdvertiserReceivable,
        Account::Revenue,
        Account::ReferralExpense,
        Account::Bonus,
        Account::InputTax,
        Account::OutputTax,
        Account::WriteOffs,
        Account::Exchange,
        Account::ExchangeDifference,
        Account::OpeningBalances,
    ];

    /// The code that is stored and shown: `commission_expense`, `clearing:paypal`.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Account::CommissionExpense => "commission_expense",
            Account::AffiliatePayable => "affiliate_payable",
            Account::AdvertiserReceivable => "advertiser_receivable",
            Account::Revenue => "revenue",
            Account::ReferralExpense => "referral_expense",
            Account::Bonus => "bonus",
            Account::InputTax => "input_tax",
            Account::OutputTax => "output_tax",
            Account::WriteOffs => "write_offs",
            Account::Exchange => "exchange",
            Account::ExchangeDifference => "exchange_difference",
            Account::OpeningBalances => "opening_balances",
            Account::Clearing(rail) => return Cow::Owned(format!("{CLEARING}{rail}")),
        })
    }

    /// The account for its code; `None` for any other text.
    #[must_use]
    pub fn parse(code: &str) -> Option<Account> {
        let named = Account::NAMED.into_iter().find(|account| account.code() == code);
        named.or_else(|| {
            let rail = code.strip_prefix(CLEARING).filter(|rail| !rail.is_empty())?;
            Some(Account::Clearing(rail.to_owned()))
        })
    }

    /// The account of a party of this kind.
    #[must_use]
    pub const fn of_party(kind: InvoiceKind) -> Account {
        match kind {
            InvoiceKind::Payable => Account::AffiliatePayable,
            InvoiceKind::Receivable => Account::AdvertiserReceivable,
        }
    }

    /// The account that stands against the party's for a line of an invoice. An opening balance is on the party's account
    /// already: it only moves where it is converted.
    const fn against(kind: InvoiceKind, line_type: LineType) -> Account {
        match (line_type, kind) {
            (LineType::OpeningBalance, _) => Account::of_party(kind),
            (LineType::Conversions | LineType::Correction | LineType::Rounding, InvoiceKind::Payable) => {
                Account::CommissionExpense
            }
            (LineType::Conversions | LineType::Correction | LineType::Rounding, InvoiceKind::Receivable) => {
                Account::Revenue
            }
            (LineType::Referral, _) => Account::ReferralExpense,
            (LineType::Bonus, _) => Account::Bonus,
            (LineType::Tax, InvoiceKind::Payable) => Account::InputTax,
            (LineType::Tax, InvoiceKind::Receivable) => Account::OutputTax,
        }
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
    /// Positive is debit, negative is credit, never zero within an entry.
    pub amount: Money,
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

/// What one event books. Debits equal credits in each currency, since nothing else can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    postings: Vec<Posting>,
}

impl Entry {
    /// An entry of these postings.
    ///
    /// # Errors
    /// Debits and credits of a currency differ, there are fewer than two postings, or one is zero.
    pub fn balanced(postings: Vec<Posting>) -> Result<Entry, Unbalanced> {
        if postings.len() < 2 {
            return Err(Unbalanced::TooFew { count: postings.len() });
        }
        if let Some(zero) = postings.iter().find(|posting| posting.amount.is_zero()) {
            return Err(Unbalanced::Zero { account: zero.account.clone() });
        }
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for Posting { amount, .. } in &postings {
            *sums.entry(amount.currency()).or_default() += i128::from(amount.units());
        }
        match sums.into_iter().find(|(_, units)| *units != 0) {
            None => Ok(Entry { postings }),
            Some((currency, units)) => Err(Unbalanced::Sum { units, currency }),
        }
    }

    /// The postings, at least two.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

/// What events do to the accounts, summed: debits positive. It balances in each currency whatever is added.
///
/// The signs are those of a payable: what an affiliate is billed is a credit to its account. For a receivable all of
/// them are turned round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booking {
    moves: BTreeMap<(Account, Currency), i128>,
}

impl Booking {
    fn add(&mut self, account: Account, currency: Currency, units: i128) {
        *self.moves.entry((account, currency)).or_default() += units;
    }

    /// Moves an amount from one account to another. In another currency it goes through the exchange account.
    fn transfer(&mut self, debit: (Account, Money), credit: (Account, Money), sign: i128) {
        let (debited, credited) = (i128::from(debit.1.units()) * sign, i128::from(credit.1.units()) * sign);
        let (of_debit, of_credit) = (debit.1.currency(), credit.1.currency());
        self.add(debit.0, of_debit, debited);
        self.add(credit.0, of_credit, -credited);
        if of_debit != of_credit {
            self.add(Account::Exchange, of_debit, -debited);
            self.add(Account::Exchange, of_credit, credited);
        }
    }

    /// Bills a line: `amount` in the invoice's currency, which stands for `exact` where it was converted.
    pub fn bill(&mut self, kind: InvoiceKind, line_type: LineType, amount: Money, exact: Money) {
        let against = Account::against(kind, line_type);
        self.transfer((against, exact), (Account::of_party(kind), amount), sign(kind));
    }

    /// Settles an amount of what a party was billed by a payment through a rail. `paid` may be in another currency; then
    /// `worth` is its value by the rates in the currency of `settled`, and what it differs is a difference of exchange.
    pub fn pay(&mut self, kind: InvoiceKind, rail: &str, settled: Money, paid: Money, worth: Money) {
        let sign = sign(kind);
        let clearing = Account::Clearing(rail.to_owned());
        self.transfer((Account::of_party(kind), worth), (clearing, paid), sign);
        let more = i128::from(settled.units()) - i128::from(worth.units());
        self.add(Account::of_party(kind), settled.currency(), more * sign);
        self.add(Account::ExchangeDifference, settled.currency(), -more * sign);
    }

    /// Gives up an amount of what a party was billed.
    pub fn write_off(&mut self, kind: InvoiceKind, amount: Money) {
        self.transfer((Account::of_party(kind), amount), (Account::WriteOffs, amount), sign(kind));
    }

    /// Gives up a sum of conversions that was never billed.
    pub fn write_off_unbilled(&mut self, kind: InvoiceKind, exact: Money) {
        self.bill(kind, LineType::Conversions, exact, exact);
        self.write_off(kind, exact);
    }

    /// Takes over what a party was owed, or owed, before.
    pub fn open(&mut self, kind: InvoiceKind, amount: Money) {
        self.transfer((Account::OpeningBalances, amount), (Account::of_party(kind), amount), sign(kind));
    }

    /// The same with debit and credit swapped.
    #[must_use]
    pub fn reversed(mut self) -> Booking {
        self.moves.values_mut().for_each(|units| *units = -*units);
        self
    }

    /// What this books beyond what another one has.
    #[must_use]
    pub fn less(mut self, other: Booking) -> Booking {
        for ((account, currency), units) in other.moves {
            self.add(account, currency, -units);
        }
        self
    }

    /// The entry; `None` where nothing moves.
    ///
    /// # Errors
    /// A sum does not fit.
    pub fn entry(&self) -> Result<Option<Entry>, MoneyError> {
        let moves = self.moves.iter().filter(|(_, units)| **units != 0);
        let postings = moves.map(|((account, currency), units)| {
            let units = i64::try_from(*units).map_err(|_| MoneyError::Overflow)?;
            Ok(Posting { account: account.clone(), amount: Money::new(units, *currency) })
        });
        // What is added balances, so there is nothing else that could be wrong.
        Ok(Entry::balanced(postings.collect::<Result<_, MoneyError>>()?).ok())
    }
}

/// 1 for a payable, -1 for a receivable.
const fn sign(kind: InvoiceKind) -> i128 {
    match kind {
        InvoiceKind::Payable => 1,
        InvoiceKind::Receivable => -1,
    }
}
