//! Which address a client has, also behind proxies.
//!
//! What a client says of itself counts for nothing: `X-Forwarded-For` is read from the right, and only as far as each
//! hop is one of our own proxies.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, HeaderName, request::Parts},
};
use ipnet::IpNet;

use crate::{Gateway, rest::Problem};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits are counted by. Whoever has one IPv6 address mostly has 2^64 of them, so these are one.
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        }
    }

    /// [`Self::network`] as a text.
    pub fn key(self) -> String {
        self.network().to_string()
    }

    /// By the connection that a request came on, and what our own proxies say of it.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        // Only a test calls the routes without a connection.
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(Ipv6Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip());
        // A value that is no text stays in its place: left out, it would take along what our proxy has added to it.
        let hops = headers.get_all(FORWARDED_FOR).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let hops = hops.collect::<Vec<_>>().join(",");
        let mut address = peer;
        for hop in hops.rsplit(',') {
            match parse(hop.trim()) {
                Some(next) if is_in(proxies, address) => address = next,
                _ => break,
            }
        }
        Self(address.to_canonical())
    }
}

impl FromRequestParts<Arc<Gateway>> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        Ok(Self::of(&parts.extensions, &parts.headers, &gateway.config.trusted_proxies))
    }
}

/// Whether an address is in one of these networks.
pub(crate) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// A hop as proxies write it: an address, at times with a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1234)));
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|network| network.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        ClientAddress::of(&extensions, &headers, &proxies).0.to_string()
    }

    #[test]
    fn what_a_client_says_of_itself_counts_for_nothing() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn it_is_the_last_hop_that_is_no_proxy_of_ours() {
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, 10.2.2.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7", "fd00::1"]), "198.51.100.7");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7:5000"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["10.3.3.3, 10.2.2.2"]), "10.3.3.3");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1", "behind nonsense nobody knows");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "é, 198.51.100.7"]), "198.51.100.7", "nonsense hides nobody");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let key = |address: &str| ClientAddress(address.parse().unwrap()).key();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
