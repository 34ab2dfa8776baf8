//! The steps of signing keys, taken with the clock in hand: in memory, and in files.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::local::{Nowhere, this_process};
use super::{Asked, Folder, FolderError, Heard, Keep, Parts, Rotator, Tidings, Unkept};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::Code;
use crate::jose::Algorithm;
use crate::name::{Kind, ObjectKey};
use crate::resources::{Body, Update};
use crate::rotation::{Cause, Keyring, Plan, Plans, Ring, Schedule, State, Times, Wishes};
use crate::state::{Board, SigningKeys};

const ISSUER: &str = "https://gw.example.com/shop";

const SECS: fn(u64) -> Duration = Duration::from_secs;

fn plan() -> Plan {
    let times = Times { every: SECS(20), publish_ahead: SECS(8), lifetime: SECS(10), jwks_max_age: SECS(5) };
    Plan {
        policy: ObjectKey::new(Kind::TokenPolicy, "shop", "tokens"),
        uid: "".into(),
        issuer: ISSUER.into(),
        secret: ObjectKey::new(Kind::Secret, "shop", "keys"),
        schedule: Schedule::new(Algorithm::ES256, times).unwrap(),
        wishes: Wishes::default(),
        seen: None,
    }
}

/// How a file is broken.
type Broken = fn(&str) -> String;

/// A gateway of which only the signing keys are there: what is handed over is in force at once.
struct Rig<K> {
    time: Arc<ManualClock>,
    plans: watch::Sender<Plans>,
    said: watch::Sender<Heard>,
    updates: mpsc::Receiver<Update>,
    rotator: Rotator<K>,
    board: Board,
    rings: Vec<Ring>,
    reported: BTreeSet<Code>,
    /// The replica says nothing any more.
    silent: bool,
}

impl<K: Keep> Rig<K> {
    async fn start(keep: K) -> Self {
        let mut rig = Self::new(keep);
        rig.settle().await;
        rig
    }

    fn new(keep: K) -> Self {
        let time = Arc::new(ManualClock::new(UnixTime::from_secs(1_795_507_200)));
        let clock = Clock::manual(Arc::clone(&time));
        let (plans, planned) = watch::channel(of(plan()));
        let board = Board::new();
        let (said, heard) = watch::channel(Some(this_process(&board)));
        let (sender, updates) = mpsc::channel(64);
        let tidings = Tidings::Nobody;
        let parts =
            Parts { plans: planned, heard, leading: None, offers: true, updates: sender, tidings, clock, seed: 1 };
        let (rings, reported) = (Vec::new(), BTreeSet::new());
        let rotator = Rotator::new(keep, parts);
        Self { time, plans, said, updates, rotator, board, rings, reported, silent: false }
    }

    /// Takes every step that there is to take at this time.
    async fn settle(&mut self) {
        loop {
            let wait = self.rotator.turn().await;
            let mut has_moved = false;
            while let Ok(update) = self.updates.try_recv() {
                has_moved |= self.take(&update);
            }
            if !has_moved && wait > Duration::ZERO {
                return;
            }
        }
    }

    /// Takes what was sent; whether a ring is new.
    fn take(&mut self, update: &Update) -> bool {
        match update {
            Update::Replace { objects, .. } => {
                for object in objects {
                    let Body::Secret(secret) = &object.body else { panic!("a Secret was expected") };
                    self.rings.push(Keyring::read(&secret.data).unwrap().ring().clone());
                }
                self.take_in_force();
                true
            }
            Update::Report { report, .. } => {
                self.reported = report.findings.iter().map(|finding| finding.code).collect();
                false
            }
            Update::Apply { .. }
            | Update::Remove { .. }
            | Update::Version { .. }
            | Update::Together(_)
            | Update::Forbid { .. }
            | Update::Withdraw { .. } => panic!("{update:?}"),
        }
    }

    fn take_in_force(&self) {
        if !self.silent {
            let ring = self.ring();
            let published = ring.published().map(|key| key.kid.clone()).collect();
            let signing = ring.active().map(|key| key.kid.clone()).into_iter().collect();
            self.board.sign_with(SigningKeys { published, signing });
            self.said.send_replace(Some(this_process(&self.board)));
        }
    }

    fn ring(&self) -> &Ring {
        self.rings.last().unwrap()
    }

    /// Lets time go on, a second at a time.
    async fn wait(&mut self, time: u64) {
        for _ in 0..time {
            self.time.advance(SECS(1));
            self.settle().await;
        }
    }

