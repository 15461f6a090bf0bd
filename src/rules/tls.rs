//! `tls:` of `nightdesk.yaml`: the certificate of the port. Only where it lies; what is in the files is read elsewhere.

use std::time::Duration;

use crate::yaml::Node;

use super::model::Located;
use super::read::located;
use super::shape::duration;

/// How long browsers keep to HTTPS, unless the shop says otherwise.
const DEFAULT_HSTS: Duration = Duration::from_hours(365 * 24);

/// Where the certificate lies and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsSpec {
    /// File of the certificate with those between it and its authority, relative to the shop's directory.
    pub certificate: Located<String>,
    /// File of its key.
    pub key: Located<String>,
    /// How long browsers keep to HTTPS once they have seen it; zero for not at all.
    pub hsts: Duration,
}

impl TlsSpec {
    /// Reads `tls:`; none without both files.
    pub(super) fn read(node: &Node) -> Option<Self> {
        Some(Self {
            certificate: node.get("certificate").and_then(located)?,
            key: node.get("key").and_then(located)?,
            hsts: node.get("hsts").and_then(Node::text).and_then(duration).unwrap_or(DEFAULT_HSTS),
        })
    }
}
