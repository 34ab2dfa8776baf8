//! What a folder holds after every kind of end.

use std::fs::{self, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::journal::Journal;
use super::{BOUNDS, FileStore, OpenError, Put, QUEUE, TOGETHER, Writer, line, look_at};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::store::table::{Bounds, Table, Write};
use crate::store::{Answer, MAX_KEY, MAX_VALUE, Store, StoreError, Version};

const NOW: UnixTime = UnixTime::from_secs(1_000);
const END: UnixTime = UnixTime::from_secs(2_000);

/// A folder, and a clock that stands.
struct Place {
    folder: TempDir,
    time: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), time: Arc::new(ManualClock::new(NOW)) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn journal(&self) -> PathBuf {
        self.path().join("records.journal")
    }

    fn open(&self) -> Result<FileStore, OpenError> {
        FileStore::open(&self.path(), Clock::manual(Arc::clone(&self.time)))
    }

    /// The thread's side alone, so that a test sees each of its steps.
    fn writer(&self, bounds: Bounds) -> Writer {
        let (journal, table) = Journal::open(&self.path(), Table::new(bounds, 0), NOW).unwrap();
        let look_at = look_at(line::length_of_all(&table));
        Writer { journal, shown: Arc::new(Mutex::new(table.clone())), table, look_at }
    }
}

/// What became of these writes, which had waited together.
fn write(writer: &mut Writer, asked: &[(&str, &str, Option<Version>)]) -> Vec<Result<Version, StoreError>> {
    let (puts, answers): (Vec<Put>, Vec<_>) = asked
        .iter()
        .map(|(key, value, replaces)| {
            let (answer, answered) = oneshot::channel();
            let value = Bytes::copy_from_slice(value.as_bytes());
            (Put { write: Write { key: (*key).into(), value, replaces: *replaces, until: END }, answer }, answered)
        })
        .unzip();
    writer.write(puts.into_iter(), NOW);
    answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
}

async fn value(store: &FileStore, key: &str) -> Option<String> {
    let record = store.get(key).await.unwrap()?;
    Some(String::from_utf8(record.value.to_vec()).unwrap())
}

