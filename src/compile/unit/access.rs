//! Who may make a request, as far as one object says it alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::api;
use crate::compile::notes::{At, Notes, Problem};
use crate::expr::Rule;
use crate::finding::Code;
use crate::name::{Kind, ObjectKey};
use crate::snapshot::{ClaimMatcher, ClaimTest};
use crate::wire::problem::is_scope_token;

/// Who may make a request; the policies are not yet looked up.
#[derive(Clone, Debug)]
pub(in crate::compile) enum AccessUnit {
    /// Everybody: the words `anonymous: true` are there.
    Anonymous,
    /// Whoever brings a token that one of these accepts.
    Tokens(Vec<TokenRuleUnit>),
}

/// One way to be let in.
#[derive(Clone, Debug)]
pub(in crate::compile) struct TokenRuleUnit {
    pub(in crate::compile) policy: ObjectKey,
    pub(in crate::compile) scopes: Box<[Box<str>]>,
    pub(in crate::compile) claims: Box<[ClaimMatcher]>,
    pub(in crate::compile) require: Option<Arc<Rule>>,
}

/// Expressions by their text: equal ones are compiled once, however many rules have them.
#[derive(Debug, Default)]
pub(in crate::compile) struct Expressions {
    known: BTreeMap<Box<str>, Weak<Rule>>,
    /// How many there may be before those that nobody uses are looked for.
    sweep_at: usize,
}

impl Expressions {
    fn compile(&mut self, text: &str) -> Result<Arc<Rule>, Problem> {
        if let Some(rule) = self.known.get(text).and_then(Weak::upgrade) {
            return Ok(rule);
        }
        let rule = Rule::compile(text).map_err(|error| Problem::plain(Code::InvalidExpression, error.to_string()))?;
        let rule = Arc::new(rule);
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, rule| rule.strong_count() > 0);
            self.sweep_at = self.known.len().saturating_mul(2).max(64);
        }
        self.known.insert(text.into(), Arc::downgrade(&rule));
        Ok(rule)
    }
}

/// Reads an `auth`.
pub(super) fn access(
    auth: &api::Auth,
    at: &At<'_>,
    notes: &mut Notes,
    expressions: &mut Expressions,
) -> Result<AccessUnit, Code> {
    match (auth.anonymous, auth.tokens.as_slice()) {
        (Some(api::Anonymous), []) => return Ok(AccessUnit::Anonymous),
        (None, [_, ..]) => {}
        (Some(api::Anonymous), [_, ..]) => {
            let cause = "both tokens and anonymous are set, so it is not clear whether a token is needed";
            return Err(notes.error(at, Problem::value(cause, "Remove one of the two.")));
        }
        (None, []) => return Err(notes.error(at, no_auth())),
    }
    let tokens = at.field("tokens");
    let mut rules = Ok(Vec::with_capacity(auth.tokens.len()));
    for (index, written) in auth.tokens.iter().enumerate() {
        match (token_rule(written, &tokens.index(index), notes, expressions), &mut rules) {
            (Ok(rule), Ok(rules)) => rules.push(rule),
            (Err(code), Ok(_)) => rules = Err(code),
            (Ok(_) | Err(_), Err(_)) => {}
        }
    }
    rules.map(AccessUnit::Tokens)
}

/// Nobody said who may.
pub(super) fn no_auth() -> Problem {
    Problem::plain(Code::NoAuth, "neither the rule nor spec.auth says who may make requests")
}

fn token_rule(
    written: &api::TokenRule,
    at: &At<'_>,
    notes: &mut Notes,
    expressions: &mut Expressions,
) -> Result<TokenRuleUnit, Code> {
    let namespace = Arc::clone(&notes.object().namespace);
    let scopes = scopes(&written.scopes, &at.field("scopes"), notes);
    let claims = claims(&written.claims, &at.field("claims"), notes);
    let require = written.require.as_deref().map(|text| expressions.compile(text)).transpose();
    let require = require.map_err(|problem| notes.error(&at.field("require"), problem));
    let policy = ObjectKey::new(Kind::TokenPolicy, namespace, written.policy_ref.name.as_str());
    Ok(TokenRuleUnit { policy, scopes: scopes?, claims: claims?, require: require? })
}

fn scopes(written: &[String], at: &At<'_>, notes: &mut Notes) -> Result<Box<[Box<str>]>, Code> {
    match written.iter().position(|scope| !is_scope_token(scope)) {
        Some(index) => {
            let cause = "the scope is empty or has a character that scopes do not have (RFC 6749, section 3.3)";
            Err(notes.error(&at.index(index), Problem::value(cause, "Write one scope an item.")))
        }
        None => Ok(written.iter().map(|scope| scope.as_str().into()).collect()),
    }
}

fn claims(written: &[api::ClaimMatch], at: &At<'_>, notes: &mut Notes) -> Result<Box<[ClaimMatcher]>, Code> {
    let mut matchers = Vec::with_capacity(written.len());
    for (index, matcher) in written.iter().enumerate() {
        let test = match (&matcher.equals, matcher.any_of.as_slice()) {
            (Some(value), []) => ClaimTest::Equals(value.as_str().into()),
            (None, values @ [_, ..]) => ClaimTest::OneOf(values.iter().map(|value| value.as_str().into()).collect()),
            (Some(_), [_, ..]) | (None, []) => {
                let problem = Problem::value("expected exactly one of equals and in", "Write one of the two.");
                return Err(notes.error(&at.index(index), problem));
            }
        };
        matchers.push(ClaimMatcher { claim: matcher.claim.as_str().into(), test });
    }
    Ok(matchers.into())
}
