//! The form of a request (RFC 6749, section 3.2 and appendix B).

use http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

use super::Request;
use super::refusal::Refusal;
use crate::telemetry::Denial;

/// The most parameters that one form may have.
const MAX_PARAMETERS: usize = 64;

/// Those that may be there more than once (RFC 8693, section 2.1; RFC 8707, section 2).
const REPEATABLE: [&str; 2] = ["audience", "resource"];

/// The parameters of a form, decoded; they are wiped, since secrets and tokens are among them.
pub(super) struct Form {
    parameters: Vec<(String, Zeroizing<String>)>,
}

impl Form {
    /// Reads the form of a request.
    ///
    /// RFC 6749, section 3.2: no parameter twice. Stricter: not even one that is not known, or that is empty. Parameters in
    /// the query are refused whatever they are, since queries end up in logs.
    pub(super) fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        if request.query.is_some_and(|query| !query.is_empty()) {
            return Err(Denial::ParameterInQuery.into());
        }
        if !has_form(request) {
            return Err(Denial::FormMediaType.into());
        }
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.body) {
            let value = Zeroizing::new(value.into_owned());
            // What was not UTF-8 has become this, which nothing here has a use for.
            let is_text = !name.contains(char::REPLACEMENT_CHARACTER) && !value.contains(char::REPLACEMENT_CHARACTER);
            if !is_text || parameters.len() == MAX_PARAMETERS {
                return Err(Denial::FormMalformed.into());
            }
            if !REPEATABLE.contains(&name.as_ref()) && parameters.iter().any(|(known, _)| *known == name) {
                return Err(Denial::ParameterRepeated.into());
            }
            parameters.push((name.into_owned(), value));
        }
        Ok(Self { parameters })
    }

    /// A parameter. One without a value is as if it were not there (RFC 6749, section 3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Denial::ParameterMissing.into())
    }

    /// Every value of a parameter that may be repeated.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = self.parameters.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Whether the body is what it has to be. A coding of it would have to be undone first, and no client uses any.
fn has_form(request: &Request<'_>) -> bool {
    let mut types = request.headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && !request.headers.contains_key(http::header::CONTENT_ENCODING)
}
