//! Files as they change: what is read when, and what stays in force meanwhile.

use std::os::unix::fs::symlink;

use super::super::loaded::Files;
use super::*;
use crate::clock::{Clock, ManualClock};
use crate::tasks::Tasks;

/// Files that were read once, with what follows them.
struct Followed {
    folder: TempDir,
    files: Files,
}

impl Followed {
    fn new(names: &[&str]) -> Self {
        Self::with(names, Settings::default())
    }

    fn with(names: &[&str], settings: Settings) -> Self {
        let folder = folder();
        for name in names {
            write(&folder, &format!("{name}.yaml"), &route(name));
        }
        let mut files = Files::new(vec![folder.path().to_owned()], settings);
        files.first();
        Self { folder, files }
    }

    fn look(&mut self) -> Vec<String> {
        lines(self.folder.path(), &self.files.look().updates)
    }

    /// What two looks find: the first must find nothing.
    fn settle(&mut self) -> Vec<String> {
        assert_eq!(self.look(), [""; 0], "what was seen once does not count yet");
        let found = self.look();
        assert_eq!(self.look(), [""; 0], "what was sent is not sent again");
        found
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn nothing_is_sent_while_nothing_changes() {
    let mut followed = Followed::new(&["a", "b"]);
    for _ in 0..3 {
        assert_eq!(followed.look(), [""; 0]);
    }
}

#[test]
fn a_change_is_sent_once_it_stands_still() {
    let mut followed = Followed::new(&["a", "b"]);
    write(&followed.folder, "a.yaml", &route("c"));
    assert_eq!(followed.settle(), ["a.yaml: c"]);
    // A file that is being written: it is not read before it stands still.
    write(&followed.folder, "a.yaml", "apiVersion: bearward.dev/v1alpha1\n");
    assert_eq!(followed.look(), [""; 0]);
    write(&followed.folder, "a.yaml", &format!("{}---\n", route("d")));
    assert_eq!(followed.settle(), ["a.yaml: d"]);
}

#[test]
fn a_file_that_never_rests_is_read_each_second_and_what_is_half_of_one_changes_nothing() {
    let mut followed = Followed::new(&["a", "b"]);
    let mut sent = Vec::new();
    for look in 0..8 {
        write(&followed.folder, "a.yaml", &route(&format!("r{look}")));
        sent.push(followed.look().concat());
    }
    assert_eq!(sent, ["", "", "", "a.yaml: r3", "", "", "", "a.yaml: r7"]);
    // Whatever is in it at that moment, if it is not whole, is a finding beside the last whole objects.
    let halves = ["kind: {", "kind: [", "kind: \"", "kind: 'a", "kind: ["];
    let sent = halves.map(|half| {
        write(&followed.folder, "a.yaml", half);
        followed.look().concat()
    });
    assert_eq!(sent, ["", "", "", "a.yaml: r7 !InvalidYaml", ""]);
    // At rest it is read as ever.
    write(&followed.folder, "a.yaml", &route("c"));
    assert_eq!(followed.settle(), ["a.yaml: c"]);
}

#[test]
fn a_file_that_only_grows_is_waited_for_for_ten_seconds() {
    let mut followed = Followed::new(&["a"]);
    let mut text = format!("{}---\n", route("b"));
    let mut first = None;
    for look in 1..=45 {
        // Whole at every look, and never all of it.
        text.extend([route(&format!("r{look}")), "---\n".to_owned()]);
        write(&followed.folder, "a.yaml", &text);
        if !followed.look().is_empty() {
            first = first.or(Some(look));
        }
    }
    assert_eq!(first, Some(40));
}

#[test]
fn a_file_that_was_emptied_keeps_its_objects_for_ten_seconds() {
    let mut followed = Followed::new(&["a"]);
    // As `command > a.yaml` does, whose command takes its time.
    write(&followed.folder, "a.yaml", "");
    for look in 1..30 {
        assert_eq!(followed.look(), [""; 0], "look {look}");
    }
    write(&followed.folder, "a.yaml", &route("b"));
    assert_eq!(followed.settle(), ["a.yaml: b"]);
    // One that stays so was meant.
    write(&followed.folder, "a.yaml", "");
    let sent: Vec<(i32, String)> = (1..=45).map(|look| (look, followed.look().concat())).collect();
    let sent: Vec<_> = sent.into_iter().filter(|(_, update)| !update.is_empty()).collect();
    assert_eq!(sent, [(40, "a.yaml:".to_owned())]);
}

#[test]
fn a_change_that_leaves_no_mark_on_the_file_is_seen_by_reading_it_twice() {
    let mut followed = Followed::new(&["a"]);
    let path = followed.path("a.yaml");
    let before = fs::metadata(&path).unwrap();
    fs::write(&path, route("b")).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let sent = [followed.look(), followed.look(), followed.look(), followed.look()].concat();
    assert_eq!(sent, ["a.yaml: b"]);
}

#[test]
fn an_editors_rename_is_a_change_and_a_moment_without_the_file_is_none() {
    let mut followed = Followed::new(&["a"]);
    // Written beside it and renamed over it.
    write(&followed.folder, ".a.yaml.swp", &route("b"));
    fs::rename(followed.path(".a.yaml.swp"), followed.path("a.yaml")).unwrap();
    assert_eq!(followed.settle(), ["a.yaml: b"]);
    // Moved away, and written anew.
    fs::rename(followed.path("a.yaml"), followed.path("a.yaml~")).unwrap();
    assert_eq!(followed.look(), [""; 0]);
    write(&followed.folder, "a.yaml", &route("c"));
    assert_eq!(followed.settle(), ["a.yaml: c"]);
}

#[test]
fn a_file_that_is_gone_takes_its_objects_with_it_and_makes_the_later_ones_older() {
    let mut followed = Followed::new(&["a", "b", "c"]);
    fs::remove_file(followed.path("b.yaml")).unwrap();
    assert_eq!(followed.settle(), ["b.yaml gone", "c.yaml: c"]);
    write(&followed.folder, "b.yaml", &route("b"));
    assert_eq!(followed.settle(), ["b.yaml: b", "c.yaml: c"]);
}

#[test]
fn a_file_in_a_folder_that_cannot_be_read_is_not_gone() {
    let mut followed = Followed::new(&["a"]);
    write(&followed.folder, "below/b.yaml", &route("b"));
    assert_eq!(followed.settle(), ["below/b.yaml: b"]);
    // A loop of links cannot be followed, by whoever is asked to.
    fs::rename(followed.path("below"), followed.path(".below")).unwrap();
    symlink("below", followed.path("below")).unwrap();
    // Still there, and younger by what stands for the folder.
    assert_eq!(followed.settle(), ["below: !InvalidYaml", "below/b.yaml: b"]);
    fs::remove_file(followed.path("below")).unwrap();
    fs::rename(followed.path(".below"), followed.path("below")).unwrap();
    assert_eq!(followed.settle(), ["below gone", "below/b.yaml: b"]);
    fs::remove_dir_all(followed.path("below")).unwrap();
    assert_eq!(followed.settle(), ["below/b.yaml gone"]);
}

#[test]
fn a_broken_file_keeps_its_last_whole_objects_and_says_what_is_wrong() {
    let mut followed = Followed::new(&["a", "b"]);
    write(&followed.folder, "a.yaml", &format!("{}---\nkind: {{\n", route("c")));
    assert_eq!(followed.settle(), ["a.yaml: a !InvalidYaml"]);
    // Wrong in another way: the finding is the newer one.
    write(&followed.folder, "a.yaml", &format!("{}---\nkind: ApiRoute\n", route("c")));
    assert_eq!(followed.settle(), ["a.yaml: a !UnknownKind"]);
    // A file that comes before makes it younger, and changes nothing else.
    write(&followed.folder, "A.yaml", &route("z"));
    assert_eq!(followed.settle(), ["A.yaml: z", "a.yaml: a !UnknownKind", "b.yaml: b"]);
    write(&followed.folder, "a.yaml", &route("c"));
    assert_eq!(followed.settle(), ["a.yaml: c"]);
    // A file that was never whole has no objects.
    write(&followed.folder, "d.yaml", "a: {");
    assert_eq!(followed.settle(), ["d.yaml: !InvalidYaml"]);
}

/// An API server that wants hosts.
fn hosts_are_wanted() -> Settings {
    let admission = |object: &ObjectKey, document: &serde_json::Map<String, serde_json::Value>| {
        let is_there = document["spec"].get("hosts").is_some();
        let field = FieldPath::spec();
        let finding = || Finding::error(object, field, Code::InvalidValue, "no hosts", "write some");
        if is_there { Vec::new() } else { vec![finding()] }
    };
    Settings { admission: Arc::new(admission), ..Settings::default() }
}

#[test]
fn a_text_that_an_api_server_would_refuse_takes_no_others_place() {
    let mut followed = Followed::with(&["a"], hosts_are_wanted());
    let refused = |name: &str| route(name).replace("hosts: [a]", "");
    let service = |ports: &str| {
        format!("{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{ports: {ports}}}\n", route("b"))
    };
    write(&followed.folder, "a.yaml", &format!("{}---\n{}", route("b"), refused("c")));
    assert_eq!(followed.settle(), ["a.yaml: a !InvalidValue"]);
    write(&followed.folder, "a.yaml", &service("many"));
    assert_eq!(followed.settle(), ["a.yaml: a !InvalidValue"], "an object of Kubernetes' own, too");
    write(&followed.folder, "a.yaml", &service("[]"));
    assert_eq!(followed.settle(), ["a.yaml: b s"]);
    write(&followed.folder, "a.yaml", &refused("d"));
    assert_eq!(followed.settle(), ["a.yaml: b s !InvalidValue"]);
    write(&followed.folder, "a.yaml", &format!("{}---\nkind: ApiRoute\n", refused("d")));
    assert_eq!(followed.settle(), ["a.yaml: b s !UnknownKind !InvalidValue"]);
}

#[test]
fn without_an_earlier_text_a_refused_one_is_better_than_none() {
    let mut followed = Followed::with(&[], hosts_are_wanted());
    let refused = |name: &str| route(name).replace("hosts: [a]", "");
    write(&followed.folder, "a.yaml", &refused("a"));
    assert_eq!(followed.settle(), ["a.yaml: a"], "what is wrong with it is for whoever compiles it");
    write(&followed.folder, "a.yaml", &refused("b"));
    assert_eq!(followed.settle(), ["a.yaml: b"]);
    write(&followed.folder, "a.yaml", "kind: ApiRoute\n");
    assert_eq!(followed.settle(), ["a.yaml: b !UnknownKind"]);
    write(&followed.folder, "a.yaml", &route("c"));
    assert_eq!(followed.settle(), ["a.yaml: c"]);
    write(&followed.folder, "a.yaml", &refused("d"));
    assert_eq!(followed.settle(), ["a.yaml: c !InvalidValue"]);
}

#[test]
fn a_mounted_config_map_is_exchanged_as_kubernetes_does() {
    let folder = folder();
    for (version, name) in [("..1", "x"), ("..2", "w")] {
        write(&folder, &format!("{version}/a.yaml"), &route(name));
    }
    symlink("..1", folder.path().join("..data")).unwrap();
    symlink("..data/a.yaml", folder.path().join("a.yaml")).unwrap();
    let mut files = Files::new(vec![folder.path().to_owned()], Settings::default());
    assert_eq!(lines(folder.path(), &files.first().updates), ["a.yaml: x"]);
    let mut followed = Followed { folder, files };
    symlink("..2", followed.path("..tmp")).unwrap();
    fs::rename(followed.path("..tmp"), followed.path("..data")).unwrap();
    fs::remove_dir_all(followed.path("..1")).unwrap();
    assert_eq!(followed.settle(), ["a.yaml: w"]);
}

#[test]
fn permissions_are_followed_too() {
    let mut followed = Followed::new(&[]);
    let path = write(&followed.folder, "a.yaml", SECRET);
    assert_eq!(followed.settle(), ["a.yaml: s"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(followed.settle(), ["a.yaml: s !SecretFileReadable"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(followed.settle(), ["a.yaml: s"]);
}

#[tokio::test]
async fn the_watcher_looks_as_the_clock_goes_and_ends_with_its_listener() {
    let folder = folder();
    write(&folder, "a.yaml", &route("a"));
    let manual = Arc::new(ManualClock::new(UnixTime::from_secs(0)));
    let reading = read(vec![folder.path().to_owned()], Settings::default());
    let (sender, mut receiver) = mpsc::channel(1);
    let mut tasks = Tasks::new();
    tasks.spawn("files", reading.watcher(Clock::manual(Arc::clone(&manual))).run(sender));
    for name in ["a", "b"] {
        // With another file besides: both come at once.
        write(&folder, "a.yaml", &route(&format!("{name}0")));
        write(&folder, &format!("{name}1.yaml"), &route(&format!("{name}1")));
        let update = loop {
            tokio::task::yield_now().await;
            manual.advance(Duration::from_millis(250));
            if let Ok(update) = receiver.try_recv() {
                break update;
            }
        };
        let Update::Together(updates) = update else { panic!("{update:?}") };
        let expected = [format!("a.yaml: {name}0"), format!("{name}1.yaml: {name}1")];
        assert_eq!(lines(folder.path(), &updates), expected);
    }
    drop(receiver);
    write(&folder, "a.yaml", &route("d"));
    while !tasks.is_empty() {
        tokio::task::yield_now().await;
        manual.advance(Duration::from_millis(250));
    }
}
