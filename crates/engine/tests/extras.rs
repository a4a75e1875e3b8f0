//! Lines besides conversions: tax, referrals, volume bonuses, opening balances; each exact, each with its accounts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::{RunReport, RunRequest};
use quittance_engine::invoices::TakeOffRequest;
use quittance_engine::records::Decimal;
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn id(id: i64) -> InvoiceId {
    InvoiceId::new(id)
}

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network
}

fn bill(network: &Network, through: &str) -> RunReport {
    let report = network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
    network.assert_verified();
    report
}

/// The lines of an invoice: type, amount in cents, comment.
fn lines(network: &Network, invoice: i64) -> Vec<String> {
    let lines = network.engine.invoice_lines(&network.call, id(invoice)).unwrap();
    let shown = |line: &quittance_engine::invoices::Line| {
        format!("{} {} {}", line.line_type.as_str(), line.units / 10_000, line.comment).trim_end().to_owned()
    };
    lines.iter().map(shown).collect()
}

fn balances(network: &Network) -> Vec<String> {
    let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
    let cents = |(account, _, units): &(String, _, i64)| format!("{account} {}", units / 10_000);
    balances.iter().filter(|(_, _, units)| *units != 0).map(cents).collect()
}

fn import(network: &Network, file: &str) {
    let file: serde_json::Value = serde_json::from_str(file).unwrap();
    network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
}

fn problems(network: &Network, file: &str) -> String {
    let file: serde_json::Value = serde_json::from_str(file).unwrap();
    let problems = network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap_err();
    problems.iter().map(|p| format!("{}: {}", p.place, p.detail)).collect::<Vec<_>>().join("\n")
}

