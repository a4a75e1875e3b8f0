//! A small network for the tests: a few affiliates and offers, and conversions made of a line of text.

use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AffiliateId, OfferId, PartyKind};
use quittance_domain::time::{Day, Timestamp, Zone, parse_instant};
use quittance_engine::ingest::{IngestReport, Positioned};
use quittance_engine::{Call, Engine};
use quittance_store::parties;

/// The affiliates 1 to this one exist.
pub const AFFILIATES: i64 = 5;
/// The offers 1 to this one exist.
pub const OFFERS: i64 = 4;

/// A network in a database, with the call that tests act with.
pub struct Network {
    /// The engine.
    pub engine: Engine,
    /// Who acts, and when.
    pub call: Call,
    /// The network's zone.
    pub zone: Zone,
}

impl Network {
    /// Makes a network in UTC and USD with its affiliates (1 to 5), one advertiser (1) and offers (1 to 4; the fourth
    /// holds for 7 days). A payment method is not required, and there are no minimums.
    #[must_use]
    pub fn create(engine: Engine) -> Network {
        let now = Timestamp::from_micros(0);
        let usd = Currency::parse("USD").expect("a currency");
        let zone = Zone::parse("UTC").expect("a zone");
        let network = engine.create_network(now, "test", &zone, usd).expect("a network");
        let call = Call { network: network.network_id, actor: "test".into(), now, claimed: None };
        let affiliates: Vec<i64> = (1..=AFFILIATES).collect();
        let offers: Vec<i64> = (1..=OFFERS).collect();
        engine
            .store()
            .write(|tx| {
                let id = call.network;
                parties::ensure_parties(tx, id, PartyKind::Affiliate, &affiliates, usd, now)?;
                parties::ensure_parties(tx, id, PartyKind::Advertiser, &[1], usd, now)?;
                parties::ensure_offers(tx, id, &offers)?;
                let mut offers = parties::offers_by_ids(tx, id, &offers)?;
                for offer in &mut offers {
                    offer.advertiser_id = Some(1);
                    offer.hold_days = if offer.offer_id == OFFERS { 7 } else { 0 };
                }
                parties::upsert_offers(tx, id, &offers)
            })
            .expect("parties and offers");
        engine.set_network(&call, &[("require_payment_method", "false")]).expect("a setting");
        Network { engine, call, zone }
    }

    /// The same network through another engine: another process, so to say.
    #[must_use]
    pub fn again(&self, engine: Engine) -> Network {
        Network { engine, call: self.call.clone(), zone: self.zone.clone() }
    }

    /// Sets the clock to noon of a day.
    pub fn at(&mut self, day: &str) {
        self.call.now = self.instant(&format!("{day} 12:00:00"));
    }

    /// An instant from its text.
    #[must_use]
    pub fn instant(&self, text: &str) -> Timestamp {
        parse_instant(text, &self.zone).expect("an instant")
    }

    /// A record.
    #[must_use]
    pub fn record(
        &self,
        id: &str,
        affiliate: i64,
        offer: i64,
        status: &str,
        day: &str,
        payout: &str,
    ) -> ConversionRecord {
        ConversionRecord {
            conversion_id: id.into(),
            affiliate_id: Some(AffiliateId::new(affiliate)),
            offer_id: Some(OfferId::new(offer)),
            status: ConversionStatus::parse(status),
            occurred_at: Some(self.instant(&format!("{day} 08:00:00"))),
            payout: Some(payout.into()),
            ..ConversionRecord::default()
        }
    }

    /// Changes an affiliate or advertiser as a network file would: `{"id":1,"currency_policy":"convert"}`.
    pub fn set_party(&self, kind: PartyKind, party: &str) {
        let party: serde_json::Value = serde_json::from_str(party).expect("JSON");
        let file = serde_json::json!({ format!("{kind}s"): [party] });
        let report = self.engine.import_network(self.call.now, Some("test"), &file).expect("an import");
        report.expect("a file without problems");
    }

    /// Imports rates, one a line: `2026-01-31,EUR,USD,1.10`.
    pub fn rates(&self, lines: &str) {
        let file = format!("date,base,quote,rate\n{lines}");
        let report = self.engine.import_rates(&self.call, file.as_bytes(), "by hand").expect("an import");
        assert!(report.rejections.is_empty(), "{:?}", report.rejections);
    }

    /// Ingests records in one batch.
    pub fn ingest(&self, records: Vec<ConversionRecord>) -> IngestReport {
        let positioned = (1..).zip(records).map(|(position, record)| Positioned { position, record });
        self.engine.ingest(&self.call, &positioned.collect::<Vec<_>>(), None).expect("an ingest")
    }

    /// Ingests approved conversions, one a line: `id affiliate offer day payout`.
    pub fn approve(&self, lines: &str) -> IngestReport {
        let records = lines.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |word: &str| word.parse().expect("a number");
            self.record(words[0], number(words[1]), number(words[2]), "approved", words[3], words[4])
        });
        self.ingest(records.collect())
    }

    /// Asserts that every invariant holds.
    pub fn assert_verified(&self) {
        for report in self.engine.verify(&self.call, false).expect("a verification") {
            assert!(report.ok(), "{}: {:#?}", report.id, report.violations);
        }
    }
}

/// A day from its text.
#[must_use]
pub fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}
