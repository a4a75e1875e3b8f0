//! Identifiers, each of a type of its own, so that swapping two does not compile.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number. Any number is taken: whether something has this id is for the store to say.
            #[must_use]
            pub const fn new(id: i64) -> Self {
                Self(id)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

ids! {
    /// A network: the tenant to which everything else belongs.
    NetworkId
    /// An affiliate, who is paid for conversions.
    AffiliateId
    /// An advertiser, who pays for conversions.
    AdvertiserId
    /// An offer, which is what is promoted.
    OfferId
    /// An invoice. Never changes and is never used again.
    InvoiceId
    /// The number on an invoice: sequential per network and kind, without gaps.
    InvoiceNumber
    /// A payment.
    PaymentId
    /// A ledger entry.
    EntryId
    /// A billing run.
    RunId
    /// An access key.
    KeyId
    /// A user: a person who uses the interfaces.
    UserId
    /// An account manager, who looks after parties.
    ManagerId
    /// A payment system: a rail as a network offers it.
    PaymentSystemId
}

/// Which side of the network a party is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    /// Is paid for conversions.
    Affiliate,
    /// Pays for conversions.
    Advertiser,
}

impl PartyKind {
    /// The word that is stored and shown: `affiliate` or `advertiser`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PartyKind::Affiliate => "affiliate",
            PartyKind::Advertiser => "advertiser",
        }
    }

    /// The kind for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<PartyKind> {
        [PartyKind::Affiliate, PartyKind::Advertiser].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind of invoices that such a party has.
    #[must_use]
    pub const fn invoice_kind(self) -> InvoiceKind {
        match self {
            PartyKind::Affiliate => InvoiceKind::Payable,
            PartyKind::Advertiser => InvoiceKind::Receivable,
        }
    }
}

impl std::fmt::Display for PartyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A party: whoever an invoice is with. An affiliate and an advertiser may have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId {
    /// Affiliate or advertiser.
    pub kind: PartyKind,
    /// The number of the [`AffiliateId`] or [`AdvertiserId`].
    pub id: i64,
}

impl From<AffiliateId> for PartyId {
    fn from(id: AffiliateId) -> Self {
        Self { kind: PartyKind::Affiliate, id: id.get() }
    }
}

impl From<AdvertiserId> for PartyId {
    fn from(id: AdvertiserId) -> Self {
        Self { kind: PartyKind::Advertiser, id: id.get() }
    }
}

impl std::fmt::Display for PartyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// Which way the money of an invoice flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvoiceKind {
    /// The network owes an affiliate.
    Payable,
    /// An advertiser owes the network.
    Receivable,
}

impl InvoiceKind {
    /// The word that is stored and shown: `payable` or `receivable`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            InvoiceKind::Payable => "payable",
            InvoiceKind::Receivable => "receivable",
        }
    }

    /// The kind for its word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<InvoiceKind> {
        [InvoiceKind::Payable, InvoiceKind::Receivable].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind of party that such an invoice is with.
    #[must_use]
    pub const fn party_kind(self) -> PartyKind {
        match self {
            InvoiceKind::Payable => PartyKind::Affiliate,
            InvoiceKind::Receivable => PartyKind::Advertiser,
        }
    }
}

impl std::fmt::Display for InvoiceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_its_number() {
        assert_eq!(InvoiceId::new(-7).to_string(), "-7");
        assert_eq!(format!("{:>4}", OfferId::new(7)), "   7");
        assert_eq!(OfferId::new(7).get(), 7);
    }

    #[test]
    fn kinds_of_parties_and_invoices_belong_together() {
        for kind in [PartyKind::Affiliate, PartyKind::Advertiser] {
            assert_eq!(kind.invoice_kind().party_kind(), kind);
            assert_eq!(PartyKind::parse(kind.as_str()), Some(kind));
            assert_eq!(InvoiceKind::parse(kind.invoice_kind().as_str()), Some(kind.invoice_kind()));
        }
        assert_eq!(PartyKind::parse("Affiliate"), None);
        assert_eq!(InvoiceKind::parse(""), None);
        assert_eq!(PartyId::from(AffiliateId::new(3)).to_string(), "affiliate 3");
        assert_ne!(PartyId::from(AffiliateId::new(3)), PartyId::from(AdvertiserId::new(3)));
    }
}