    async fn plan(&mut self, plan: Plan) {
        self.plans.send_replace(of(plan));
        self.settle().await;
    }

    fn active(&self) -> Box<str> {
        self.ring().active().unwrap().kid.clone()
    }
}

fn of(plan: Plan) -> Plans {
    Arc::new(BTreeMap::from([(plan.policy.clone(), Arc::new(plan))]))
}

fn folder() -> (TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let opened = Folder::open(&path).unwrap();
    (folder, opened)
}

#[tokio::test]
async fn keys_are_made_confirmed_activated_settled_and_removed_in_their_time() {
    let mut rig = Rig::start(Unkept::default()).await;
    let first = rig.active();
    let second = rig.ring().pending().unwrap().kid.clone();
    assert!(matches!(rig.ring().pending().unwrap().state, State::Pending { confirmed: Some(_) }));
    rig.wait(19).await;
    assert_eq!(rig.active(), first, "not before its time");
    rig.wait(1).await;
    assert_eq!(rig.active(), second);
    assert!(matches!(rig.ring().key(&first).unwrap().state, State::Retiring { settled: Some(_), .. }));
    assert!(rig.ring().pending().is_some());
    // lifetime 10 + leeway 30 + cache 5
    rig.wait(44).await;
    assert!(rig.ring().key(&first).is_some(), "not before its time");
    rig.wait(2).await;
    assert!(rig.ring().key(&first).is_none());
    assert_eq!(rig.reported, BTreeSet::new());
}

#[tokio::test]
async fn a_silent_replica_holds_the_next_key_and_is_told_of() {
    let mut rig = Rig::new(Unkept::default());
    rig.silent = true;
    rig.settle().await;
    let first = rig.active();
    rig.wait(24).await;
    assert_eq!((rig.active(), &rig.reported), (first.clone(), &BTreeSet::new()), "it may be late a little");
    rig.wait(6).await;
    assert_eq!((rig.active(), &rig.reported), (first.clone(), &BTreeSet::from([Code::RotationHeld])));
    rig.silent = false;
    rig.take_in_force();
    rig.settle().await;
    rig.wait(10).await;
    assert_ne!(rig.active(), first);
    assert_eq!(rig.reported, BTreeSet::new());
}

#[tokio::test]
async fn what_is_asked_for_is_done_once_and_a_compromised_key_goes_at_once() {
    let mut rig = Rig::start(Unkept::default()).await;
    let first = rig.active();
    rig.wait(9).await;
    let wishes = Wishes { rotate: Some("now".into()), ..Wishes::default() };
    rig.plan(Plan { wishes: wishes.clone(), ..plan() }).await;
    let second = rig.active();
    assert_ne!(second, first);
    assert!(matches!(rig.ring().active().unwrap().state, State::Active { cause: Cause::Request, .. }));
    rig.wait(12).await;
    assert_eq!(rig.active(), second, "once");
    let wishes = Wishes { compromised: [second.clone()].into(), ..wishes };
    rig.plan(Plan { wishes, ..plan() }).await;
    assert!(matches!(rig.ring().key(&second).unwrap().state, State::Compromised { .. }));
    assert!(matches!(rig.ring().active().unwrap().state, State::Active { cause: Cause::Compromise, .. }));
}

