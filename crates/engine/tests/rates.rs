//! Rates of exchange: the forms of the files, what is warned of and what is refused, and what the history keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_engine::rates::RatesReport;
use quittance_engine::records::Decimal;
use quittance_store::{changes, rates};
use quittance_testkit::{Network, TestDatabase, both_databases, day};

const DAILY_CSV: &str = "Date, USD, JPY, XYZ, \n2 January 2026, 1.1750, 184.09, 7.5, \n";
const HISTORICAL_CSV: &str =
    "Date,USD,JPY,CYP,BGN,\n2026-01-05,1.1664,183.12,N/A,N/A,\n2026-01-02,1.1750,184.09,N/A,N/A,\n";
const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<Cube>
		<Cube time='2026-01-05'>
			<Cube currency='USD' rate='1.1664'/>
			<Cube currency='JPY' rate='183.12'/>
		</Cube>
		<Cube time="2026-01-02"><Cube currency="USD" rate="1.1750"/><Cube currency="JPY" rate="184.09"/></Cube>
	</Cube>
</gesmes:Envelope>"#;

fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-02");
    network
}

fn import(network: &Network, file: impl AsRef<[u8]>) -> RatesReport {
    network.engine.import_rates(&network.call, file.as_ref(), "by-hand.csv").unwrap()
}

fn listed(network: &Network) -> Vec<String> {
    let rates = network.engine.rates(&network.call, day("2026-01-01"), day("2026-01-31")).unwrap();
    let rate = |r: &quittance_engine::rates::DayQuote| {
        format!("{} {}/{} {} {}", r.day, r.base, r.quoted, r.quote.quote, r.quote.source)
    };
    rates.iter().map(rate).collect()
}

