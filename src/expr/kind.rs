//! The kinds of values, as far as they are known without a request.

/// What is known of a value. CEL calls it a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it comes from the claims.
    Any,
    Null,
    Bool,
    Int,
    Double,
    Text,
    /// Of items of a kind.
    List(&'static Kind),
    /// From text to values of a kind.
    Map(&'static Kind),
}

impl Kind {
    /// What CEL calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// A list of such items. Of items that are lists or maps themselves nothing more is said.
    pub(super) const fn list(self) -> Self {
        Self::List(match self {
            Self::Bool => &Self::Bool,
            Self::Int => &Self::Int,
            Self::Double => &Self::Double,
            Self::Text => &Self::Text,
            Self::Any | Self::Null | Self::List(_) | Self::Map(_) => &Self::Any,
        })
    }

    /// The kind of what may be of either.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }

    pub(super) fn may_be(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    pub(super) const fn may_be_number(self) -> bool {
        matches!(self, Self::Any | Self::Int | Self::Double)
    }

    pub(super) const fn may_be_list(self) -> bool {
        matches!(self, Self::Any | Self::List(_))
    }

    /// Whether a value of this kind can be equal to one of the other.
    pub(super) fn may_equal(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(ours), Self::List(theirs)) => ours.may_equal(*theirs),
            // Maps that are no claims are not compared.
            (Self::Map(_), _) | (_, Self::Map(_)) => false,
            _ => self == other || self.may_be_number() && other.may_be_number(),
        }
    }
}