async fn put(store: &FileStore, key: &str, value: &'static str, replaces: Option<Version>) -> Version {
    store.put(key, Bytes::from_static(value.as_bytes()), replaces, END).await.unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_and_its_versions_go_on() {
    let place = Place::new();
    let store = place.open().unwrap();
    let first = put(&store, "a", "1", None).await;
    let second = put(&store, "a", "2", Some(first)).await;
    put(&store, "b \"quoted\"", "3", None).await;
    drop(store);

    let store = place.open().unwrap();
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
    assert_eq!(store.get("a").await.unwrap().unwrap().version, second);
    assert_eq!(value(&store, "b \"quoted\"").await.as_deref(), Some("3"));
    let refused = store.put("a", Bytes::new(), Some(first), END).await;
    assert_eq!(refused, Err(StoreError::Conflict), "a version of before the restart that was replaced");
    assert!(put(&store, "a", "4", Some(second)).await > second);
    let long = Bytes::from(vec![0; MAX_VALUE + 1]);
    assert_eq!(store.put("long", long, None, END).await, Err(StoreError::TooLarge));
    assert_eq!(store.put(&"k".repeat(MAX_KEY + 1), Bytes::new(), None, END).await, Err(StoreError::TooLarge));

    place.time.advance(Duration::from_secs(1_000));
    assert_eq!(store.get("a").await, Ok(None), "it has ended");
}

#[tokio::test]
async fn versions_of_a_journal_that_was_removed_do_not_come_back() {
    let place = Place::new();
    let old = put(&place.open().unwrap(), "a", "1", None).await;
    fs::remove_file(place.journal()).unwrap();
    place.time.advance(Duration::from_secs(1));
    assert!(put(&place.open().unwrap(), "a", "1", None).await > old);
}

#[tokio::test]
async fn a_journal_that_was_cut_anywhere_has_every_line_that_was_whole() {
    let place = Place::new();
    let store = place.open().unwrap();
    let head = fs::read(place.journal()).unwrap().len();
    let mut ends = vec![head];
    let mut last = None;
    for value in ["1", "2", "3"] {
        last = Some(put(&store, "a", value, last).await);
        ends.push(fs::read(place.journal()).unwrap().len());
    }
    drop(store);
    let whole = fs::read(place.journal()).unwrap();
    for length in 0..=whole.len() {
        fs::write(place.journal(), &whole[..length]).unwrap();
        if length < head {
            assert_eq!(place.open().err(), Some(OpenError::NotAJournal(place.journal())), "cut at {length}");
            continue;
        }
        let store = place.open().unwrap();
        let lines = ends.iter().filter(|end| **end <= length).count() - 1;
        let expected = (lines > 0).then(|| lines.to_string());
        assert_eq!(value(&store, "a").await, expected, "cut at {length}");
        // And what is written then is there after one more restart.
        put(&store, "b", "4", None).await;
        drop(store);
        let store = place.open().unwrap();
        assert_eq!(value(&store, "a").await, expected, "cut at {length}");
        assert_eq!(value(&store, "b").await.as_deref(), Some("4"), "cut at {length}");
    }
}

#[tokio::test]
async fn a_last_line_of_which_only_the_length_reached_the_disk_is_cut_off() {
    let place = Place::new();
    put(&place.open().unwrap(), "a", "1", None).await;
    let mut bytes = fs::read(place.journal()).unwrap();
    bytes.extend_from_slice(&[0; 200]);
    bytes.push(b'\n');
    fs::write(place.journal(), &bytes).unwrap();
    assert_eq!(value(&place.open().unwrap(), "a").await.as_deref(), Some("1"));
    assert_eq!(fs::read(place.journal()).unwrap(), bytes[..bytes.len() - 201]);
}

#[tokio::test]
async fn a_broken_line_before_the_last_is_said_and_the_file_is_left_as_it_is() {
    let place = Place::new();
    let store = place.open().unwrap();
    put(&store, "a", "1", None).await;
    put(&store, "b", "2", None).await;
    put(&store, "c", "3", None).await;
    drop(store);
    let whole = fs::read(place.journal()).unwrap();
    let starts: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    for (line, byte) in [(2, starts[0] + 3), (2, starts[0] + 30), (3, starts[1] + 20), (3, starts[2] - 2)] {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1;
        fs::write(place.journal(), &bytes).unwrap();
        let error = place.open().err();
        assert_eq!(error, Some(OpenError::Broken { path: place.journal(), line }), "byte {byte}");
        assert_eq!(fs::read(place.journal()).unwrap(), bytes);
    }
    for foreign in ["", "\n", "[]\n", "bearward records\n", "0000000000000000 {}\n"] {
        fs::write(place.journal(), foreign).unwrap();
        assert_eq!(place.open().err(), Some(OpenError::NotAJournal(place.journal())), "{foreign:?}");
        assert_eq!(fs::read_to_string(place.journal()).unwrap(), foreign);
    }
}

#[tokio::test]
async fn a_second_process_is_told_that_the_folder_is_in_use() {
    let place = Place::new();
    let store = place.open().unwrap();
    assert_eq!(place.open().err(), Some(OpenError::InUse(place.path())));
    put(&store, "a", "1", None).await;
    drop(store);
    assert_eq!(value(&place.open().unwrap(), "a").await.as_deref(), Some("1"));
}

#[test]
fn only_the_owner_may_use_what_is_written() {
    let place = Place::new();
    drop(place.open().unwrap());
    assert_eq!(mode(&place.path()), 0o700);
    for file in ["records.journal", "records.lock"] {
        assert_eq!(mode(&place.path().join(file)), 0o600, "{file}");
    }
    let set = |mode| fs::set_permissions(place.journal(), Permissions::from_mode(mode)).unwrap();
    for exposed in [0o604, 0o602, 0o666] {
        set(exposed);
        assert_eq!(place.open().err(), Some(OpenError::Exposed(place.journal())), "{exposed:o}");
        assert_eq!(mode(&place.journal()), exposed);
    }
    set(0o660);
    assert!(place.open().is_ok());
    assert_eq!(mode(&place.journal()), 0o600);
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Arc::new(ManualClock::new(NOW)));
    fs::write(folder.path().join("file"), "").unwrap();
    for (path, kind) in [("a/b", ErrorKind::NotFound), ("file", ErrorKind::NotADirectory)] {
        match FileStore::open(&folder.path().join(path), clock.clone()) {
            Err(OpenError::Io { kind: found, .. }) => assert_eq!(found, kind, "{path}"),
            Err(other) => panic!("{path}: {other}"),
            Ok(_) => panic!("{path}: opened"),
        }
    }
}