fn zipped(name: &str, content: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(content.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

fn gzipped(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

both_databases! {
    fn a_table_is_read_however_it_is_laid_out(database) {
        let network = network(database);
        let plain = "date,base,quote,rate\n2026-01-05,EUR,USD,1.1664\n";
        assert_eq!(import(&network, plain).created, 1);
        let utf16: Vec<u8> = format!("\u{feff}{}", plain.replace(',', "\t")).encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            plain.replace(',', ";").into_bytes(),
            format!("sep=;\n{}", plain.replace(',', ";")).into_bytes(),
            format!("Rates of January\n{plain}").into_bytes(),
            utf16,
            HISTORICAL_CSV.lines().take(2).map(|line| line.replace(',', ";") + "\n").collect::<String>().into_bytes(),
        ] {
            assert!(import(&network, &bytes).unchanged >= 1, "{:?}", String::from_utf8_lossy(&bytes));
        }
        let comma = plain.replace(',', ";").replace('.', ",");
        let refused = import(&network, &comma).rejections;
        assert!(refused[0].line == 2 && refused[0].detail.contains("rate: \"1,1664\" has a comma"), "{refused:?}");
        let stated = network.engine.import_rates_with(&network.call, comma.as_bytes(), "by-hand.csv", Decimal::Comma);
        assert_eq!(stated.unwrap().unchanged, 1);
        let titled = format!("Rates;\n{comma}2026-01-05;EUR;USD;1.1\n");
        let stated = network.engine.import_rates_with(&network.call, titled.as_bytes(), "by-hand.csv", Decimal::Comma);
        assert_eq!(stated.unwrap().rejections.iter().map(|refused| refused.line).collect::<Vec<_>>(), [4]);
        let none = network.engine.import_rates(&network.call, &b"day;from;to;price\n"[..], "x").unwrap_err().to_string();
        assert!(none.contains("line 1 was read with semicolons between its columns"), "{none}");
    }

    fn every_form_of_the_european_central_bank_is_read(database) {
        let both = [
            "2026-01-02 EUR/JPY 184.09 ecb",
            "2026-01-02 EUR/USD 1.175 ecb",
            "2026-01-05 EUR/JPY 183.12 ecb",
            "2026-01-05 EUR/USD 1.1664 ecb",
        ];
        let network = network(database);
        let report = import(&network, HISTORICAL_CSV);
        assert_eq!((report.created, report.updated, report.unchanged), (4, 0, 0));
        assert_eq!(report.days, Some((day("2026-01-02"), day("2026-01-05"))));
        assert_eq!(listed(&network), both);
        for file in [
            XML.as_bytes().to_vec(),
            format!("\u{feff}{XML}").into_bytes(),
            zipped("eurofxref-hist.csv", HISTORICAL_CSV),
            zipped("eurofxref.xml", XML),
            gzipped(HISTORICAL_CSV),
        ] {
            let report = import(&network, file);
            assert_eq!((report.created, report.updated, report.unchanged), (0, 0, 4));
            assert!(report.rejections.is_empty());
        }
        let report = import(&network, DAILY_CSV);
        assert_eq!((report.created, report.unchanged), (0, 2));
        assert_eq!(report.warnings, ["left out, since they are no known currencies: XYZ"]);
        assert_eq!(listed(&network), both);
    }

    fn rows_by_hand_are_read_in_any_order_of_columns_and_each_wrong_one_is_named(database) {
        let network = network(database);
        let file = "rate,date,base,quote,note\n\
            1.10,2026-01-02,EUR,USD,good\n\
            0,2026-01-02,EUR,GBP,zero\n\
            -1.5,2026-01-02,EUR,GBP,negative\n\
            abc,2026-01-02,EUR,GBP,text\n\
            1.5,2026-01-02,EUR,XXX,unknown\n\
            1.5,2026-13-02,EUR,GBP,month\n\
            1.5,2026-02-03,EUR,GBP,future\n\
            1.5,2026-01-02,EUR,EUR,itself\n\
            0.00002,2026-01-02,IDR,BTC,good\n";
        let report = import(&network, file);
        assert_eq!(report.created, 2);
        let lines: Vec<(u64, &str)> = report.rejections.iter().map(|r| (r.line, r.detail.as_str())).collect();
        let expected = [
            (3, "rate: '0' is no rate: a rate is above zero"),
            (4, "rate: '-1.5' is no rate: a rate is above zero"),
            (5, "rate: 'abc' is no rate: write a decimal of at most 12 digits, such as 1.0876"),
            (6, "quote: 'XXX' is not a known currency"),
            (7, "date: "),
            (8, "date: 2026-02-03 is in the future, today is 2026-02-02"),
            (9, "quote: EUR is the base itself"),
        ];
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        for ((line, detail), (expected_line, start)) in lines.iter().zip(expected) {
            assert!(*line == expected_line && detail.starts_with(start), "{line}: {detail}");
        }
        assert_eq!(listed(&network), ["2026-01-02 EUR/USD 1.1 by-hand.csv", "2026-01-02 IDR/BTC 0.00002 by-hand.csv"]);
    }

    fn a_file_that_is_none_is_refused_and_changes_nothing(database) {
        let network = network(database);
        for (file, why) in [
            (b"".to_vec(), "header is neither"),
            (b"a,b\n1,2\n".to_vec(), "header is neither"),
            (b"date,base,quote\n".to_vec(), "no column rate"),
            (b"Date,XYZ\n2026-01-02,1\n".to_vec(), "names no currency"),
            (b"<html></html>".to_vec(), "no rates in it"),
            (b"<Cube><Cube currency='USD' rate='1'/></Cube>".to_vec(), "outside any day"),
            (vec![0xff, 0xfe, 0x00], "no text"),
            (b"PK\x03\x04broken".to_vec(), "cannot be read"),
            (vec![0x1f, 0x8b, 0x00, 0x01], "cannot be read"),
        ] {
            let error = network.engine.import_rates(&network.call, file.as_slice(), "x").unwrap_err();
            assert_eq!(error.kind(), quittance_engine::ErrorKind::Invalid);
            assert!(error.to_string().contains(why), "{error}");
        }
        assert!(listed(&network).is_empty());
    }

    fn jumps_are_warned_of_and_the_later_of_two_files_wins(database) {
        let network = network(database);
        import(&network, "date,base,quote,rate\n2026-01-02,EUR,USD,1.10\n2026-01-02,EUR,GBP,0.80\n");
        let report = import(&network, "date,base,quote,rate\n2026-01-05,EUR,USD,1.44\n2026-01-05,EUR,GBP,0.90\n");
        let jump = "EUR/USD goes from 1.1 on 2026-01-02 to 1.44 on 2026-01-05, by more than 30 %; it is taken";
        assert_eq!(report.warnings, [jump]);
        let report = import(&network, "date,base,quote,rate\n2026-01-05,EUR,USD,1.15\n2026-01-05,EUR,USD,1.16\n");
        assert_eq!((report.created, report.updated), (0, 1));
        let twice = "line 3: EUR/USD of 2026-01-05 is 1.16 here and 1.15 before; this one is taken";
        assert_eq!(report.warnings, [twice]);
        assert!(listed(&network).contains(&"2026-01-05 EUR/USD 1.16 by-hand.csv".to_owned()));
        let history = network.engine.store().read(|tx| changes::after(tx, network.call.network, 0, Some("rate"), 10));
        let [row] = history.unwrap().try_into().unwrap();
        assert_eq!((row.subject_id.as_str(), row.action.as_str()), ("2026-01-05 EUR/USD", "replaced"));
        assert_eq!(row.details, r#"{"from":"1.44","source":"by-hand.csv","to":"1.16"}"#);
        assert_eq!(row.actor, "test");
    }
}

/// Four months of the bank's rates. What each amount becomes was computed by another program (CurrencyConverter 0.18, in
/// decimals, with the last known rate on days without one). By hand: 3,523,984.05 INR on 12 October 2026 are divided by
/// the quote of 107.086, which makes 32,907.98 EUR.
#[test]
fn real_rates_convert_as_another_program_converts_them() {
    let database = TestDatabase::sqlite();
    let mut network = Network::create(database.engine());
    network.at("2026-10-31");
    let report = import(&network, include_str!("data/eurofxref-2026-07-to-10.csv"));
    assert!(report.created > 2_000 && report.warnings.len() == 1, "{report:?}");
    let (first, last) = report.days.unwrap();
    let usd = Currency::parse("USD").unwrap();
    let table = network.engine.store().read(|tx| rates::table(tx, network.call.network, first, last)).unwrap();
    let mut count = 0;
    for row in include_str!("data/eurofxref-converted.csv").lines().skip(1) {
        let [on, amount, from, to, expected] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
        let (from, to) = (Currency::parse(from).unwrap(), Currency::parse(to).unwrap());
        let rate = table.rate(from, to, day(on), 7, usd).unwrap();
        let converted = rate.convert(Money::parse(amount, from).unwrap(), to).unwrap();
        assert_eq!(converted, Money::parse(expected, to).unwrap(), "{row}");
        count += 1;
    }
    assert_eq!(count, 60);
}