both_databases! {
    /// 19 % of 10.05 + 4.99 = 15.04 is 2.8576; with a correction of −0.06, of 14.98: 2.8462.
    fn tax_is_on_the_sum_of_its_lines_and_follows_them(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"tax":{"mode":"rate","rate":"19","text":"VAT 19 %"}}"#);
        network.approve("a 1 1 2026-01-05 10.05\nb 1 2 2026-01-05 4.99");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 1), ["conversions 1005", "conversions 499", "tax 286 VAT 19 %"]);
        assert_eq!(balances(&network), ["affiliate_payable -1790", "commission_expense 1504", "input_tax 286"]);
        let (engine, call) = (&network.engine, &network.call);
        assert_eq!(engine.correct(call, id(1), None, "-0.06", "fee").unwrap().billed_units, 17_830_000);
        assert_eq!(balances(&network), ["affiliate_payable -1783", "commission_expense 1498", "input_tax 285"]);
        network.assert_verified();
        let off = TakeOffRequest::Conversions(vec!["b".to_owned()]);
        // 19 % of 9.99 is 1.8981.
        assert_eq!(engine.take_off(call, id(1), None, &off).unwrap().billed_units, 11_890_000);
        network.assert_verified();
        engine.void(call, id(1), None, VoidReason::Other, "").unwrap();
        assert!(balances(&network).is_empty());
    }

    fn reverse_charge_and_exempt_say_so_on_a_line_of_nothing(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"tax":{"mode":"reverse_charge"}}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":2,"tax":{"mode":"exempt","text":"Small business"}}"#);
        network.set_party(PartyKind::Affiliate, r#"{"id":3,"tax":{"mode":"rate","rate":"10","lines":["correction"]}}"#);
        network.approve("a 1 1 2026-01-05 10.00\nb 2 1 2026-01-05 10.00\nc 3 1 2026-01-05 10.00");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 1), ["conversions 1000", "tax 0 Reverse charge"]);
        assert_eq!(lines(&network, 2), ["conversions 1000", "tax 0 Small business"]);
        assert_eq!(lines(&network, 3), ["conversions 1000", "tax 0 Tax 10 %"]);
        let corrected = network.engine.correct(&network.call, id(3), None, "5", "x").unwrap();
        assert_eq!(corrected.billed_units, 15_500_000);
        network.assert_verified();
    }

    /// Affiliate 5 gets 5 % of what affiliate 1 is billed, on the next run after it, in whatever order a run goes.
    fn a_referrer_gets_a_share_of_what_the_referred_are_billed(database) {
        let mut network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"name":"New","referrer":{"affiliate":5,"percent":"5","threshold":"20","until":"2026-03-31"}}"#);
        network.approve("a 1 1 2026-01-05 19.99\nb 5 1 2026-01-05 1.00");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 2), ["conversions 100"]);
        network.at("2026-03-02");
        network.approve("c 1 1 2026-02-05 80.01");
        // 19.99 is below the threshold and waits.
        assert_eq!(bill(&network, "2026-02-28").invoices(), 1);
        assert_eq!(bill(&network, "2026-03-01").invoices(), 1);
        assert_eq!(lines(&network, 4), ["referral 500 Referral of affiliate 1: 5 % of 100.00"]);
        assert_eq!(balances(&network), ["affiliate_payable -10600", "commission_expense 10100", "referral_expense 500"]);
        // Void and billed again for 10 more: 10 is left of it, which waits in its turn.
        network.engine.void(&network.call, id(3), None, VoidReason::Other, "").unwrap();
        network.approve("d 1 1 2026-02-06 10.00");
        bill(&network, "2026-02-28");
        network.at("2026-04-02");
        network.approve("e 1 1 2026-03-05 90.00\nf 5 1 2026-03-05 50.00");
        bill(&network, "2026-03-31");
        assert_eq!(lines(&network, 7), ["conversions 5000"]);
        bill(&network, "2026-04-01");
        assert_eq!(lines(&network, 8), ["referral 500 Referral of affiliate 1: 5 % of 100.00"]);
        // What ends after the last day counts no more.
        network.at("2026-05-02");
        network.approve("g 1 1 2026-04-05 1000.00");
        bill(&network, "2026-04-30");
        assert_eq!(bill(&network, "2026-05-01").invoices(), 0);
    }

    fn a_void_invoice_of_the_referrer_gives_its_share_back(database) {
        let network = network(database);
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"referrer":{"affiliate":5,"basis":"flat","fee":"25","threshold":"10"}}"#);
        network.approve("a 1 1 2026-01-05 10.00");
        bill(&network, "2026-01-31");
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 2), ["referral 2500 Referral of affiliate 1: a fee"]);
        network.engine.void(&network.call, id(2), None, VoidReason::Other, "").unwrap();
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 3), ["referral 2500 Referral of affiliate 1: a fee"]);
        // A fee is paid once.
        network.approve("b 1 1 2026-01-06 100.00");
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 4), ["conversions 10000"]);
        assert_eq!(bill(&network, "2026-02-01").invoices(), 0);
    }

    /// 10 % on everything from three conversions of a month on.
    fn a_bonus_counts_a_calendar_month_over_its_invoices(database) {
        let mut network = network(database);
        import(&network, r#"{"bonuses":[{"id":1,"title":"Volume","measure":"conversions","retroactive":true,
            "offers":[1],"tiers":[{"from":"3","percent":"10"}]}]}"#);
        network.approve("a 1 1 2026-01-05 10.00\nb 1 1 2026-01-06 10.00\nx 1 2 2026-01-06 10.00");
        bill(&network, "2026-01-15");
        assert_eq!(lines(&network, 1), ["conversions 2000", "conversions 1000"]);
        network.approve("c 1 1 2026-01-20 10.00\nd 1 1 2026-02-01 10.00");
        bill(&network, "2026-02-01");
        assert_eq!(lines(&network, 2), ["conversions 2000", "bonus 300 Volume of 2026-01: 3 conversions"]);
        network.at("2026-03-02");
        // One of the three falls away: the bonus goes with it.
        network.ingest(vec![network.record("a", 1, 1, "rejected", "2026-01-05", "10.00")]);
        network.approve("e 1 1 2026-02-20 90.00");
        bill(&network, "2026-02-28");
        assert_eq!(lines(&network, 3), ["conversions 9000", "conversions -1000", "bonus -300 Volume of 2026-01: 2 conversions"]);
        assert_eq!(balances(&network), ["affiliate_payable -13000", "commission_expense 13000"]);
        // Taken off and billed again, nothing is counted twice.
        let off = TakeOffRequest::Conversions(vec!["e".to_owned()]);
        network.engine.take_off(&network.call, id(3), None, &off).unwrap();
        network.approve("f 1 1 2026-02-21 10.00");
        bill(&network, "2026-03-01");
        assert_eq!(lines(&network, 4), ["conversions 10000", "bonus 1100 Volume of 2026-02: 3 conversions"]);
    }

    /// 1,200.50 owed, however the file is laid out.
    fn opening_balances_are_read_however_they_are_laid_out(database) {
        let network = network(database);
        let file = "kind;party_id;currency;amount\naffiliate;1;USD;1200,50\n";
        let read = |bytes: &[u8]| network.engine.import_balances_with(&network.call, bytes, Decimal::Comma).unwrap();
        assert_eq!(read(file.as_bytes()).created, 1);
        assert_eq!(balances(&network), ["affiliate_payable -120050", "opening_balances 120050"]);
        let utf16: Vec<u8> = format!("\u{feff}{}", file.replace(';', "\t")).encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [utf16, format!("sep=;\n{file}").into_bytes(), format!("Balances\n\n{file}").into_bytes()] {
            assert_eq!(read(&bytes).unchanged, 1);
        }
        let guessed = network.engine.import_balances(&network.call, file.as_bytes()).unwrap();
        assert!(guessed.rejections[0].1.contains("amount: \"1200,50\" has a comma"), "{guessed:?}");
        let none = network.engine.import_balances(&network.call, &b"kind;party;currency;amount\n"[..]).unwrap_err().to_string();
        assert!(none.contains("no column party_id") && none.contains("read with semicolons"), "{none}");
    }

    fn opening_balances_are_in_the_ledger_and_on_the_next_invoice(database) {
        let network = network(database);
        let file = "kind,party_id,currency,amount,date\n\
            affiliate,1,USD,120.00,2026-01-31\n\
            affiliate,2,USD,-15.50,2026-01-31\n\
            advertiser,1,USD,300.00,\n\
            affiliate,9,USD,1.00,\n\
            affiliate,3,USD,0.001,\n\
            partner,3,USD,1.00,\n";
        let report = network.engine.import_balances(&network.call, file.as_bytes()).unwrap();
        assert_eq!((report.created, report.unchanged), (3, 0));
        assert_eq!(report.rejections.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(balances(&network), ["advertiser_receivable 30000", "affiliate_payable -10450", "opening_balances -19550"]);
        network.assert_verified();
        let again = network.engine.import_balances(&network.call, file.as_bytes()).unwrap();
        assert_eq!((again.created, again.unchanged), (0, 3));
        let other = "kind,party_id,currency,amount\naffiliate,1,USD,121.00\n";
        let other = network.engine.import_balances(&network.call, other.as_bytes()).unwrap();
        assert!(other.rejections[0].1.contains("is 120.00 already"), "{other:?}");
        network.engine.set_network(&network.call, &[("auto_approve", "true")]).unwrap();
        network.approve("a 2 1 2026-01-05 20.00");
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 1), ["opening_balance 12000 Opening balance of 2026-01-31"]);
        let second = network.engine.invoice(&network.call, id(2)).unwrap();
        assert_eq!((second.billed_units, second.paid_units), (20_000_000, 15_500_000));
        network.engine.void(&network.call, id(1), None, VoidReason::Other, "").unwrap();
        network.assert_verified();
        bill(&network, "2026-01-31");
        assert_eq!(lines(&network, 3), ["opening_balance 12000 Opening balance of 2026-01-31"]);
    }
}

