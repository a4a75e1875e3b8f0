//! An invoice's life and what it books.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use quittance_domain::currency::Currency;
use quittance_domain::invoice::{InvoiceState, InvoiceStatus, TransitionError, VoidReason};
use quittance_domain::ledger::{
    Account, Entry, Posting, Unbalanced, adjust_payable, issue_payable, pay_payable, void_payable,
};
use quittance_domain::money::Money;
use quittance_domain::time::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(5);
const EARLIER: Timestamp = Timestamp::from_micros(2);

fn usd(text: &str) -> Money {
    Money::parse(text, Currency::parse("USD").unwrap()).unwrap()
}

fn state(status: InvoiceStatus) -> InvoiceState {
    let (approved_at, approved_by) = (EARLIER, "ann".to_owned());
    match status {
        InvoiceStatus::Pending => InvoiceState::Pending,
        InvoiceStatus::Approved => InvoiceState::Approved { at: approved_at, by: approved_by },
        InvoiceStatus::PartlyPaid => InvoiceState::PartlyPaid { approved_at, approved_by },
        InvoiceStatus::Paid => InvoiceState::Paid { approved_at, approved_by, at: EARLIER, by: "bob".to_owned() },
        InvoiceStatus::Void => {
            InvoiceState::Void { at: EARLIER, by: "bob".to_owned(), reason: VoidReason::Declined, text: String::new() }
        }
    }
}

fn by() -> String {
    "eve".to_owned()
}

/// What becomes of each status by each action; `-` where it is refused.
#[test]
fn every_action_in_every_status() {
    type Action = fn(InvoiceState) -> Result<InvoiceState, TransitionError>;
    let actions: [(&str, Action, [&str; 5]); 9] = [
        ("approve", |s| s.approve(NOW, by()), ["approved", "-", "-", "-", "-"]),
        ("unapprove", |s| s.unapprove(), ["-", "pending", "-", "-", "-"]),
        (
            "pay part",
            |s| s.pay(NOW, by(), usd("10"), usd("4")),
            ["partly_paid", "partly_paid", "partly_paid", "-", "-"],
        ),
        ("pay all", |s| s.pay(NOW, by(), usd("10"), usd("10")), ["paid", "paid", "paid", "-", "-"]),
        ("return part", |s| s.return_payment(usd("3")), ["-", "-", "partly_paid", "partly_paid", "-"]),
        ("return all", |s| s.return_payment(usd("0")), ["-", "-", "approved", "approved", "-"]),
        ("void", |s| s.void(NOW, by(), VoidReason::Other, "twice".to_owned()), ["void", "void", "void", "-", "-"]),
        ("correct to zero", |s| s.correct(NOW, by(), usd("0")), ["pending", "approved", "paid", "-", "-"]),
        ("take off", |s| s.may_take_off().map(|()| s), ["pending", "approved", "-", "-", "-"]),
    ];
    for (name, action, expected) in actions {
        for (status, expected) in InvoiceStatus::ALL.into_iter().zip(expected) {
            let result = action(state(status));
            assert_eq!(result.as_ref().map_or("-", |next| next.status().as_str()), expected, "{name} {status}");
            if let Err(refusal) = result {
                let shown = refusal.to_string();
                assert!(shown.starts_with(&format!("the invoice is {status} and cannot ")), "{shown}");
                assert_eq!(shown.contains("nothing leaves void"), status == InvoiceStatus::Void, "{shown}");
            }
        }
    }
}

#[test]
fn paying_a_pending_invoice_approves_it_by_the_same_hand() {
    let partly = state(InvoiceStatus::Pending).pay(NOW, by(), usd("10"), usd("4")).unwrap();
    assert_eq!(partly, InvoiceState::PartlyPaid { approved_at: NOW, approved_by: by() });
    let later = Timestamp::from_micros(9);
    let paid = partly.pay(later, "bob".to_owned(), usd("6"), usd("6")).unwrap();
    let expected = InvoiceState::Paid { approved_at: NOW, approved_by: by(), at: later, by: "bob".to_owned() };
    assert_eq!(paid, expected);
    let approved = paid.return_payment(usd("0")).unwrap();
    assert_eq!(approved, InvoiceState::Approved { at: NOW, by: by() });
}

