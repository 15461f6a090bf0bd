//! Known customers: the shop's own site vouches for who is logged in, by a token that it signs (JWT, HS256).
//!
//! Without it a visitor is nobody: no name, no level. With it the conversation belongs to the account, on every device.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::message::Customer;

/// Longest id of an account, in bytes.
const MAX_ID: usize = 256;
/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 60;

/// What the shop's site vouches for.
#[derive(Debug, Deserialize)]
struct Claims {
    /// The account.
    sub: String,
    /// When the token ends, in seconds since 1970. Without an end it would be a password that never changes.
    exp: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// Why a token was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdentityError {
    /// Happens when the channel has no `identity_secret`.
    #[error("this channel knows no customers: set `identity_secret` in nightdesk.yaml")]
    NotConfigured,
    /// Happens when it was signed with another secret, in another way, or is no token at all.
    #[error("the token is not signed with this channel's secret (JWT, HS256), or lacks `sub` or `exp`")]
    NotGenuine,
    /// Happens when its time is over.
    #[error("the token's time is over; fetch a new one from the shop's site")]
    Expired,
}

/// The customer that a token vouches for. Any of the secrets will do, so that one can be changed.
pub(super) fn verify(token: &str, secrets: &[SecretString], now: Timestamp) -> Result<Customer, IdentityError> {
    if secrets.is_empty() {
        return Err(IdentityError::NotConfigured);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // The time is looked at below, by the daemon's own clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = secrets.iter().find_map(|secret| {
        let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        decode::<Claims>(token, &key, &validation).ok()
    });
    let claims = decoded.ok_or(IdentityError::NotGenuine)?.claims;
    if claims.sub.is_empty() || claims.sub.len() > MAX_ID {
        return Err(IdentityError::NotGenuine);
    }
    if claims.exp.saturating_add(LEEWAY) < now.as_second() {
        return Err(IdentityError::Expired);
    }
    Ok(Customer {
        id: format!("u_{}", claims.sub),
        tier: claims.tier,
        name: claims.name,
        attributes: claims.attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    fn token(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("encodes")
    }

    #[test]
    fn the_shop_s_site_vouches_for_its_customers() {
        let now = Timestamp::from_second(1_000_000).expect("in range");
        let secrets: Vec<SecretString> = vec!["new-secret".into(), "old-secret".into()];
        let claims =
            json!({"sub": "anna", "exp": 1_000_600, "tier": "vip", "name": "Anna", "attributes": {"city": "杭州"}});
        for secret in ["new-secret", "old-secret"] {
            let customer = verify(&token(&claims, secret, Algorithm::HS256), &secrets, now).expect("genuine");
            assert_eq!((customer.id.as_str(), customer.tier.as_deref()), ("u_anna", Some("vip")));
            assert_eq!(customer.attributes["city"], "杭州");
        }
        let good = token(&claims, "new-secret", Algorithm::HS256);
        let later = now + jiff::SignedDuration::from_hours(1);
        assert_eq!(verify(&good, &secrets, later), Err(IdentityError::Expired));
        assert_eq!(verify(&good, &[], now), Err(IdentityError::NotConfigured));
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIiwiZXhwIjoxMDAwNjAwfQ.";
        let forged = [
            token(&claims, "wrong", Algorithm::HS256),
            token(&claims, "new-secret", Algorithm::HS512),
            token(&json!({"sub": "anna"}), "new-secret", Algorithm::HS256),
            token(&json!({"sub": "", "exp": 2_000_000}), "new-secret", Algorithm::HS256),
            unsigned.to_owned(),
            String::new(),
            "不是令牌".to_owned(),
        ];
        for bad in forged {
            assert_eq!(verify(&bad, &secrets, now), Err(IdentityError::NotGenuine), "{bad}");
        }
    }
}