#[test]
fn writes_that_wait_together_are_one_line_and_judged_one_after_the_other() {
    let place = Place::new();
    let mut writer = place.writer(BOUNDS);
    let answers = write(&mut writer, &[("a", "1", None), ("a", "2", None), ("b", "3", None)]);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], Err(StoreError::Conflict));
    assert_eq!(fs::read_to_string(place.journal()).unwrap().lines().count(), 2);
}

#[test]
fn a_full_store_takes_changes_but_no_new_record_until_one_has_ended() {
    let place = Place::new();
    // Of 26 bytes three are kept for marks.
    let limit = "12345".len() + 2 + 16 + 3;
    for bounds in [Bounds { records: 1, bytes: 1_000 }, Bounds { records: 9, bytes: limit }] {
        let mut writer = place.writer(bounds);
        let a = write(&mut writer, &[("a", "12345", None)]).remove(0).unwrap();
        assert_eq!(write(&mut writer, &[("b", "1", None)]), [Err(StoreError::Full)]);
        assert!(write(&mut writer, &[("a", "54321", Some(a))])[0].is_ok());
        let (answer, mut answered) = oneshot::channel();
        let late = Write { key: "b".into(), value: Bytes::from_static(b"1"), replaces: None, until: END };
        writer.write(std::iter::once(Put { write: late, answer }), END);
        assert!(answered.try_recv().unwrap().is_ok());
        drop(writer);
        fs::remove_file(place.journal()).unwrap();
    }
}

#[test]
fn a_disk_that_is_full_or_fails_refuses_writes_keeps_what_was_answered_and_mends_itself() {
    // One has no room, and nothing can be cut off of it; of the other one nothing can be brought to the disk.
    for (device, kind) in [("/dev/full", ErrorKind::StorageFull), ("/dev/null", ErrorKind::InvalidInput)] {
        let place = Place::new();
        let mut writer = place.writer(BOUNDS);
        let first = write(&mut writer, &[("a", "1", None)]).remove(0).unwrap();
        let before = fs::read(place.journal()).unwrap();
        writer.journal.file = OpenOptions::new().read(true).append(true).open(device).unwrap();
        let refused = StoreError::Unavailable(format!("cannot be written: {kind}"));
        let answers = write(&mut writer, &[("a", "2", Some(first)), ("b", "1", None)]);
        assert_eq!(answers, [Err(refused.clone()), Err(refused)], "{device}");
        assert_eq!(fs::read(place.journal()).unwrap(), before, "{device}");
        assert_eq!(writer.shown.lock().unwrap().get("a", NOW).unwrap().version, first, "{device}");
        assert_eq!(writer.shown.lock().unwrap().get("b", NOW), None, "{device}");

        // A journal that is in doubt is not added to before it was written anew, for which there is no room yet.
        let obstacle = place.path().join("records.journal.new");
        fs::create_dir(&obstacle).unwrap();
        assert!(matches!(write(&mut writer, &[("b", "1", None)])[0], Err(StoreError::Unavailable(_))), "{device}");
        fs::remove_dir(&obstacle).unwrap();
        let second = write(&mut writer, &[("a", "3", Some(first))]).remove(0).unwrap();
        assert!(second > first, "{device}");
        drop(writer);
        let writer = place.writer(BOUNDS);
        assert_eq!(writer.table.get("a", NOW).unwrap().version, second, "{device}");
        assert_eq!(writer.table.get("b", NOW), None, "{device}");
    }
}

