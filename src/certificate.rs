//! The certificate of the port and its key: read, held against each other, and how long they are good. Refuses to listen and to
//! decide what becomes of a bad pair.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;

use crate::diag::{Finding, Report};
use crate::rules::TlsSpec;

/// Most bytes of either file.
const MAX_FILE: u64 = 256 * 1024;
/// From when on an end is near; of a short life its last third.
const NEAR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate, with those between it and its authority.
    Certificate,
    /// Its key.
    Key,
}

/// Why a pair cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// Happens when a file is missing, or not for us.
    #[error("the file `{file}` of tls.{part} cannot be read: {error}")]
    Unreadable {
        /// Which.
        part: Part,
        /// As in the settings.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Happens when a file holds something else.
    #[error("there is no {} in `{file}`", if *part == Part::Key { "key that can be used" } else { "certificate" })]
    Nothing {
        /// Which.
        part: Part,
        /// As in the settings.
        file: String,
    },
    /// Happens when a file is damaged, or of a kind that nobody speaks.
    #[error("`{file}` cannot be used: {why}")]
    Damaged {
        /// Which.
        part: Part,
        /// As in the settings.
        file: String,
        /// Why.
        why: String,
    },
    /// Happens when the two were not made for each other: often only one of them was replaced.
    #[error("the key in `{key}` is not that of the certificate in `{certificate}`")]
    Apart {
        /// As in the settings.
        certificate: String,
        /// As in the settings.
        key: String,
    },
}

impl PairError {
    /// Which of the two settings it is about.
    #[must_use]
    pub fn part(&self) -> Part {
        match self {
            Self::Unreadable { part, .. } | Self::Nothing { part, .. } | Self::Damaged { part, .. } => *part,
            Self::Apart { .. } => Part::Key,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "write its path as seen from the directory of nightdesk.yaml, and let the user who runs nightdesk read it"
            }
            Self::Nothing { part: Part::Certificate, .. } => {
                "name the PEM file with the whole chain, your own certificate first (certbot: fullchain.pem)"
            }
            Self::Nothing { part: Part::Key, .. } => {
                "name the PEM file with the key, without a pass phrase (certbot: privkey.pem)"
            }
            Self::Damaged { .. } => "have a new one made; keys are RSA from 2048 bits, ECDSA or Ed25519",
            Self::Apart { .. } => {
                "take both from the same order; the first certificate of the file has to be your own, not the authority's"
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
        })
    }
}

/// The two files as they are on disk.
pub struct Files {
    spec: (String, String),
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Files {
    /// Reads both. Paths count from the shop's directory.
    ///
    /// # Errors
    /// When one is missing, too large, or not for us.
    pub fn read(dir: &Path, spec: &TlsSpec) -> Result<Self, PairError> {
        let read = |part, file: &String| {
            bytes(&dir.join(file)).map_err(|error| PairError::Unreadable { part, file: file.clone(), error })
        };
        let (certificate, key) = (&spec.certificate.value, &spec.key.value);
        Ok(Self {
            spec: (certificate.clone(), key.clone()),
            certificate: read(Part::Certificate, certificate)?,
            key: read(Part::Key, key)?,
        })
    }

    /// Changes when one of them does.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let both = [digest(&SHA256, &self.certificate), digest(&SHA256, &self.key)];
        Mark(both.map(|digest| digest.as_ref().to_vec()))
    }

