//! What happens to a request that a route took: the ordered stages, or a refusal.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::policy::Policy;
use super::upstream::Upstream;
use crate::expr::Rule;
use crate::finding::Code;
use crate::name::Bytes;

/// What a rule became. A rule that could not be compiled refuses; there is no third form.
#[derive(Debug)]
pub enum Chain {
    /// Every request is refused with 503 and the code of the finding.
    Refuse(Refused),
    /// Requests go through these stages.
    Serve(Box<Stages>),
}

impl Chain {
    /// The stages, or why there are none.
    pub fn stages(&self) -> Result<&Stages, &Refused> {
        match self {
            Self::Serve(stages) => Ok(stages),
            Self::Refuse(refused) => Err(refused),
        }
    }

    /// `namespace/name/rule`, as logs and metrics show it.
    pub fn rule(&self) -> &Arc<str> {
        match self {
            Self::Refuse(refused) => &refused.rule,
            Self::Serve(stages) => &stages.rule,
        }
    }
}

/// Why a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `namespace/name/rule`.
    pub rule: Arc<str>,
    /// The finding's code.
    pub code: Code,
}

/// The stages of a rule, in the order in which they apply.
#[derive(Debug)]
pub struct Stages {
    /// `namespace/name/rule`.
    pub rule: Arc<str>,
    /// Who may.
    pub access: Access,
    /// The most bytes of a request's body.
    pub max_body: Bytes,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Changes to the request's head.
    pub request: HeaderEdits,
    /// The Host header that replaces every other, if one is set.
    pub host: Option<HeaderValue>,
    /// The new path.
    pub path: Option<PathRewrite>,
    /// Changes to the reply's head.
    pub response: HeaderEdits,
    /// In which form refusals are written.
    pub dialect: Dialect,
    /// Where it goes.
    pub action: Action,
}

/// In which form a rule's refusals are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 9457.
    #[default]
    Problem,
    /// As OpenAI's API writes its errors, so that its SDKs raise the right exception: the rule leads to models.
    OpenAi,
}

impl Stages {
    /// Draws a point for [`Weighted::at`] from a source of numbers below a bound; zero where nothing is to be drawn.
    pub fn draw(&self, below: impl FnOnce(u32) -> u32) -> u32 {
        match &self.action {
            Action::Forward(backends) if backends.backends.len() > 1 => below(backends.total),
            Action::Forward(_) | Action::Redirect(_) => 0,
        }
    }

    /// The backend that a point from [`Stages::draw`] falls to; `None` for a redirect, or if no weight is above zero.
    pub fn backend(&self, point: u32) -> Option<&Backend> {
        match &self.action {
            Action::Forward(backends) => backends.at(point),
            Action::Redirect(_) => None,
        }
    }
}

/// Who may use a rule.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody: the rule says `anonymous: true`.
    Anonymous,
    /// Whoever brings a token that one of these accepts.
    Tokens(Box<[TokenRule]>),
}

/// One way to be let in: a token of this policy that has these scopes and claims and for which the expression is true.
#[derive(Clone, Debug)]
pub struct TokenRule {
    /// Which tokens.
    pub policy: Arc<Policy>,
    /// All of these.
    pub scopes: Box<[Box<str>]>,
    /// All of these.
    pub claims: Box<[ClaimMatcher]>,
    /// True of the request, if there is one; an error is not.
    pub require: Option<Arc<Rule>>,
}

/// A claim and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimMatcher {
    /// Its name; a top-level member of the claims.
    pub claim: Box<str>,
    /// What is asked of it.
    pub test: ClaimTest,
}

/// What is asked of a claim. A claim that is a list meets a test if one of its strings does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// It is this string.
    Equals(Box<str>),
    /// It is one of these strings.
    OneOf(Box<[Box<str>]>),
    /// It starts with this.
    Prefix(Box<str>),
}

/// Headers to set and to remove; removal comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Replaced or added.
    pub set: Box<[(HeaderName, HeaderValue)]>,
    /// Taken out, all values.
    pub remove: Box<[HeaderName]>,
}

/// How the path changes on the way upstream; the query stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRewrite {
    /// The matched prefix becomes this; what follows stays.
    Prefix {
        /// How many bytes of the normalised path the rule's match took, without a trailing slash.
        matched: usize,
        /// Absolute, without a trailing slash; empty for the root.
        replacement: Box<str>,
    },
    /// The whole path becomes this.
    Full(Box<str>),
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the request's complete head to the end of the reply; `None`: as long as bytes flow.
    pub request: Option<Duration>,
    /// For one connection attempt.
    pub connect: Duration,
    /// Without a byte in either direction while the upstream is awaited.
    pub idle: Duration,
}

/// Where a request goes.
#[derive(Debug)]
pub enum Action {
    /// To one of these, by weight.
    Forward(Weighted),
    /// Back, with a redirect.
    Redirect(Redirect),
}

/// Backends by weight. A backend that does not resolve keeps its share, and refuses it.
#[derive(Debug)]
pub struct Weighted {
    /// In the order in which the rule names them, each with the sum of the weights up to and with its own.
    pub backends: Box<[(u32, Backend)]>,
    /// The sum of all weights; zero: every request is refused.
    pub total: u32,
}

impl Weighted {
    /// The backend whose share `point` falls into; `point` is below `total`.
    pub fn at(&self, point: u32) -> Option<&Backend> {
        let place = self.backends.partition_point(|(sum, _)| *sum <= point);
        self.backends.get(place).map(|(_, backend)| backend)
    }
}

/// One target of a rule.
#[derive(Clone, Debug)]
pub enum Backend {
    /// These endpoints.
    Upstream {
        /// The endpoints.
        upstream: Arc<Upstream>,
        /// Taken off the front of the path, by whole segments, where it is there: `/v1` for a model provider, whose
        /// `base` has its own. Empty: nothing.
        strip: Box<str>,
        /// What precedes the path at a URL target; empty or absolute without a trailing slash.
        base: Box<str>,
        /// Sent as `Authorization`, replacing what the client sent: the credential of a model provider.
        credential: Option<Arc<HeaderValue>>,
        /// A second check that both a rule and its model backend must pass.
        access: Option<Arc<Access>>,
    },
    /// It does not resolve: 503 with this code.
    Unresolved(Code),
}

/// A redirect's parts; what is absent stays as it was in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<http::uri::Scheme>,
    /// Host and, where not the scheme's own, port.
    pub authority: Option<http::uri::Authority>,
    /// The new path.
    pub path: Option<PathRewrite>,
}