#[test]
fn writes_beyond_the_queue_are_refused_at_once_and_those_in_it_are_done() {
    let place = Place::new();
    let store = place.open().unwrap();
    let keys: Vec<String> = (0..2 * (QUEUE + TOGETHER)).map(|number| number.to_string()).collect();
    let mut puts: Vec<_> = keys.iter().map(|key| store.put(key, Bytes::new(), None, END)).collect();
    let mut refused = 0;
    // The thread cannot show what it has written, so it takes no more.
    let held = store.shown.lock().unwrap();
    puts.retain_mut(|put| match put.as_mut().now_or_never() {
        Some(answer) => {
            assert_eq!(answer, Err(StoreError::Unavailable("too many writes wait".to_owned())));
            refused += 1;
            false
        }
        None => true,
    });
    drop(held);
    assert!(refused >= QUEUE && puts.len() >= QUEUE, "{refused} refused, {} wait", puts.len());
    for mut put in puts {
        assert!(wait(&mut put).is_ok());
    }
}

#[test]
fn a_journal_of_which_more_than_half_is_dead_is_written_anew() {
    let place = Place::new();
    let mut writer = place.writer(BOUNDS);
    let value = "v".repeat(MAX_VALUE);
    let mut last = None;
    let mut longest = 0;
    for _ in 0..100 {
        last = Some(write(&mut writer, &[("a", &value, last)]).remove(0).unwrap());
        let length = fs::metadata(place.journal()).unwrap().len();
        assert_eq!(length, writer.journal.length());
        longest = longest.max(length);
    }
    assert!(longest < 100_000, "{longest}");
    assert_eq!(mode(&place.journal()), 0o600);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "nothing is left beside");
    drop(writer);
    let mut writer = place.writer(BOUNDS);
    assert_eq!(writer.table.get("a", NOW).unwrap().version, last.unwrap());
    assert!(write(&mut writer, &[("b", "1", None)])[0].as_ref().unwrap() > &last.unwrap());
}

/// How far writing anew had come: its name, what is in place, and what is beside.
type Step<'a> = (&'static str, &'a [u8], Option<&'a [u8]>);

#[test]
fn a_crash_between_the_steps_of_writing_anew_loses_nothing() {
    let place = Place::new();
    let mut writer = place.writer(BOUNDS);
    let version = write(&mut writer, &[("a", "1", None)]).remove(0).unwrap();
    drop(writer);
    let old = fs::read(place.journal()).unwrap();
    let mut writer = place.writer(BOUNDS);
    writer.journal.rewrite(&writer.table).unwrap();
    drop(writer);
    let new = fs::read(place.journal()).unwrap();
    let beside = place.path().join("records.journal.new");
    let steps: [Step<'_>; 5] = [
        ("before", &old, None),
        ("begun", &old, Some(b"")),
        ("half written", &old, Some(&new[..new.len() / 2])),
        ("written and not moved", &old, Some(&new)),
        ("moved", &new, None),
    ];
    for (step, journal, draft) in steps {
        fs::write(place.journal(), journal).unwrap();
        if let Some(draft) = draft {
            fs::write(&beside, draft).unwrap();
        }
        let writer = place.writer(BOUNDS);
        assert_eq!(writer.table.get("a", NOW).unwrap().version, version, "{step}");
        assert!(!beside.exists(), "{step}");
    }
}

#[tokio::test]
async fn of_two_who_replace_one_version_one_succeeds() {
    let place = Place::new();
    let store = place.open().unwrap();
    let first = put(&store, "a", "0", None).await;
    let (one, other) = tokio::join!(
        store.put("a", Bytes::from_static(b"1"), Some(first), END),
        store.put("a", Bytes::from_static(b"2"), Some(first), END),
    );
    assert_eq!([&one, &other].iter().filter(|answer| answer.is_ok()).count(), 1, "{one:?} {other:?}");
    assert!([one, other].contains(&Err(StoreError::Conflict)));
}

#[test]
fn a_write_can_be_waited_for_without_any_runtime() {
    let place = Place::new();
    let store = place.open().unwrap();
    assert!(wait(&mut store.put("a", Bytes::from_static(b"1"), None, END)).is_ok());
}

/// Waits on this thread alone.
fn wait<T>(answer: &mut Answer<'_, T>) -> Result<T, StoreError> {
    let waker: Waker = Arc::new(Parked(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
        std::thread::park();
    }
}

/// Wakes a thread that waits by itself.
struct Parked(std::thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
