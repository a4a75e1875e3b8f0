//! Where a request comes from: the other end of its connection, or, behind proxies that are trusted, what they say.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, HeaderName};
use quittance_engine::addresses::AddressRanges;

/// The other end of the connection that a request came by: an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The proxies in front of the server, and the header in which they say whom they stand for.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Where they are. What comes from elsewhere is believed nothing.
    pub trusted: AddressRanges,
    /// The header: `x-forwarded-for`, or one with a single address.
    pub header: HeaderName,
}

impl Default for Proxies {
    /// There are none.
    fn default() -> Proxies {
        Proxies { trusted: AddressRanges::default(), header: HeaderName::from_static("x-forwarded-for") }
    }
}

impl Proxies {
    /// The address of the client; `None` where it cannot be told.
    ///
    /// Each proxy adds to the end of the header whom it has been called by. So it is read from its end, as long as those
    /// who wrote are trusted: what a client has put there before is never reached.
    #[must_use]
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = extensions.get::<Peer>()?.0.to_canonical();
        let lines: Vec<&str> = headers.get_all(&self.header).iter().map(|line| line.to_str().unwrap_or("")).collect();
        let mut said = lines.iter().rev().flat_map(|line| line.split(',').rev());
        while self.trusted.contain(client) {
            match said.next() {
                None => break,
                // A trusted proxy has passed on what is no address: who is behind it cannot be told.
                Some(text) => client = address(text.trim())?.to_canonical(),
            }
        }
        Some(client)
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// Who the client is of a request from a peer with header lines, behind proxies in 10.0.0.0/8.
    fn client(peer: &str, lines: &[&str]) -> Option<String> {
        let trusted = AddressRanges::parse("", ["10.0.0.0/8", "fd00::/8"]).unwrap();
        let proxies = Proxies { trusted, ..Proxies::default() };
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        extensions.insert(Peer(peer.parse().unwrap()));
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies.client(&extensions, &headers).map(|address| address.to_string())
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        let told = |peer, lines: &[&str]| client(peer, lines).unwrap();
        assert_eq!(told("192.0.2.1", &["203.0.113.5"]), "192.0.2.1");
        assert_eq!(told("10.0.0.1", &["203.0.113.5"]), "203.0.113.5");
        // A client that has written the header itself stands before what the proxy has added.
        assert_eq!(told("10.0.0.1", &["10.9.9.9, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(told("10.0.0.1", &["198.51.100.1", "203.0.113.5, 10.0.0.2"]), "203.0.113.5");
        assert_eq!(told("::ffff:10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(told("fd00::1", &["203.0.113.5:80"]), "203.0.113.5");
        // The proxy itself is the client where it names nobody.
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_makes_the_client_unknown() {
        for wrong in ["", "unknown", "203.0.113.5, ", "_hidden"] {
            assert_eq!(client("10.0.0.1", &[wrong]), None, "{wrong:?}");
        }
        assert_eq!(Proxies::default().client(&Extensions::new(), &HeaderMap::new()), None);
    }
}
