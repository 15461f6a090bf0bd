//! Who may act as a person of the shop or as its administrator.
//!
//! With tokens in the configuration: a bearer of one. Without any: this machine only, and neither a proxy's requests nor those
//! of a web page in the operator's browser count as this machine.

use axum::http::{HeaderMap, StatusCode, header};
use secrecy::ExposeSecret;

use crate::channel::Problem;
use crate::rules::Access;
use crate::token::equal;

use super::Peer;

/// Headers by which proxies show themselves.
const FORWARDING: [&str; 8] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
    "true-client-ip",
];

/// A person of the shop, by name.
///
/// # Errors
/// 401 without a good token, 403 from elsewhere while there are no tokens.
pub(super) fn agent(headers: &HeaderMap, peer: Option<Peer>, access: &Access) -> Result<String, Problem> {
    if access.admin.is_none() && access.agents.is_empty() {
        return local(headers, peer).map(|()| "local".to_owned());
    }
    let token = bearer(headers).ok_or_else(unauthorized)?;
    let mut found = None;
    // Every token is compared, so that the time tells nothing of which one it was.
    for (name, secret) in &access.agents {
        if equal(secret.expose_secret().as_bytes(), token.as_bytes()) {
            found = Some(name.clone());
        }
    }
    if is_admin(token, access) {
        found = found.or_else(|| Some("admin".to_owned()));
    }
    found.ok_or_else(unauthorized)
}

/// The administrator.
///
/// # Errors
/// As for [`agent`].
pub(super) fn admin(headers: &HeaderMap, peer: Option<Peer>, access: &Access) -> Result<(), Problem> {
    if access.admin.is_none() {
        return local(headers, peer);
    }
    let token = bearer(headers).ok_or_else(unauthorized)?;
    if is_admin(token, access) { Ok(()) } else { Err(unauthorized()) }
}

/// Whoever may read the figures: the administrator, and a machine that may do nothing else.
///
/// # Errors
/// As for [`agent`].
pub(super) fn metrics(headers: &HeaderMap, peer: Option<Peer>, access: &Access) -> Result<(), Problem> {
    let theirs = access.metrics.as_ref().zip(bearer(headers));
    if theirs.is_some_and(|(secret, token)| equal(secret.expose_secret().as_bytes(), token.as_bytes())) {
        return Ok(());
    }
    admin(headers, peer, access)
}

fn is_admin(token: &str, access: &Access) -> bool {
    access.admin.as_ref().is_some_and(|secret| equal(secret.expose_secret().as_bytes(), token.as_bytes()))
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "A token is needed",
        "Send `Authorization: Bearer TOKEN` with a token of `access` in nightdesk.yaml.",
    )
}

/// A program on this very machine, asking for itself.
fn local(headers: &HeaderMap, peer: Option<Peer>) -> Result<(), Problem> {
    let forbidden = || {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "local_only",
            "This is open to this machine only",
            "Put a token into `access` in nightdesk.yaml to reach it from elsewhere, through a proxy, or from a page.",
        ))
    };
    let here = peer.is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    // Who sends a token means to be known by it; a wrong one must not seem to work.
    if bearer(headers).is_some() {
        return Err(unauthorized());
    }
    if !here || FORWARDING.iter().any(|name| headers.contains_key(*name)) {
        return forbidden();
    }
    // A foreign name in Host is a page that had its own name point here; a foreign Origin is a page outright.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return forbidden();
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        None => Ok(()),
        // One port speaks one of the two, so a page of the same host and port is our own.
        Some(origin) if ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host)) => {
            Ok(())
        }
        Some(_) => forbidden(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header"));
        }
        headers
    }

    const HERE: Option<Peer> = Some(Peer(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 50_000))));

    #[test]
    fn without_tokens_only_this_machine_and_no_page_or_proxy() {
        let access = Access::default();
        let may = |pairs: &[(&'static str, &str)], peer| agent(&headers(pairs), peer, &access).is_ok();
        assert!(may(&[("host", "127.0.0.1:8080")], HERE));
        assert!(may(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], HERE));
        assert!(!may(&[("host", "127.0.0.1:8080")], Some(Peer(([192, 0, 2, 1], 5).into()))));
        assert!(!may(&[("host", "127.0.0.1:8080"), ("x-forwarded-for", "192.0.2.1")], HERE));
        assert!(!may(&[("host", "evil.example:8080")], HERE));
        assert!(!may(&[("host", "127.0.0.1:8080"), ("origin", "https://evil.example")], HERE));
        assert!(!may(&[("host", "127.0.0.1:8080"), ("origin", "null")], HERE));
        assert!(may(&[("host", "localhost:8443"), ("origin", "https://localhost:8443")], HERE));
        assert!(!may(&[("host", "localhost:8443"), ("origin", "https://localhost:8444")], HERE));
    }

    #[test]
    fn with_tokens_only_their_bearers() {
        let access = Access {
            admin: Some("a-token".into()),
            agents: vec![("anna".into(), "b-token".into())],
            metrics: Some("m-token".into()),
        };
        let who = |token: &str| agent(&headers(&[("host", "x"), ("authorization", token)]), HERE, &access).ok();
        assert_eq!(who("Bearer b-token").as_deref(), Some("anna"));
        assert_eq!(who("bearer a-token").as_deref(), Some("admin"));
        assert_eq!(who("Bearer c-token"), None);
        assert_eq!(who("Basic b-token"), None);
        assert!(agent(&headers(&[("host", "127.0.0.1")]), HERE, &access).is_err());
        assert!(admin(&headers(&[("authorization", "Bearer b-token")]), HERE, &access).is_err());
        assert!(admin(&headers(&[("authorization", "Bearer a-token")]), HERE, &access).is_ok());
        let reads = |token: &str| metrics(&headers(&[("authorization", token)]), HERE, &access).is_ok();
        assert!(reads("Bearer m-token") && reads("Bearer a-token") && !reads("Bearer b-token"));
        assert_eq!(who("Bearer m-token"), None, "it reads figures and nothing else");
        assert!(admin(&headers(&[("authorization", "Bearer m-token")]), HERE, &access).is_err());
    }
}
