//! The files as they are in force: their last whole texts, and what to send when they change.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::document::{self, Decoded, Found};
use super::folder::{self, Entry, Listing, Stamp};
use super::source_map::{Sources, Text};
use super::{BrokenFiles, Located, Note, Settings};
use crate::clock::UnixTime;
use crate::finding::{Code, FieldPath, Finding};
use crate::name::{Kind, ObjectKey};
use crate::resources::{Scope, Update, Version};

/// A longer file is not read.
const LONGEST: u64 = 10 << 20;

/// More text than this is not kept.
const MOST_TEXT: usize = 256 << 20;

/// Documents of one file; more do not fit the bound on its values.
const DOCUMENTS: i64 = 1_000_000;

/// After so many looks in a row that each saw a file change, it is read all the same: a second.
const MOST_LOOKS: u32 = 4;

/// The same for one that grew each time, as a file does that is being written: its beginning may well look whole. And
/// for one that was emptied, as a shell does before the command begins that writes it.
const MOST_LOOKS_GROWING: u32 = 40;

/// All files, as they are in force.
pub(super) struct Files {
    roots: Vec<PathBuf>,
    settings: Settings,
    /// What the last look saw.
    seen: Listing,
    known: BTreeMap<Arc<str>, Known>,
    /// Those that changed from look to look.
    restless: BTreeMap<Arc<str>, Restless>,
}

/// A file that no two looks agreed on.
#[derive(Default)]
struct Restless {
    looks: u32,
    /// What it had at the last look, and whether it had more each time.
    size: u64,
    shrank: bool,
}

impl Restless {
    /// Another look saw it change; whether that is enough.
    fn look(&mut self, entry: &Entry) -> bool {
        let size = entry.size();
        self.shrank |= self.looks > 0 && size > 0 && size <= self.size;
        self.size = size;
        self.looks = self.looks.saturating_add(1);
        self.looks >= if self.shrank { MOST_LOOKS } else { MOST_LOOKS_GROWING }
    }
}

/// One file.
struct Known {
    /// As of when.
    entry: Entry,
    /// Its place in the order of paths.
    rank: i64,
    /// What is in force.
    whole: Option<Whole>,
    /// Why the file as it is now is not, and its text, if it could be read.
    broken: Vec<Located>,
    broken_text: Option<Text>,
    /// It was read twice, with time between. A file system's clock ticks slowly: what was written just before and just
    /// after the first time may have one stamp.
    is_confirmed: bool,
}

struct Whole {
    text: Text,
    mode: u32,
    /// An API server would take every object of it. Only the first text of a file can be in force without.
    is_admitted: bool,
}

/// What a look found out.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) updates: Vec<Update>,
    pub(super) sources: Sources,
    pub(super) notes: Vec<Note>,
}

/// What came of reading a file: its text, or why there is none.
type Outcome = Result<Whole, String>;

impl Files {
    pub(super) const fn new(roots: Vec<PathBuf>, settings: Settings) -> Self {
        Self { roots, settings, seen: Listing::new(), known: BTreeMap::new(), restless: BTreeMap::new() }
    }

    /// Reads everything as it is, even if it is being written.
    pub(super) fn first(&mut self) -> Changes {
        self.seen = folder::list(&self.roots);
        let outcomes = self.seen.iter().map(|(path, entry)| {
            let outcome = match entry {
                Entry::Problem(problem) => Err(problem.clone()),
                Entry::File(_) => read_text(path).map(|(whole, _)| whole),
            };
            (Arc::clone(path), (entry.clone(), outcome))
        });
        let outcomes = outcomes.collect();
        self.take(outcomes, Changes::default())
    }

