//! CEL compiled once, its variables declared and typed, its cost bounded.
//!
//! ```text
//! text ─► lex ─► parse ─► Syntax ─► check ─► Node ─► evaluate ─► true, false, or an error
//!         bounds on length, brackets,  names, kinds,     steps are counted
//!         operators and depth          patterns
//! ```
//!
//! A rule is written by whoever may write a route and is evaluated for strangers' requests, so neither may cost more
//! than is stated here. [`MAX_BYTES`], [`MAX_OPERATORS`], [`MAX_BRACKETS`] and [`MAX_DEPTH`] bound the text and with it
//! every recursion; [`MAX_STEPS`] bounds an evaluation, whatever the token and the request hold. An evaluation reads the
//! claims and headers in place and converts only those that it looks at.
//!
//! The language is a part of CEL (the Common Expression Language, `github.com/google/cel-spec`) whose rules mean here
//! what they mean there, errors within `&&` and `||` included; `tests` hold it against another implementation. Left out:
//! bytes, unsigned numbers, map and message literals, timestamps, durations, and a comprehension inside another. Added:
//! arithmetic between int and double, since JSON does not tell them apart.

mod check;
mod compare;
mod declared;
mod error;
mod evaluate;
mod kind;
mod lex;
mod literal;
mod map;
mod node;
mod parse;
mod pattern;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::net::IpAddr;

pub use error::{EvalError, ExprError, Problem};
use evaluate::Run;
use node::Node;
use serde_json::{Map, Value as Json};

use crate::jose::Scopes;

/// The longest expression, in bytes.
pub const MAX_BYTES: usize = 1024;

/// How deep brackets may nest.
pub const MAX_BRACKETS: usize = 16;

/// How many operators an expression may have; members and calls are none.
pub const MAX_OPERATORS: usize = 64;

/// How many operators, members, calls, conditions and lists may enclose each other. Each costs a level of recursion, and
/// some kilobytes of the stack where nothing is optimised. A chain of `&&` or `||` is one level.
pub const MAX_DEPTH: u8 = 32;

/// The longest list, and the largest map, that a comprehension, `in`, `==` or `+` takes.
pub const MAX_ITEMS: usize = 1_000;

/// How many steps one evaluation may take: a tenth of a millisecond at some 20 ns a step, which is what one costs on a
/// small server. A step is one operator, member or list item, 64 bytes of text that are compared, 16 that are written, 8
/// that a pattern looks at, or 4 of a query that is searched for a parameter.
pub const MAX_STEPS: u32 = 5_000;

/// What an expression may look at.
///
/// | name | type | what it is |
/// |---|---|---|
/// | `claims` | map | the token's claims; of an API key what its record says |
/// | `token.policy`, `.entry`, `.issuer` | string | which policy and entry took it; the issuer is empty for API keys |
/// | `token.scopes` | list(string) | what it grants, in order |
/// | `request.method`, `.host`, `.path`, `.ip` | string | the request in its one form |
/// | `request.headers` | map(string, string) | names in lower case; a repeated header's values joined by `, ` |
/// | `request.query` | map(string, string) | parameters, decoded; reading one that is repeated is an error |
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The token's claims.
    pub claims: &'a Map<String, Json>,
    /// The token as its policy sees it.
    pub token: TokenInput<'a>,
    /// The request.
    pub request: RequestInput<'a>,
}

/// The token as its policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct TokenInput<'a> {
    /// `namespace/name` of the policy.
    pub policy: &'a str,
    /// The name of the entry.
    pub entry: &'a str,
    /// The issuer; empty for API keys.
    pub issuer: &'a str,
    /// The scopes that it grants.
    pub scopes: &'a Scopes,
}

/// The request in its one form.
#[derive(Clone, Copy, Debug)]
pub struct RequestInput<'a> {
    /// The method.
    pub method: &'a str,
    /// The host, in lower case, without a port.
    pub host: &'a str,
    /// The path, normalised.
    pub path: &'a str,
    /// What follows the question mark, still encoded; empty if there is nothing.
    ///
    /// Expressions see it as a map of decoded parameters. As one string it would invite rules such as
    /// `!request.query.contains('admin=1')`, which `%61dmin=1` passes.
    pub query: &'a str,
    /// The head's fields.
    pub headers: &'a http::HeaderMap,
    /// The client, after trusted proxies; `None` where a trusted proxy does not say whom it speaks for. Reading it is an
    /// error then: nobody is taken for the proxy that hides him.
    pub ip: Option<IpAddr>,
}

/// A compiled rule. Evaluating it never aborts, and takes [`MAX_STEPS`] at most.
pub struct Rule {
    source: Box<str>,
    node: Node,
}

impl Rule {
    /// Compiles `source`: everything that can be known without a request is checked here.
    pub fn compile(source: &str) -> Result<Self, ExprError> {
        let syntax = parse::parse(source)?;
        let node = check::check(&syntax)?;
        Ok(Self { source: source.into(), node })
    }

    /// The text that it was compiled from.
    pub const fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is true of `inputs`. Whoever asks takes an error for 'no'.
    pub fn holds(&self, inputs: &Inputs<'_>) -> Result<bool, EvalError> {
        Run::new(inputs).truth(&self.node)
    }
}

/// The text says it all; automata are long.
impl fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Rule").field(&self.source).finish()
    }
}

const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Rule>();
};