#[tokio::test]
async fn a_ring_outlives_the_process_in_a_file_that_nobody_else_can_read() {
    let (at, opened) = folder();
    let rig = Rig::start(opened).await;
    let first = rig.active();
    drop(rig);
    let file = at.path().join("state/shop.keys.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let rig = Rig::start(Folder::open(&at.path().join("state")).unwrap()).await;
    assert_eq!(rig.active(), first);
}

#[tokio::test]
async fn a_file_that_was_deleted_is_made_again_and_what_it_signed_stays_published() {
    let (at, opened) = folder();
    let mut rig = Rig::start(opened).await;
    let first = rig.active();
    std::fs::remove_file(at.path().join("state/shop.keys.json")).unwrap();
    rig.plan(Plan { seen: Some(1), ..plan() }).await;
    assert!(matches!(rig.ring().key(&first).unwrap().state, State::Retiring { .. }));
    assert!(matches!(rig.ring().active().unwrap().state, State::Active { cause: Cause::Lost, .. }));
    assert_eq!(rig.reported, BTreeSet::from([Code::KeysLost]));
}

#[tokio::test]
async fn an_old_file_brings_back_no_key_that_has_retired() {
    let (at, opened) = folder();
    let file = at.path().join("state/shop.keys.json");
    let mut rig = Rig::start(opened).await;
    let first = rig.active();
    let old = std::fs::read(&file).unwrap();
    rig.wait(21).await;
    let second = rig.active();
    assert_ne!(second, first);
    std::fs::write(&file, old).unwrap();
    rig.plan(Plan { seen: Some(1), ..plan() }).await;
    assert_eq!(rig.active(), second, "its private half was in the old file too");
    assert!(matches!(rig.ring().key(&first).unwrap().state, State::Retiring { .. }));
    assert_eq!(rig.reported, BTreeSet::from([Code::KeysRestored]));
}

#[tokio::test]
async fn an_old_file_takes_back_no_step_even_where_there_is_no_other_to_take() {
    let (at, opened) = folder();
    let file = at.path().join("state/shop.keys.json");
    let mut rig = Rig::start(opened).await;
    let first = rig.active();
    rig.wait(21).await;
    let old = std::fs::read(&file).unwrap();
    let wishes = Wishes { compromised: [first.clone()].into(), ..Wishes::default() };
    rig.plan(Plan { wishes, ..plan() }).await;
    assert!(matches!(rig.ring().key(&first).unwrap().state, State::Compromised { .. }));
    // Nobody asks for it any more, and the private halves are the same: nothing but the state of one key is older.
    rig.plan(plan()).await;
    std::fs::write(&file, old).unwrap();
    rig.plan(Plan { seen: Some(1), ..plan() }).await;
    assert!(matches!(rig.ring().key(&first).unwrap().state, State::Compromised { .. }));
    assert_eq!(rig.reported, BTreeSet::from([Code::KeysRestored]));
    let written = Folder::ring_of(&std::fs::read(&file).unwrap());
    assert_eq!(written.as_ref(), Some(rig.ring()), "and the file is mended");
}

#[tokio::test]
async fn a_later_ring_is_remembered_whoever_comes_with_an_earlier_one() {
    let (at, opened) = folder();
    let file = at.path().join("state/shop.keys.json");
    let mut rig = Rig::start(opened.clone()).await;
    let first = rig.active();
    let old = Folder::ring_of(&std::fs::read(&file).unwrap()).unwrap();
    rig.wait(21).await;
    let newest = rig.ring().clone();
    assert!(newest.changes > old.changes);
    assert_eq!(opened.remember(&plan(), &old).await, Ok(Some(newest.clone())));
    assert_eq!(opened.last(&plan()).await, Ok(Some(newest)));
    assert_ne!(rig.active(), first);
}

#[tokio::test]
async fn what_is_not_a_ring_of_this_issuer_is_not_written_over() {
    let (at, opened) = folder();
    let file = at.path().join("state/shop.keys.json");
    let mut rig = Rig::start(opened).await;
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();

    let other = "https://gw.example.com/other";
    let cases: [(&str, Broken, u32, &str); 5] = [
        ("another type", |text| text.replace("bearward.dev/signing-keys", "Opaque"), 0o600, ISSUER),
        ("half a file", |text| text.chars().take(200).collect(), 0o600, ISSUER),
        ("empty", |_| String::new(), 0o600, ISSUER),
        ("readable by all", str::to_owned, 0o644, ISSUER),
        ("of another issuer", str::to_owned, 0o600, other),
    ];
    for (name, broken, file_mode, issuer) in cases {
        let whole = std::fs::read_to_string(&file).unwrap();
        let text = broken(&whole);
        std::fs::write(&file, &text).unwrap();
        mode(file_mode);
        rig.plan(Plan { seen: Some(1), issuer: issuer.into(), ..plan() }).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{name}");
        assert_eq!(rig.reported, BTreeSet::from([Code::KeysNotWritable]), "{name}");
        std::fs::write(&file, &whole).unwrap();
        mode(0o600);
        rig.plan(plan()).await;
        rig.wait(31).await;
        assert_eq!(rig.reported, BTreeSet::new(), "after {name}");
    }
}

#[tokio::test]
async fn without_a_place_no_key_is_made_and_it_is_said() {
    let rig = Rig::start(Nowhere).await;
    assert!(rig.rings.is_empty());
    assert_eq!(rig.reported, BTreeSet::from([Code::KeysNotWritable]));
}

#[tokio::test]
async fn what_is_written_beside_the_ring_is_asked_for_too() {
    let (at, opened) = folder();
    let mut rig = Rig::start(opened).await;
    let first = rig.active();
    rig.wait(9).await;
    let asked = [(crate::rotation::ROTATE.to_owned(), "now".into())].into_iter().collect();
    Asked(asked).write(&at.path().join("state"), "shop", "tokens").unwrap();
    rig.wait(2).await;
    assert_ne!(rig.active(), first);
}

#[tokio::test]
async fn a_folder_belongs_to_one_process_and_to_its_owner_alone() {
    let (at, opened) = folder();
    let path = at.path().join("state");
    assert!(matches!(Folder::open(&path), Err(FolderError::InUse(_))));
    drop(opened);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(Folder::open(&path), Err(FolderError::Readable(_))));
    std::fs::write(at.path().join("file"), "").unwrap();
    assert!(matches!(Folder::open(&at.path().join("file")), Err(FolderError::Unusable { .. })));
}

