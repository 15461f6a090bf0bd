//! Which addresses lie in the open internet: a look-up must not reach into the network that the program runs in, unless the shop
//! says so. The name is resolved once, and what it was resolved to is what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address that is written as a number is public. A name is looked at when it is resolved.
pub(super) fn is_public(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().map_or(true, public)
}

/// Sources: IANA's special-purpose address registries for IPv4 and IPv6.
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => public_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| public_v6(v6), public_v4),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)))
}

fn public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    // 2000::/3 is what is given out; 2001:db8::/32 is for books, 2002::/16 and 64:ff9b::/96 hide an IPv4 address.
    (first & 0xe000) == 0x2000 && !(first == 0x2001 && address.segments()[1] == 0xdb8) && first != 0x2002
}

/// Resolves names to public addresses alone.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = all.filter(|address| public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name leads into the own network".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_open_is_told_apart() {
        for url in [
            "http://127.0.0.1/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://2130706433/",
            "http://0x7f.1/",
        ] {
            assert!(!is_public(&url.parse().expect("an address")), "{url}");
        }
        for url in ["https://erp.example/", "http://8.8.8.8/", "http://[2606:4700::1]/"] {
            assert!(is_public(&url.parse().expect("an address")), "{url}");
        }
    }
}
