//! The texts that objects came from, so that a finding can show its line.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Located;
use super::places::{Places, Span};
use crate::finding::Finding;
use crate::name::{Kind, ObjectKey};

/// The text of a file. It may hold a Secret, so it is wiped and not shown.
pub(super) type Text = Arc<Zeroizing<String>>;

/// Every file that was read, with the places of the objects in it. As large as the files; for `check`, which ends, and
/// not for a process that runs on.
#[derive(Default)]
pub struct Sources {
    files: BTreeMap<Arc<str>, Source>,
    /// The first in the order of paths, which is the one in force.
    objects: BTreeMap<ObjectKey, (Arc<str>, Places)>,
}

struct Source {
    text: Option<Text>,
    located: Vec<Located>,
}

/// Where a finding is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot<'a> {
    /// The file.
    pub path: &'a str,
    /// The place in it; `None` where it is about the file as a whole.
    pub at: Option<Span>,
    /// The line at that place, without its end.
    pub line: Option<&'a str>,
    /// What of the line nobody should see.
    pub cover: Cover,
}

/// What of a line is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Nothing is hidden.
    Nothing,
    /// All but what stands at the place, which is the name of a Secret's member.
    AllButName,
    /// All of it.
    Everything,
}

impl Sources {
    pub(super) fn add(&mut self, path: &Arc<str>, text: Option<Text>, located: &[Located]) {
        self.files.insert(Arc::clone(path), Source { text, located: located.to_vec() });
    }

    pub(super) fn add_object(&mut self, path: &Arc<str>, key: ObjectKey, places: Places) {
        self.objects.entry(key).or_insert_with(|| (Arc::clone(path), places));
    }

    /// Where a finding is to be shown; `None` if it is about nothing that was read.
    pub fn spot(&self, finding: &Finding) -> Option<Spot<'_>> {
        for (path, source) in &self.files {
            if let Some(located) = source.located.iter().find(|located| located.finding == *finding) {
                let cover = source.cover(finding, None);
                return Some(source.spot(path, located.at, cover));
            }
        }
        let (path, places) = self.objects.get(&finding.object)?;
        let source = self.files.get(path)?;
        let places = places.find(&finding.field);
        let cover = source.cover(finding, Some(places));
        Some(source.spot(path, Some(places.key.unwrap_or(places.value)), cover))
    }
}

impl Source {
    /// Of a Secret only names are shown; of a file that could not be read for what it is, nothing if there may be one
    /// in it.
    fn cover(&self, finding: &Finding, places: Option<&Places>) -> Cover {
        match finding.object.kind {
            Kind::Secret => match places.and_then(|places| places.key) {
                Some(_) => Cover::AllButName,
                None => Cover::Everything,
            },
            Kind::File if self.text.as_ref().is_some_and(|text| text.contains("Secret")) => Cover::Everything,
            Kind::ApiRoute
            | Kind::TokenPolicy
            | Kind::ModelBackend
            | Kind::Service
            | Kind::EndpointSlice
            | Kind::File => Cover::Nothing,
        }
    }

    fn spot<'a>(&'a self, path: &'a str, at: Option<Span>, cover: Cover) -> Spot<'a> {
        let text = self.text.as_ref().map(|text| text.as_str());
        let line = at.zip(text).and_then(|(at, text)| text.lines().nth(at.start.line.saturating_sub(1)));
        Spot { path, at, line, cover }
    }
}

/// The texts are left out.
impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.files.keys()).finish()
    }
}