    /// Looks again, and reads what has changed since it was read and not since the last look, or has done so for too
    /// long.
    pub(super) fn look(&mut self) -> Changes {
        let now = folder::list(&self.roots);
        let before = std::mem::replace(&mut self.seen, now);
        let mut changes = Changes::default();
        let gone = |path: &&Arc<str>| !folder::may_be_in(&self.seen, path) && !folder::may_be_in(&before, path);
        let gone: Vec<_> = self.known.keys().filter(gone).cloned().collect();
        for path in gone {
            self.known.remove(&path);
            changes.updates.push(Update::Withdraw { scope: Scope::File(path) });
        }
        self.restless.retain(|path, _| self.seen.contains_key(path) || before.contains_key(path));
        let mut outcomes = BTreeMap::new();
        for (path, entry) in &self.seen {
            let known = self.known.get_mut(path);
            let is_emptied = entry.is_empty() && known.as_ref().is_some_and(|known| known.has_text());
            let rests = before.get(path) == Some(entry) && !is_emptied;
            let known = known.filter(|known| known.entry == *entry);
            if known.as_ref().is_some_and(|known| known.is_confirmed || !rests) {
                continue;
            }
            if !rests && !self.restless.entry(Arc::clone(path)).or_default().look(entry) {
                continue;
            }
            let (entry, outcome) = match entry {
                Entry::Problem(problem) => (entry.clone(), Err(problem.clone())),
                Entry::File(stamp) => match read_text(path) {
                    // It changed under our hands; the next look will see that.
                    Ok((_, None)) => continue,
                    Ok((_, Some(read))) if rests && read != *stamp => continue,
                    Ok((whole, Some(read))) => (Entry::File(read), Ok(whole)),
                    Err(problem) => (entry.clone(), Err(problem)),
                },
            };
            self.restless.remove(path);
            match known {
                Some(known) if known.has(&outcome) => known.is_confirmed = true,
                Some(_) | None => _ = outcomes.insert(Arc::clone(path), (entry, outcome)),
            }
        }
        self.take(outcomes, changes)
    }

    /// Takes files as they are now, and sends them, with those whose age has changed.
    fn take(&mut self, mut outcomes: BTreeMap<Arc<str>, (Entry, Outcome)>, mut changes: Changes) -> Changes {
        for (path, (entry, _)) in &outcomes {
            self.known.entry(Arc::clone(path)).or_insert_with(|| Known::new(entry.clone()));
        }
        let mut held: usize = self.known.values().map(Known::size).sum();
        for (rank, (path, known)) in (0..).zip(&mut self.known) {
            // Age is the order of paths: a file that comes or goes makes those behind it younger or older.
            let has_moved = std::mem::replace(&mut known.rank, rank) != rank;
            let decoded = match outcomes.remove(path) {
                Some((entry, outcome)) => {
                    held = held.saturating_sub(known.size());
                    let decoded = known.take(path, entry, bounded(outcome, held), &self.settings);
                    held = held.saturating_add(known.size());
                    decoded
                }
                None if has_moved => known.decode(path, &self.settings),
                None => continue,
            };
            known.send(path, decoded, &mut changes);
        }
        changes
    }
}

/// A text for which there is no room is as if it could not be read.
fn bounded(outcome: Outcome, held: usize) -> Outcome {
    match outcome {
        Ok(whole) if held.saturating_add(whole.text.len()) > MOST_TEXT => {
            Err(format!("the files have more than {} MiB in all", MOST_TEXT >> 20))
        }
        outcome => outcome,
    }
}

impl Known {
    const fn new(entry: Entry) -> Self {
        Self { entry, rank: -1, whole: None, broken: Vec::new(), broken_text: None, is_confirmed: false }
    }

    /// How much text it holds.
    fn size(&self) -> usize {
        let broken = self.broken_text.as_ref().map_or(0, |text| text.len());
        self.whole.as_ref().map_or(0, |whole| whole.text.len()).saturating_add(broken)
    }

    /// Whether it has a text in force to lose.
    fn has_text(&self) -> bool {
        self.whole.as_ref().is_some_and(|whole| !whole.text.is_empty())
    }

    /// Whether this is what was read before. What could not be read is not tried again before it changes.
    fn has(&self, outcome: &Outcome) -> bool {
        let text = self.broken_text.as_ref().or(self.whole.as_ref().map(|whole| &whole.text));
        match outcome {
            Ok(whole) => text.is_some_and(|text| **text == *whole.text),
            Err(_) => true,
        }
    }

