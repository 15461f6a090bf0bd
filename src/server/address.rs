//! Which address a request comes from, as far as that can be known behind proxies.
//!
//! For limits only: nobody gets a right by an address. A proxy that is trusted (`limits.trusted_proxies`) tells it in
//! `X-Forwarded-For`, whose last item is the one that it saw itself; what stands before it came from the client.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use crate::rules::Network;

use super::Peer;

/// The address of whoever asks; none for what is asked by this machine itself and for a trusted proxy that does not tell.
pub(super) fn of(headers: &HeaderMap, peer: Option<Peer>, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.holds(*address));
    let Peer(peer) = peer?;
    let peer = peer.ip().to_canonical();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    // A line with a byte that is no letter is a line all the same: what the proxy wrote stands at its end.
    let lines: Vec<_> =
        headers.get_all("x-forwarded-for").iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    for item in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        // What cannot be read ends it: what stands before it is worth nothing.
        let address = read(item.trim())?;
        if !is_trusted(&address) {
            return Some(address);
        }
    }
    // A colleague in the own network, or this machine.
    Some(peer).filter(|peer| !peer.is_loopback() && lines.is_empty())
}

/// An address, with a port or without.
fn read(item: &str) -> Option<IpAddr> {
    let plain = item.strip_prefix('[').and_then(|item| item.strip_suffix(']')).unwrap_or(item);
    let address = plain.parse::<IpAddr>().or_else(|_| item.parse::<SocketAddr>().map(|address| address.ip()));
    Some(address.ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[&str], trusted: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", axum::http::HeaderValue::from_bytes(line.as_bytes()).expect("a header"));
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| Network::parse(text).expect("a network")).collect();
        let peer = Peer(SocketAddr::new(peer.parse().expect("an address"), 5));
        of(&headers, Some(peer), &trusted).map(|address| address.to_string())
    }

    #[test]
    fn a_trusted_proxy_tells_the_address_and_nobody_else() {
        let own = ["127.0.0.0/8", "10.0.0.0/8"];
        for (peer, lines, address) in [
            ("203.0.113.9", &[][..], Some("203.0.113.9")),
            // A client that would have its proxy's line overlooked.
            ("127.0.0.1", &["é, 198.51.100.1"], Some("198.51.100.1")),
            // A client that says so itself.
            ("203.0.113.9", &["198.51.100.1"], Some("203.0.113.9")),
            ("127.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("::ffff:127.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            // Only what the proxy added counts.
            ("127.0.0.1", &["1.1.1.1, 198.51.100.1"], Some("198.51.100.1")),
            ("127.0.0.1", &["1.1.1.1", "198.51.100.1"], Some("198.51.100.1")),
            ("127.0.0.1", &["198.51.100.1, 10.0.0.7"], Some("198.51.100.1")),
            ("127.0.0.1", &["198.51.100.1:4711"], Some("198.51.100.1")),
            ("127.0.0.1", &["[2001:db8::1]:4711"], Some("2001:db8::1")),
            ("127.0.0.1", &["[2001:db8::1]"], Some("2001:db8::1")),
            ("127.0.0.1", &["198.51.100.1, unknown"], None),
            ("127.0.0.1", &[""], None),
            ("127.0.0.1", &[], None),
            ("10.0.0.7", &[], Some("10.0.0.7")),
            ("10.0.0.7", &["10.0.0.8"], None),
        ] {
            assert_eq!(seen(peer, lines, &own).as_deref(), address, "{peer} {lines:?}");
        }
        assert_eq!(seen("127.0.0.1", &["198.51.100.1"], &[]).as_deref(), Some("127.0.0.1"), "nobody is trusted");
    }
}
