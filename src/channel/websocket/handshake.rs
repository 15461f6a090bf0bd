//! Who may open a socket: the page's Origin against the channel's list, and the subprotocol, before the upgrade.

use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use crate::channel::Problem;
use crate::rules::ChannelSpec;

/// The subprotocol.
pub const PROTOCOL: &str = "chat.v1.json";

/// A handshake that was accepted.
#[derive(Debug)]
pub struct Upgrade {
    /// The answer to send.
    pub response: Response<()>,
}

/// Looks at a handshake. `loopback` tells whether the peer is this machine.
///
/// # Errors
/// A problem with status 403 for a foreign page, 400 for what is no WebSocket handshake.
pub fn admit(request: &Request<()>, channel: &ChannelSpec, loopback: bool) -> Result<Upgrade, Problem> {
    origin(request.headers(), channel, loopback)?;
    let offered: Vec<&str> = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(',').map(str::trim))
        .collect();
    if !offered.is_empty() && !offered.contains(&PROTOCOL) {
        return Err(Problem::bad_request(format!("The subprotocol here is `{PROTOCOL}`.")));
    }
    let mut response = create_response(request).map_err(|error| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "not_a_websocket",
            "This is a WebSocket",
            format!("Open it with a WebSocket client ({error})."),
        )
    })?;
    if !offered.is_empty() {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, header::HeaderValue::from_static(PROTOCOL));
    }
    Ok(Upgrade { response })
}

/// A foreign page may not open a socket in its visitor's name; what is no browser sends no Origin.
fn origin(headers: &HeaderMap, channel: &ChannelSpec, loopback: bool) -> Result<(), Problem> {
    let forbidden = |detail: &str| {
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "This page may not open the chat", detail))
    };
    let mut all = headers.get_all(header::ORIGIN).iter();
    let origin = match (all.next(), all.next()) {
        (None, _) if channel.require_origin => return forbidden("Only pages of the shop may open it."),
        (None, _) => return Ok(()),
        (Some(origin), None) => origin.to_str().ok().and_then(normal),
        (Some(_), Some(_)) => None,
    };
    let Some(origin) = origin else { return forbidden("The Origin cannot be read.") };
    if channel.origins.iter().filter_map(|allowed| normal(&allowed.value)).any(|allowed| allowed == origin) {
        return Ok(());
    }
    // The demo page on this very machine, whatever port it got.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    let pages = ["http", "https"].map(|scheme| normal(&format!("{scheme}://{host}")));
    if loopback && own && pages.iter().flatten().any(|own| *own == origin) {
        return Ok(());
    }
    forbidden("Add the page's address to `origins` of the channel in nightdesk.yaml.")
}

/// Scheme, host and port in lower case, with the port that a scheme implies left out. `null` and what has a path are none.
fn normal(origin: &str) -> Option<String> {
    let origin = origin.trim().trim_end_matches('/').to_ascii_lowercase();
    let (scheme, rest) = origin.split_once("://")?;
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
        return None;
    }
    let implied = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let host = if implied.is_empty() { rest } else { rest.strip_suffix(implied).unwrap_or(rest) };
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Place;
    use crate::rules::ChannelKind;
    use crate::rules::model::Located;

    fn channel(origins: &[&str], require_origin: bool) -> ChannelSpec {
        let place = Place { file: "nightdesk.yaml".into(), span: 0..0 };
        let located = |value: &&str| Located { value: (*value).to_owned(), place: place.clone() };
        ChannelSpec {
            kind: ChannelKind::Websocket,
            values: std::collections::BTreeMap::new(),
            base_url: None,
            origins: origins.iter().map(located).collect(),
            require_origin,
            secrets: Vec::new(),
            identity_secrets: Vec::new(),
            reply_url: None,
            first_response: None,
            keys: Vec::new(),
            wechat: None,
            place: place.clone(),
        }
    }

    fn allowed(origin: Option<&str>, host: &str, channel: &ChannelSpec, loopback: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a header"));
        if let Some(value) = origin {
            headers.insert(header::ORIGIN, value.parse().expect("a header"));
        }
        super::origin(&headers, channel, loopback).is_ok()
    }

    #[test]
    fn only_the_shop_s_own_pages_may_open_the_chat() {
        let shop = channel(&["https://shop.example", "http://m.shop.example:8080/"], false);
        for good in ["https://shop.example", "https://SHOP.example:443", "http://m.shop.example:8080"] {
            assert!(allowed(Some(good), "chat.shop.example", &shop, false), "{good}");
        }
        for bad in [
            "http://shop.example",
            "https://shop.example.evil.example",
            "https://evil-shop.example",
            "null",
            "https://shop.example:8443",
            "file://",
            "",
        ] {
            assert!(!allowed(Some(bad), "chat.shop.example", &shop, false), "{bad}");
        }
        assert!(allowed(None, "chat.shop.example", &shop, false));
        assert!(!allowed(None, "chat.shop.example", &channel(&[], true), false));
    }

    #[test]
    fn the_demo_page_works_on_this_machine_only() {
        let none = channel(&[], false);
        assert!(allowed(Some("http://127.0.0.1:40123"), "127.0.0.1:40123", &none, true));
        assert!(allowed(Some("https://localhost:40123"), "localhost:40123", &none, true));
        assert!(!allowed(Some("https://localhost:40124"), "localhost:40123", &none, true));
        assert!(!allowed(Some("http://127.0.0.1:40123"), "127.0.0.1:40123", &none, false));
        assert!(!allowed(Some("http://127.0.0.1:9"), "127.0.0.1:40123", &none, true));
        assert!(!allowed(Some("http://evil.example:40123"), "evil.example:40123", &none, true));
    }
}