#[test]
fn a_refused_payment_says_why() {
    let refusal = |balance: &str, amount: Money| {
        let pending = state(InvoiceStatus::Pending);
        pending.pay(NOW, by(), usd(balance), amount).unwrap_err().to_string()
    };
    assert_eq!(
        refusal("10", usd("10.01")),
        "a payment of 10.01 USD is more than the balance of 10.00 USD: pay at most the balance"
    );
    assert_eq!(
        refusal("10", usd("-1")),
        "a payment of -1.00 USD cannot be recorded: pay more than zero, or return the payment to take it back"
    );
    assert!(refusal("10", usd("0")).starts_with("a payment of 0.00 USD cannot be recorded"));
    assert_eq!(refusal("0", usd("1")), "the balance is 0.00 USD: there is nothing to pay");
    assert_eq!(refusal("-3", usd("1")), "the balance is -3.00 USD: there is nothing to pay");
    let euros = Money::new(1, Currency::parse("EUR").unwrap());
    assert_eq!(refusal("10", euros), "a payment in EUR cannot settle an invoice in USD: convert it first");
    assert_eq!(
        state(InvoiceStatus::Paid).void(NOW, by(), VoidReason::Deleted, String::new()).unwrap_err().to_string(),
        "the invoice is paid and cannot be voided: return its payments first"
    );
}

#[test]
fn corrections_keep_the_balance_from_zero_up_once_something_is_paid() {
    for status in [InvoiceStatus::Pending, InvoiceStatus::Approved] {
        assert_eq!(state(status).may_correct(usd("-5")), Ok(()));
        assert_eq!(state(status).correct(NOW, by(), usd("0")), Ok(state(status)));
    }
    let partly = state(InvoiceStatus::PartlyPaid);
    assert_eq!(partly.clone().correct(NOW, by(), usd("0.01")), Ok(partly.clone()));
    assert_eq!(partly.may_correct(usd("0")), Ok(()));
    let refusal = partly.may_correct(usd("-0.01")).unwrap_err();
    assert!(refusal.to_string().starts_with("the correction would leave a balance of -0.01 USD"), "{refusal}");
    assert_eq!(partly.clone().correct(NOW, by(), usd("-0.01")), Err(refusal));
    let too_much = partly.return_payment(usd("-1")).unwrap_err();
    assert_eq!(too_much, TransitionError::ReturnedTooMuch { paid: usd("-1") });
}

#[test]
fn words_are_read_back() {
    for status in InvoiceStatus::ALL {
        assert_eq!(InvoiceStatus::parse(status.as_str()), Some(status));
        assert_eq!(state(status).status(), status);
    }
    for reason in VoidReason::ALL {
        assert_eq!(VoidReason::parse(reason.as_str()), Some(reason));
    }
    assert_eq!((InvoiceStatus::parse("partly paid"), VoidReason::parse("")), (None, None));
    for code in [
        "commission_expense",
        "affiliate_payable",
        "advertiser_receivable",
        "revenue",
        "clearing:paypal",
        "clearing:a:b",
    ] {
        assert_eq!(Account::parse(code).unwrap().code(), code);
    }
    for code in ["", "clearing", "clearing:", "Revenue", "cash"] {
        assert_eq!(Account::parse(code), None);
    }
}

fn booked(entry: &Option<Entry>) -> Vec<(String, i64)> {
    let postings = entry.iter().flat_map(Entry::postings);
    postings.map(|posting| (posting.account.to_string(), posting.units)).collect()
}

fn sides(debit: &str, credit: &str, units: i64) -> Vec<(String, i64)> {
    vec![(debit.to_owned(), units), (credit.to_owned(), -units)]
}