    /// Takes the file as it is now, in force only if it is whole, and says what is in force.
    ///
    /// One that an API server would refuse takes no other's place, since that other would still be in force there. If
    /// there is no other, it is taken as it is: then it refuses what can be read of it, which is better than nothing.
    fn take(&mut self, path: &Arc<str>, entry: Entry, outcome: Outcome, settings: &Settings) -> Decoded {
        self.entry = entry;
        self.is_confirmed = false;
        self.broken.clear();
        self.broken_text = None;
        match outcome {
            Ok(mut whole) => {
                let mut decoded = whole.decode(path, self.rank, settings);
                whole.is_admitted = !decoded.is_broken && decoded.refused.is_empty();
                let has_better = !whole.is_admitted && self.whole.as_ref().is_some_and(|whole| whole.is_admitted);
                let is_whole = !decoded.is_broken || settings.broken_files == BrokenFiles::TakeTheRest;
                if is_whole && !has_better {
                    self.whole = Some(whole);
                    return decoded;
                }
                self.broken = decoded.located;
                self.broken.append(&mut decoded.refused);
                self.broken_text = Some(whole.text);
            }
            Err(problem) => {
                let object = ObjectKey::new(Kind::File, "", Arc::clone(path));
                let cure = "make it readable to bearward, or take it out of the paths";
                let cause = format!("the file cannot be read: {problem}");
                let finding = Finding::error(&object, FieldPath::root(), Code::InvalidYaml, cause, cure);
                self.broken.push(Located { finding, at: None });
            }
        }
        self.decode(path, settings)
    }

    /// What is in force, with what is wrong besides.
    fn decode(&self, path: &Arc<str>, settings: &Settings) -> Decoded {
        let whole = self.whole.as_ref();
        let mut decoded = whole.map(|whole| whole.decode(path, self.rank, settings)).unwrap_or_default();
        decoded.located.extend(self.broken.iter().cloned());
        decoded
    }

    fn send(&self, path: &Arc<str>, decoded: Decoded, changes: &mut Changes) {
        let Decoded { objects, places, located, notes, refused: _, is_broken: _ } = decoded;
        let text = self.broken_text.as_ref().or(self.whole.as_ref().map(|whole| &whole.text));
        changes.sources.add(path, text.cloned(), &located);
        for (object, places) in objects.iter().zip(places) {
            changes.sources.add_object(path, object.key().clone(), places);
        }
        changes.notes.extend(notes);
        changes.updates.push(Update::Replace {
            scope: Scope::File(Arc::clone(path)),
            objects,
            findings: located.into_iter().map(|located| located.finding).collect(),
            version: Version::default(),
        });
    }
}

impl Whole {
    fn decode(&self, path: &Arc<str>, rank: i64, settings: &Settings) -> Decoded {
        document::decode(Found {
            path,
            text: &self.text,
            mode: self.mode,
            readable_secrets: settings.readable_secrets,
            admission: &settings.admission,
            created: UnixTime::from_millis(rank.saturating_mul(DOCUMENTS)),
        })
    }
}

/// The text of a file and its permissions, with its stamp if that did not change meanwhile.
fn read_text(path: &str) -> Result<(Whole, Option<Stamp>), String> {
    let words = |error: std::io::Error| folder::words(&error);
    let mut file = File::open(path).map_err(words)?;
    let metadata = file.metadata().map_err(words)?;
    if metadata.size() > LONGEST {
        return Err(format!("it has more than {} MiB", LONGEST >> 20));
    }
    // Room for all of it at once, so that no copy is left behind where it grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.size()).unwrap_or_default() + 1));
    (&mut file).take(LONGEST + 1).read_to_end(&mut bytes).map_err(words)?;
    let stamp = Stamp::of(&metadata);
    let after = Stamp::of(&file.metadata().map_err(words)?);
    let text = match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = Zeroizing::new(error.into_bytes());
            let line = bytes.get(..valid).unwrap_or_default().split(|byte| *byte == b'\n').count();
            return Err(format!("line {line} is not UTF-8"));
        }
    };
    let whole = Whole { text: Arc::new(Zeroizing::new(text)), mode: metadata.mode(), is_admitted: false };
    Ok((whole, (stamp == after).then_some(stamp)))
}
