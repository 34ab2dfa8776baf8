//! A chain in short: who may, and where it goes.

use serde::Serialize;

use crate::snapshot::{Access, Action, Backend, Chain, ClaimMatcher, ClaimTest, Stages, TokenRule, Weighted};

/// Either of its members that refuse, or those that serve.
#[derive(Default, Serialize)]
pub(super) struct ChainView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refuses: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<AccessView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_body_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts_ms: Option<TimeoutsView>,
    /// Names only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sets_headers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backends: Vec<BackendView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirects: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum AccessView<'a> {
    Anonymous,
    Tokens(Vec<TokenView<'a>>),
}

#[derive(Serialize)]
struct TokenView<'a> {
    policy: &'a str,
    #[serde(skip_serializing_if = "<[Box<str>]>::is_empty")]
    scopes: &'a [Box<str>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims: Vec<ClaimView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    require: Option<&'a str>,
}

#[derive(Serialize)]
struct ClaimView<'a> {
    claim: &'a str,
    test: &'static str,
    values: Vec<&'a str>,
}

#[derive(Serialize)]
struct TimeoutsView {
    request: Option<u64>,
    connect: u64,
    idle: u64,
}

#[derive(Serialize)]
struct BackendView<'a> {
    weight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    base: &'a str,
    has_credential: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<AccessView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unresolved: Option<&'static str>,
}

impl<'a> ChainView<'a> {
    pub(super) fn of(chain: &'a Chain) -> Self {
        match chain {
            Chain::Refuse(refused) => Self { refuses: Some(refused.code.as_str()), ..Self::default() },
            Chain::Serve(stages) => Self::of_stages(stages),
        }
    }

    fn of_stages(stages: &'a Stages) -> Self {
        let (backends, redirects) = match &stages.action {
            Action::Forward(weighted) => (backends(weighted), None),
            Action::Redirect(redirect) => (Vec::new(), Some(redirect.status.as_u16())),
        };
        let timeouts = &stages.timeouts;
        Self {
            refuses: None,
            access: Some(AccessView::of(&stages.access)),
            max_body_bytes: Some(stages.max_body.0),
            timeouts_ms: Some(TimeoutsView {
                request: timeouts.request.map(millis),
                connect: millis(timeouts.connect),
                idle: millis(timeouts.idle),
            }),
            sets_headers: stages.request.set.iter().map(|(name, _)| name.as_str()).collect(),
            backends,
            redirects,
        }
    }
}

impl<'a> AccessView<'a> {
    fn of(access: &'a Access) -> Self {
        match access {
            Access::Anonymous => Self::Anonymous,
            Access::Tokens(rules) => Self::Tokens(rules.iter().map(TokenView::of).collect()),
        }
    }
}

impl<'a> TokenView<'a> {
    fn of(rule: &'a TokenRule) -> Self {
        Self {
            policy: &rule.policy.name,
            scopes: &rule.scopes,
            claims: rule.claims.iter().map(ClaimView::of).collect(),
            require: rule.require.as_deref().map(crate::expr::Rule::source),
        }
    }
}

impl<'a> ClaimView<'a> {
    fn of(matcher: &'a ClaimMatcher) -> Self {
        let (test, values) = match &matcher.test {
            ClaimTest::Equals(value) => ("equals", vec![&**value]),
            ClaimTest::OneOf(values) => ("in", values.iter().map(AsRef::as_ref).collect()),
            ClaimTest::Prefix(value) => ("prefix", vec![&**value]),
        };
        Self { claim: &matcher.claim, test, values }
    }
}

fn backends(weighted: &Weighted) -> Vec<BackendView<'_>> {
    let mut before = 0;
    let mut views = Vec::with_capacity(weighted.backends.len());
    for (sum, backend) in &weighted.backends {
        let weight = sum.saturating_sub(before);
        before = *sum;
        views.push(match backend {
            Backend::Upstream { upstream, base, credential, access, .. } => BackendView {
                weight,
                upstream: Some(upstream.id.to_string()),
                base,
                has_credential: credential.is_some(),
                access: access.as_deref().map(AccessView::of),
                unresolved: None,
            },
            Backend::Unresolved(code) => BackendView {
                weight,
                upstream: None,
                base: "",
                has_credential: false,
                access: None,
                unresolved: Some(code.as_str()),
            },
        });
    }
    views
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