    /// What they hold.
    ///
    /// # Errors
    /// When they hold something else, or the two were not made for each other.
    pub fn pair(&self) -> Result<Pair, PairError> {
        let (file, key_file) = self.spec.clone();
        let damaged = |part, why: String| PairError::Damaged {
            part,
            file: if part == Part::Key { key_file.clone() } else { file.clone() },
            why,
        };
        let nothing = |part, file: &String| PairError::Nothing { part, file: file.clone() };
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| damaged(Part::Certificate, error.to_string()))?;
        let mut lives = Vec::new();
        for certificate in &chain {
            let life = life(certificate).ok_or_else(|| {
                damaged(Part::Certificate, "it holds a certificate that cannot be understood".to_owned())
            })?;
            lives.push(life);
        }
        let Some((begins, own_end)) = lives.first().copied() else { return Err(nothing(Part::Certificate, &file)) };
        let key = match PrivateKeyDer::from_pem_slice(&self.key) {
            Ok(key) => key,
            Err(PemError::NoItemsFound) => return Err(nothing(Part::Key, &key_file)),
            Err(error) => return Err(damaged(Part::Key, error.to_string())),
        };
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                PairError::Apart { certificate: file.clone(), key: key_file.clone() }
            }
            TlsError::General(why) => damaged(Part::Key, why),
            error => damaged(Part::Certificate, error.to_string()),
        })?;
        // The chain holds as long as its weakest part.
        let ends = lives.iter().map(|(_, ends)| *ends).min().unwrap_or(own_end);
        Ok(Pair { key: Arc::new(key), begins, ends })
    }
}

/// By which two readings of the files are told apart; the key is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark([Vec<u8>; 2]);

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Pair {
    /// For those who speak TLS.
    pub key: Arc<CertifiedKey>,
    /// When it began to be good.
    pub begins: Timestamp,
    /// When it, or one between it and its authority, is no longer good.
    pub ends: Timestamp,
}

impl Pair {
    /// What is to be said about its time, if anything.
    #[must_use]
    pub fn worry(&self, now: Timestamp) -> Option<String> {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string();
        if self.ends <= now {
            return Some(format!("the certificate ended at {}", day(self.ends)));
        }
        if now < self.begins {
            return Some(format!("the certificate is not good before {}", day(self.begins)));
        }
        let near = NEAR.min(self.ends.duration_since(self.begins) / 3);
        (self.ends.duration_since(now) < near).then(|| format!("the certificate ends at {}", day(self.ends)))
    }
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!("it has more than {} KiB", MAX_FILE / 1024)));
    }
    Ok(bytes)
}

/// From when to when a certificate is good.
fn life(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let certificate = CertificateInner::<Raw>::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    // One without a set end says the last second of the year 9999 (RFC 5280, 4.1.2.5), which is later than a timestamp can be.
    let at = |since: Duration| {
        let seconds = i64::try_from(since.as_secs()).ok()?;
        Timestamp::from_second(seconds.min(Timestamp::MAX.as_second())).ok()
    };
    Some((at(validity.not_before.to_unix_duration())?, at(validity.not_after.to_unix_duration())?))
}

/// Says what is wrong with the certificate of the port, if it has one.
pub fn check(dir: &Path, spec: Option<&TlsSpec>, now: Timestamp, report: &mut Report) {
    let Some(spec) = spec else { return };
    let place = |part| if part == Part::Key { &spec.key.place } else { &spec.certificate.place };
    match Files::read(dir, spec).and_then(|files| files.pair()) {
        Err(error) => {
            let finding = Finding::error("bad-certificate", error.to_string());
            report.push(finding.at(place(error.part())).help(error.help()));
        }
        Ok(pair) => {
            if let Some(worry) = pair.worry(now) {
                report.push(Finding::warning("certificate-ends", worry).at(place(Part::Certificate)).help(
                    "have it renewed; nightdesk takes a new one from these files within seconds, without a restart",
                ));
            }
        }
    }
    if is_open(&dir.join(&spec.key.value)) {
        report.push(
            Finding::warning("open-key", format!("every user of this machine may read `{}`", spec.key.value))
                .at(place(Part::Key))
                .help(format!("chmod 600 {}, and let it belong to the user who runs nightdesk", spec.key.value)),
        );
    }
}

/// Whether a file is for everybody on the machine.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

/// Whether a file is for everybody on the machine: not known here.
#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}