#[test]
fn events_book_by_the_rule_of_double_entry() {
    let ten = usd("10");
    assert_eq!(booked(&issue_payable(ten)), sides("commission_expense", "affiliate_payable", 10_000_000));
    assert_eq!(booked(&issue_payable(usd("-10"))), sides("commission_expense", "affiliate_payable", -10_000_000));
    assert_eq!(booked(&adjust_payable(usd("0.5"))), sides("commission_expense", "affiliate_payable", 500_000));
    assert_eq!(booked(&void_payable(ten)), sides("affiliate_payable", "commission_expense", 10_000_000));
    assert_eq!(booked(&pay_payable(ten, "paypal")), sides("affiliate_payable", "clearing:paypal", 10_000_000));
    let zero = usd("0");
    for entry in [issue_payable(zero), adjust_payable(zero), void_payable(zero), pay_payable(zero, "ach")] {
        assert_eq!(entry, None);
    }
    assert_eq!(issue_payable(ten).unwrap().currency(), ten.currency());
}

#[test]
fn what_does_not_balance_is_no_entry() {
    let currency = usd("0").currency();
    let posting = |units| Posting { account: Account::Revenue, units };
    let of = |units: &[i64]| Entry::balanced(currency, units.iter().map(|units| posting(*units)).collect());
    assert_eq!(of(&[]), Err(Unbalanced::TooFew { count: 0 }));
    assert_eq!(of(&[5]), Err(Unbalanced::TooFew { count: 1 }));
    assert_eq!(of(&[5, -5, 0]), Err(Unbalanced::Zero { account: Account::Revenue }));
    assert_eq!(of(&[5, -4]), Err(Unbalanced::Sum { units: 1, currency }));
    // In 64 bits these would wrap to zero.
    assert_eq!(of(&[i64::MAX, i64::MAX, 2]), Err(Unbalanced::Sum { units: 1 << 64, currency }));
    assert!(of(&[7, -3, -4]).is_ok());
}

proptest! {
    #[test]
    fn every_amount_books_balanced(units in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)]) {
        let amount = Money::new(units, usd("0").currency());
        let of = |entry: &Option<Entry>, code: &str| -> i128 {
            booked(entry).iter().filter(|(account, _)| account == code).map(|(_, units)| i128::from(*units)).sum()
        };
        for (entry, debit, credit) in [
            (issue_payable(amount), "commission_expense", "affiliate_payable"),
            (void_payable(amount), "affiliate_payable", "commission_expense"),
            (pay_payable(amount, "wire"), "affiliate_payable", "clearing:wire"),
        ] {
            prop_assert_eq!(of(&entry, debit), i128::from(units));
            prop_assert_eq!(of(&entry, credit), -i128::from(units));
            prop_assert_eq!(entry.is_none(), units == 0);
        }
    }

    /// However payments and corrections come, the status agrees with the sums: paid exactly where something is paid
    /// and nothing is left.
    #[test]
    fn the_status_agrees_with_the_sums(moves in prop::collection::vec((0..3_u8, 0..20_i64), 1..30)) {
        let money = |units| Money::new(units, usd("0").currency());
        let (mut state, mut billed, mut paid) = (InvoiceState::Pending, 10_i64, 0_i64);
        for (kind, units) in moves {
            // A payment of zero is never recorded, so none comes back.
            let units = if kind == 2 { units.max(1) } else { units };
            let (next, to_billed, to_paid) = match kind {
                0 => (state.clone().pay(NOW, by(), money(billed - paid), money(units)), billed, paid + units),
                1 => (state.clone().correct(NOW, by(), money(billed - 10 + units - paid)), billed - 10 + units, paid),
                _ => (state.clone().return_payment(money(paid - units)), billed, paid - units),
            };
            if let Ok(next) = next {
                (state, billed, paid) = (next, to_billed, to_paid);
            }
            prop_assert!(paid >= 0 && (paid == 0 || paid <= billed));
            let expected = match state {
                InvoiceState::Pending | InvoiceState::Approved { .. } => paid == 0,
                InvoiceState::PartlyPaid { .. } => paid > 0 && paid < billed,
                InvoiceState::Paid { .. } => paid > 0 && paid == billed,
                InvoiceState::Void { .. } => false,
            };
            prop_assert!(expected, "{state:?} {billed} {paid}");
        }
    }
}
