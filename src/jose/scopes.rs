//! The scopes that a credential grants.

use serde_json::Value;

use super::Reason;

/// A set of scopes, sorted. A scope is granted only by its whole, exact name: `orders:readonly` is not `orders:read`,
/// and a list with spaces inside an array's item is one odd name, not several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    sorted: Box<[Box<str>]>,
}

impl Scopes {
    /// Reads the claim: one string with spaces between (RFC 6749, section 3.3; RFC 9068, section 2.2.3), or an array of
    /// strings, as some issuers write it. Absent or null grants nothing.
    pub(super) fn read(claim: Option<&Value>) -> Result<Self, Reason> {
        match claim {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::String(text)) => Ok(Self::from_names(text.split(' '))),
            Some(Value::Array(items)) => {
                let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                names.map(Self::from_names).ok_or(Reason::ClaimInvalid)
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Reason::ClaimInvalid),
        }
    }

    /// The set of these names; empty ones are no scopes.
    pub(super) fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut sorted: Vec<Box<str>> = names.into_iter().filter(|name| !name.is_empty()).map(Box::from).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Self { sorted: sorted.into_boxed_slice() }
    }

    /// Whether this scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.sorted.binary_search_by(|name| (**name).cmp(scope)).is_ok()
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sorted.iter().map(|name| &**name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

/// The set of these names; empty ones are no scopes.
impl<'n> FromIterator<&'n str> for Scopes {
    fn from_iter<T: IntoIterator<Item = &'n str>>(names: T) -> Self {
        Self::from_names(names)
    }
}
