//! Why a round brought no keys, and what the users of a source are told.

use std::fmt;

use thiserror::Error;

use crate::clock::UnixTime;
use crate::finding::{Code, Severity};
use crate::jose::{KeySetError, SkippedKey};
use crate::resources::{Report, ReportFinding};
use crate::transport::FetchError;

/// The most findings of one report.
const MAX_FINDINGS: usize = 16;

/// Why a round brought no keys. Places are URLs without their query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Failure {
    #[error("{place}: {error}")]
    Fetch { place: String, error: FetchError },
    #[error("the issuer has a query, which no issuer may have (RFC 8414, section 2)")]
    IssuerQuery,
    #[error("{place}: not metadata, expected a JSON object with issuer and jwks_uri, each once")]
    NoMetadata { place: String },
    #[error("{place}: the metadata is of the issuer {found:?}")]
    IssuerMismatch { place: String, found: String },
    #[error("{place}: {error}")]
    NoKeySet { place: String, error: KeySetError },
    #[error("{place}: none of the {} keys can be used", .skipped.len())]
    NoUsableKeys { place: String, skipped: Vec<SkippedKey> },
}

impl Failure {
    /// The fetch of `url` failed.
    pub(super) fn fetch(url: &str, error: FetchError) -> Self {
        Self::Fetch { place: without_query(url), error }
    }

    /// What status calls it.
    pub(super) const fn code(&self) -> Code {
        match self {
            Self::Fetch { error: FetchError::EgressForbidden(_), .. } => Code::EgressForbidden,
            Self::IssuerMismatch { .. } => Code::IssuerMismatch,
            Self::NoKeySet { .. } | Self::NoUsableKeys { .. } => Code::InvalidKeySet,
            Self::Fetch { .. } | Self::NoMetadata { .. } | Self::IssuerQuery => Code::KeysUnavailable,
        }
    }

    /// Whether there is just nothing at this place.
    pub(super) const fn is_absence(&self) -> bool {
        matches!(self, Self::NoMetadata { .. } | Self::Fetch { error: FetchError::Status(400..=499), .. })
    }

    const fn cure(&self) -> &'static str {
        match self {
            Self::Fetch { error: FetchError::EgressForbidden(_), .. } => {
                "use a URL that leads to a public address, or have --egress-allow extended"
            }
            Self::IssuerMismatch { .. } => "write the issuer exactly as its metadata does, or correct the URL",
            Self::NoKeySet { .. } | Self::NoUsableKeys { .. } => {
                "serve a JWK Set (RFC 7517) with at least one key for verifying signatures"
            }
            Self::Fetch { .. } | Self::NoMetadata { .. } | Self::IssuerQuery => {
                "check the URL, the issuer and the way there; it is tried again within 30 s"
            }
        }
    }
}

/// A URL as messages show it: a query may hold what is not for everybody.
pub(super) fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

/// Which keys are in use.
pub(super) enum InUse<'a> {
    /// None.
    Nothing,
    /// Those of this time, until this time if no newer ones come.
    Keys { skipped: &'a [SkippedKey], as_of: UnixTime, until: UnixTime },
}

/// What users should know after a round that ended so.
pub(super) fn report(failure: Option<&Failure>, in_use: &InUse<'_>) -> Report {
    let mut findings = Vec::new();
    if let Some(failure) = failure {
        let (severity, cause) = match in_use {
            InUse::Nothing => (Severity::Error, format!("no keys: {failure}")),
            InUse::Keys { as_of, until, .. } => (
                Severity::Warning,
                format!("{failure}; the keys of {} are in use until {}", Time(*as_of), Time(*until)),
            ),
        };
        findings.push(ReportFinding { code: failure.code(), severity, cause, cure: failure.cure().to_owned() });
    }
    let skipped = match (in_use, failure) {
        (InUse::Keys { skipped, .. }, _) => skipped,
        (InUse::Nothing, Some(Failure::NoUsableKeys { skipped, .. })) => skipped.as_slice(),
        (InUse::Nothing, _) => &[],
    };
    let room = MAX_FINDINGS.saturating_sub(findings.len());
    let shown = if skipped.len() > room { room.saturating_sub(1) } else { skipped.len() };
    findings.extend(skipped.iter().take(shown).map(|key| skipped_key(&describe(key))));
    if skipped.len() > shown {
        findings.push(skipped_key(&format!("{} more keys are not used", skipped.len().saturating_sub(shown))));
    }
    Report { findings }
}

fn skipped_key(cause: &str) -> ReportFinding {
    ReportFinding {
        code: Code::KeySkipped,
        severity: Severity::Warning,
        cause: cause.to_owned(),
        cure: "remove or replace the key at its issuer".to_owned(),
    }
}

fn describe(key: &SkippedKey) -> String {
    match &key.kid {
        Some(kid) => format!("key {} with kid {kid:?} is not used: {}", key.index, key.reason),
        None => format!("key {} is not used: {}", key.index, key.reason),
    }
}

/// `2026-11-25T08:00:00Z`: whole seconds, so that a message stays the same while the situation does.
struct Time(UnixTime);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.secs()) {
            Ok(timestamp) => fmt::Display::fmt(&timestamp, formatter),
            Err(_) => write!(formatter, "{} s after 1970", self.0.secs()),
        }
    }
}