#[tokio::test]
async fn a_folder_is_in_use_until_its_last_write_ends_even_if_nobody_waits_for_it() {
    let (at, opened) = folder();
    let path = at.path().join("state");
    let pipe = path.join("shop.keys.json");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
    let keyring = Keyring::new(Ring::new(ISSUER, SECS(5), UnixTime::default()));
    {
        // It reads first, what is there, and that takes for ever.
        let plan = plan();
        let mut write = pin!(opened.save(&plan, &keyring, None));
        assert!(futures_util::poll!(&mut write).is_pending());
    }
    drop(opened);
    assert!(matches!(Folder::open(&path), Err(FolderError::InUse(_))));
    // Opened to be written to and closed, it reads as empty.
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
    while Folder::open(&path).is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_write_over_something_else_than_what_was_read_is_refused() {
    let (at, opened) = folder();
    Rig::start(opened.clone()).await;
    let file = at.path().join("state/shop.keys.json");
    let super::Found::Ours(keyring, version) = opened.load(&plan()).await.unwrap() else { panic!("no ring") };
    assert_eq!(opened.save(&plan(), &keyring, None).await, Err(super::KeepError::Conflict));
    std::fs::write(&file, format!("{} ", std::fs::read_to_string(&file).unwrap())).unwrap();
    assert_eq!(opened.save(&plan(), &keyring, Some(version)).await, Err(super::KeepError::Conflict));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(opened.save(&plan(), &keyring, Some(version)).await, Err(super::KeepError::Conflict));
    assert_eq!(opened.save(&plan(), &keyring, None).await, Ok(()));
}

/// A folder beside whose files nothing can be remembered for a while.
struct Forgetful {
    folder: Folder,
    refuses: Arc<AtomicBool>,
}

impl Keep for Forgetful {
    type Version = <Folder as Keep>::Version;

    async fn load(&self, plan: &Plan) -> Result<super::Found<Self::Version>, super::KeepError> {
        self.folder.load(plan).await
    }

    async fn save(&self, plan: &Plan, keyring: &Keyring, over: Option<Self::Version>) -> Result<(), super::KeepError> {
        self.folder.save(plan, keyring, over).await
    }

    async fn last(&self, plan: &Plan) -> Result<Option<Ring>, super::KeepError> {
        self.folder.last(plan).await
    }

    fn place(&self, plan: &Plan) -> String {
        self.folder.place(plan)
    }

    async fn remember(&self, plan: &Plan, ring: &Ring) -> Result<Option<Ring>, super::KeepError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(super::KeepError::Forbidden("not now".to_owned()));
        }
        self.folder.remember(plan, ring).await
    }
}

#[tokio::test]
async fn what_could_not_be_remembered_is_told_and_tried_until_it_is() {
    let (_at, folder) = folder();
    let refuses = Arc::new(AtomicBool::new(true));
    let mut rig = Rig::start(Forgetful { folder: folder.clone(), refuses: Arc::clone(&refuses) }).await;
    // The keys are there, and go on; that nobody could mend them after a loss is said for as long as it is so.
    let first = rig.active();
    for _ in 0..3 {
        rig.wait(40).await;
        assert_eq!(rig.reported, BTreeSet::from([Code::KeysNotWritable]));
    }
    assert_ne!(rig.active(), first);
    assert_eq!(folder.last(&plan()).await.unwrap(), None);
    refuses.store(false, Ordering::SeqCst);
    rig.wait(31).await;
    assert_eq!(folder.last(&plan()).await.unwrap().as_ref(), Some(rig.ring()));
    assert_eq!(rig.reported, BTreeSet::new());
}
