//! The families that one client has of one subject, by one entry: so many and no more.
//!
//! Without it, one user with one token could fill the store. A roster is a record beside its families:
//!
//! ```text
//! begin   end the family that has to go ─► write the roster with the new family ─► write the family
//! ```
//!
//! In this order no family is good that is not in its roster, wherever the writer stops, and two who begin at once come one
//! after the other, since the roster names the version that it replaces.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::token::FamilyId;
use crate::clock::UnixTime;

/// The most families. A roster of so many has less than 800 bytes.
pub(super) const MOST: usize = 16;

/// The form of records that this program reads and writes.
const FORM: u8 = 1;

/// A roster.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Roster {
    form: u8,
    /// The first goes first: those that were revoked, and then the oldest.
    families: VecDeque<Member>,
}

/// A family: its id, and when it ends, in milliseconds since 1970.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Member(Box<str>, i64);

impl Roster {
    /// One without any family.
    pub(super) const fn new() -> Self {
        Self { form: FORM, families: VecDeque::new() }
    }

    /// Reads a record; `None` if it is not one of this form.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let roster: Self = serde_json::from_slice(value).ok()?;
        let is_read = roster.form == FORM && roster.families.iter().all(|Member(id, _)| FamilyId::parse(id).is_some());
        is_read.then_some(roster)
    }

    /// The record.
    pub(super) fn write(&self) -> Bytes {
        // Strings and numbers: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// When the last of its families ends.
    pub(super) fn ends(&self) -> UnixTime {
        UnixTime::from_millis(self.families.iter().map(|Member(_, ends)| *ends).max().unwrap_or(0))
    }

    /// Adds a family, and says which ones have to be ended for it.
    pub(super) fn add(&mut self, id: FamilyId, ends: UnixTime, now: UnixTime) -> Vec<FamilyId> {
        self.families.retain(|Member(_, ends)| now < UnixTime::from_millis(*ends));
        let beyond = (self.families.len() + 1).saturating_sub(MOST);
        let gone = self.families.drain(..beyond).filter_map(|Member(id, _)| FamilyId::parse(&id)).collect();
        self.families.push_back(Member(id.to_string().into(), ends.millis()));
        gone
    }

    /// Lets a family go before all others; `false` if it is not here.
    pub(super) fn let_go_first(&mut self, id: FamilyId) -> bool {
        let id = id.to_string();
        let Some(place) = self.families.iter().position(|Member(known, _)| **known == *id) else { return false };
        if let Some(member) = self.families.remove(place) {
            self.families.push_front(member);
        }
        true
    }
}
