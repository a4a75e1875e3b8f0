//! Addresses on the internet: ranges of them, and which of them are anybody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::error::{Error, Result};

/// The most ranges of one list.
const RANGES_MAX: usize = 100;

/// Ranges of addresses, of either family. An IPv4 address that comes in the form of an IPv6 one counts as what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRanges(Vec<IpNet>);

impl AddressRanges {
    /// Reads ranges: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
    ///
    /// # Errors
    /// One of them is none, or there are more than 100; `field` says where they stood.
    pub fn parse<'a>(field: &str, texts: impl IntoIterator<Item = &'a str>) -> Result<AddressRanges> {
        let ranges: Vec<IpNet> = texts.into_iter().map(|text| range(field, text)).collect::<Result<_>>()?;
        if ranges.len() > RANGES_MAX {
            let detail = format!("{} addresses are named, at most {RANGES_MAX} are allowed", ranges.len());
            return Err(Error::invalid(field, detail));
        }
        Ok(AddressRanges(ranges))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The ranges as texts; one of a single address without its length.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|range| match range.prefix_len() == range.max_prefix_len() {
            true => range.addr().to_string(),
            false => range.to_string(),
        })
    }
}

fn range(field: &str, text: &str) -> Result<IpNet> {
    let wrong = || {
        let detail = format!("{text:?} is no address and no range of addresses such as 192.0.2.0/24 or 2001:db8::/32");
        Error::invalid(field, detail)
    };
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let range: IpNet = text.parse().map_err(|_| wrong())?;
    // A range that ends in the middle of one of its own parts is a slip: 10.1.0.0/8 says two things at once.
    if range.trunc() == range { Ok(range) } else { Err(wrong()) }
}

/// Whether an address may be anybody's on the internet: not this machine's, not of a private or local network, and not
/// one that is set aside for something else.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !within_v4(address),
        IpAddr::V6(address) => !within_v6(address),
    }
}

/// The IANA special-purpose registry of IPv4, as far as an address in it is not reachable from everywhere.
fn within_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u8); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    SPECIAL.iter().any(|(start, length)| {
        Ipv4Net::new(Ipv4Addr::from(*start), *length).is_ok_and(|range| range.contains(&address))
    })
}

/// All global addresses of IPv6 are in 2000::/3; within it, what carries another address or is set aside.
fn within_v6(address: Ipv6Addr) -> bool {
    const GLOBAL: ([u16; 2], u8) = ([0x2000, 0], 3);
    // Teredo and other protocols; documentation; 6to4, which carries any IPv4 address; documentation again.
    const SPECIAL: [([u16; 2], u8); 4] =
        [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];
    let within = |(start, length): ([u16; 2], u8)| {
        let start = Ipv6Addr::new(start[0], start[1], 0, 0, 0, 0, 0, 0);
        Ipv6Net::new(start, length).is_ok_and(|range| range.contains(&address))
    };
    !within(GLOBAL) || SPECIAL.into_iter().any(within)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_of_both_families_contain_what_they_say() {
        let ranges = AddressRanges::parse("allow", ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::ffff:198.51.100.1"]);
        let ranges = ranges.unwrap();
        for inside in ["192.0.2.7", "10.255.0.1", "2001:db8:1::5", "::ffff:10.0.0.1", "198.51.100.1"] {
            assert!(ranges.contain(ip(inside)), "{inside}");
        }
        for outside in ["192.0.2.8", "11.0.0.1", "2001:db9::1", "::1", "::ffff:11.0.0.1"] {
            assert!(!ranges.contain(ip(outside)), "{outside}");
        }
        let texts: Vec<String> = ranges.texts().collect();
        assert_eq!(texts, ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "198.51.100.1"]);
    }

    #[test]
    fn what_is_no_range_is_refused_with_its_text() {
        for wrong in ["", "10.0.0.0/33", "10.1.0.0/8", "example.com", "2001:db8::/129", "1.2.3"] {
            let error = AddressRanges::parse("allow", [wrong]).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }

    /// From the registries of special-purpose addresses (RFC 6890 and its successors), and the edges of each range.
    #[test]
    fn addresses_of_private_and_special_networks_are_not_public() {
        let special = [
            "0.0.0.0",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "100::1",
        ];
        for address in special {
            assert!(!is_public(ip(address)), "{address}");
        }
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
        ];
        for address in public {
            assert!(is_public(ip(address)), "{address}");
        }
    }
}
