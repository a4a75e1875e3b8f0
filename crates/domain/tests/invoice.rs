//! An invoice's life and what it books.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::invoice::{InvoiceState, InvoiceStatus, LineType, TransitionError, VoidReason};
use quittance_domain::ledger::{Account, Booking, Entry, Posting, Unbalanced};
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
    for code in ["commission_expense", "affiliate_payable", "advertiser_receivable", "clearing:paypal", "clearing:a:b"]
    {
        assert_eq!(Account::parse(code).unwrap().code(), code);
    }
    for account in Account::NAMED {
        assert_eq!(Account::parse(&account.code()), Some(account));
    }
    for line_type in LineType::ALL {
        assert_eq!(LineType::parse(line_type.as_str()), Some(line_type));
    }
    for code in ["", "clearing", "clearing:", "Revenue", "cash"] {
        assert_eq!(Account::parse(code), None);
    }
}

fn booked(booking: &Booking) -> Vec<(String, i64)> {
    let entry = booking.entry().unwrap();
    let postings = entry.iter().flat_map(Entry::postings);
    postings.map(|posting| (posting.account.to_string(), posting.amount.units())).collect()
}

fn sides(debit: &str, credit: &str, units: i64) -> Vec<(String, i64)> {
    let mut sides = vec![(debit.to_owned(), units), (credit.to_owned(), -units)];
    sides.sort_by_key(|(account, _)| Account::parse(account));
    sides
}

fn made(make: impl FnOnce(&mut Booking)) -> Booking {
    let mut booking = Booking::default();
    make(&mut booking);
    booking
}

fn billed(kind: InvoiceKind, line_type: LineType, amount: Money) -> Booking {
    made(|booking| booking.bill(kind, line_type, amount, amount))
}

fn paid(kind: InvoiceKind, rail: &str, amount: Money) -> Booking {
    made(|booking| booking.pay(kind, rail, amount, amount, amount))
}

#[test]
fn events_book_by_the_rule_of_double_entry() {
    use InvoiceKind::{Payable, Receivable};
    let ten = usd("10");
    let units = 10_000_000;
    for (line_type, payable, receivable) in [
        (LineType::Conversions, "commission_expense", "revenue"),
        (LineType::Correction, "commission_expense", "revenue"),
        (LineType::Rounding, "commission_expense", "revenue"),
        (LineType::Referral, "referral_expense", "referral_expense"),
        (LineType::Bonus, "bonus", "bonus"),
        (LineType::Tax, "input_tax", "output_tax"),
    ] {
        assert_eq!(booked(&billed(Payable, line_type, ten)), sides(payable, "affiliate_payable", units));
        assert_eq!(booked(&billed(Payable, line_type, usd("-10"))), sides(payable, "affiliate_payable", -units));
        assert_eq!(booked(&billed(Payable, line_type, ten).reversed()), sides("affiliate_payable", payable, units));
        assert_eq!(booked(&billed(Receivable, line_type, ten)), sides("advertiser_receivable", receivable, units));
    }
    assert_eq!(booked(&billed(Payable, LineType::OpeningBalance, ten)), []);
    assert_eq!(booked(&paid(Payable, "paypal", ten)), sides("affiliate_payable", "clearing:paypal", units));
    assert_eq!(booked(&paid(Receivable, "wire", ten)), sides("clearing:wire", "advertiser_receivable", units));
    assert_eq!(booked(&made(|b| b.write_off(Payable, ten))), sides("affiliate_payable", "write_offs", units));
    assert_eq!(booked(&made(|b| b.write_off(Receivable, ten))), sides("write_offs", "advertiser_receivable", units));
    let lost = made(|b| b.write_off_unbilled(Payable, usd("-10")));
    assert_eq!(booked(&lost), sides("write_offs", "commission_expense", units));
    let lost = made(|b| b.write_off_unbilled(Receivable, usd("-10")));
    assert_eq!(booked(&lost), sides("revenue", "write_offs", units));
    assert_eq!(booked(&made(|b| b.open(Payable, ten))), sides("opening_balances", "affiliate_payable", units));
    assert_eq!(booked(&made(|b| b.open(Receivable, ten))), sides("advertiser_receivable", "opening_balances", units));
    for nothing in [billed(Payable, LineType::Tax, usd("0")), paid(Payable, "ach", usd("0"))] {
        assert_eq!(nothing.entry(), Ok(None));
    }
    let more = billed(Payable, LineType::Conversions, usd("10.5")).less(billed(Payable, LineType::Conversions, ten));
    assert_eq!(booked(&more), sides("commission_expense", "affiliate_payable", 500_000));
}

/// An invoice of 108.30 dollars for 100 euros; then 100 dollars settled by 93 euros that are worth 100.70 dollars.
#[test]
fn conversions_of_currency_go_through_the_exchange_account() {
    let eur = |text: &str| Money::parse(text, Currency::parse("EUR").unwrap()).unwrap();
    let of = |booking: &Booking| -> Vec<(String, String)> {
        let entry = booking.entry().unwrap().unwrap();
        let posting =
            |p: &Posting| (p.account.to_string(), format!("{} {}", p.amount.to_decimal(), p.amount.currency()));
        entry.postings().iter().map(posting).collect()
    };
    let expected = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(account, amount)| ((*account).to_owned(), (*amount).to_owned())).collect()
    };
    let issue = made(|b| b.bill(InvoiceKind::Payable, LineType::Conversions, usd("108.30"), eur("100")));
    let rows = [
        ("commission_expense", "100.00 EUR"),
        ("affiliate_payable", "-108.30 USD"),
        ("exchange", "-100.00 EUR"),
        ("exchange", "108.30 USD"),
    ];
    assert_eq!(of(&issue), expected(&rows));
    let pay = made(|b| b.pay(InvoiceKind::Payable, "sepa", usd("100"), eur("93"), usd("100.70")));
    let rows = [
        ("affiliate_payable", "100.00 USD"),
        ("exchange", "93.00 EUR"),
        ("exchange", "-100.70 USD"),
        ("exchange_difference", "0.70 USD"),
        ("clearing:sepa", "-93.00 EUR"),
    ];
    assert_eq!(of(&pay), expected(&rows));
}

#[test]
fn what_does_not_balance_is_no_entry() {
    let currency = usd("0").currency();
    let posting = |units| Posting { account: Account::Revenue, amount: Money::new(units, currency) };
    let of = |units: &[i64]| Entry::balanced(units.iter().map(|units| posting(*units)).collect());
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
    fn every_amount_books_balanced_or_not_at_all(units in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)]) {
        let amount = Money::new(units, usd("0").currency());
        for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
            for booking in [billed(kind, LineType::Conversions, amount), paid(kind, "wire", amount)] {
                match booking.entry() {
                    Ok(Some(entry)) => {
                        let sum: i128 = entry.postings().iter().map(|p| i128::from(p.amount.units())).sum();
                        prop_assert_eq!(sum, 0);
                        let party = Account::of_party(kind);
                        let moved = entry.postings().iter().find(|p| p.account == party).unwrap().amount.units();
                        prop_assert_eq!(moved.unsigned_abs(), units.unsigned_abs());
                    }
                    Ok(None) => prop_assert_eq!(units, 0),
                    // The lowest number has no counterpart.
                    Err(_) => prop_assert_eq!(units, i64::MIN),
                }
            }
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