#[test]
fn contradictions_are_refused_when_they_are_set() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    for (file, why) in [
        (
            r#"{"affiliates":[{"id":1,"referrer":{"affiliate":2,"percent":"5"}},{"id":2,"referrer":{"affiliate":1,"percent":"5"}}]}"#,
            "affiliates[0].referrer.affiliate: affiliate 1 would have referred itself, by way of 1, 2",
        ),
        (r#"{"affiliates":[{"id":1,"referrer":{"affiliate":2,"basis":"flat"}}]}"#, "referrer.fee: is missing"),
        (r#"{"affiliates":[{"id":1,"referrer":{"affiliate":2,"basis":"margin"}}]}"#, "referrer.percent: is missing"),
        (r#"{"affiliates":[{"id":1,"referrer":{"affiliate":2,"percent":"5","basis":"all"}}]}"#, "referrer.basis"),
        (r#"{"affiliates":[{"id":1,"tax":{"mode":"rate"}}]}"#, "tax.rate: is missing"),
        (
            r#"{"bonuses":[{"id":1,"title":"x","measure":"conversions","tiers":[{"from":"5","percent":"1"},{"from":"5","percent":"2"}]}]}"#,
            "bonuses[0].tiers[1].from: 5 is not above the step before: steps overlap",
        ),
        (
            r#"{"bonuses":[{"id":1,"title":"x","measure":"amount","tiers":[{"from":"5","percent":"1"}]}]}"#,
            "bonuses[0].currency: is missing",
        ),
        (r#"{"bonuses":[{"id":1,"title":"x","measure":"conversions"}]}"#, "at least one step"),
        (
            r#"{"bonuses":[{"id":1,"title":"x","measure":"conversions","tiers":[{"from":"many","percent":"101"}]}]}"#,
            "no percentage",
        ),
    ] {
        let found = problems(&network, file);
        assert!(found.contains(why), "{file}: {found}");
    }
}
