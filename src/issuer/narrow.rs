//! What a request may have of what there is: never more, and less where it asks for less.

use super::form::Form;
use super::refusal::Refusal;
use crate::telemetry::Denial;
use crate::wire::problem::is_scope_token;

/// The scopes of a request, out of `most`, in the order of those. Where none are asked for, all (RFC 6749, section 3.3).
pub(super) fn scopes(form: &Form, most: &[&str]) -> Result<Vec<String>, Refusal> {
    let Some(asked) = form.get("scope") else { return Ok(most.iter().map(|scope| (*scope).to_owned()).collect()) };
    let asked: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
    if asked.is_empty() || !asked.iter().all(|scope| is_scope_token(scope) && most.contains(scope)) {
        return Err(Denial::ScopeNotAllowed.into());
    }
    Ok(most.iter().filter(|scope| asked.contains(scope)).map(|scope| (*scope).to_owned()).collect())
}

/// Which audiences are meant where none are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    /// The first.
    First,
    /// All.
    All,
}

/// The audiences of a request, out of `most`, in the order of those. Audiences and resources are one and the same here
/// (RFC 8693, section 2.1; RFC 8707, section 2).
pub(super) fn audiences(form: &Form, most: &[&str], unasked: Unasked) -> Result<Vec<String>, Refusal> {
    let asked: Vec<&str> = form.all("audience").chain(form.all("resource")).collect();
    if !asked.iter().all(|audience| most.contains(audience)) {
        return Err(Denial::TargetNotAllowed.into());
    }
    let is_meant = |place: usize, audience: &str| match unasked {
        _ if !asked.is_empty() => asked.contains(&audience),
        Unasked::First => place == 0,
        Unasked::All => true,
    };
    let meant = most.iter().enumerate().filter(|(place, audience)| is_meant(*place, audience));
    let audiences: Vec<String> = meant.map(|(_, audience)| (*audience).to_owned()).collect();
    if audiences.is_empty() { Err(Denial::TargetNotAllowed.into()) } else { Ok(audiences) }
}
