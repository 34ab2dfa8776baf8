//! Where lines go.

use super::super::{LogFile, LogTarget};

#[test]
fn a_log_to_nowhere_collects_nothing() {
    let log = LogFile::open(&LogTarget::Nowhere).unwrap();
    assert!(log.buffer().is_none());
    assert_eq!(log.dropped(), 0);
    log.close();
}

#[test]
fn a_file_is_appended_to_and_has_every_line_once_the_log_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    std::fs::write(&path, "before\n").unwrap();
    let log = LogFile::open(&LogTarget::File(path.clone())).unwrap();
    let (mut one, mut two) = (log.buffer().unwrap(), log.buffer().unwrap());
    let add = |buffer: &mut super::super::LogBuffer, text: &str| buffer.line(|_, out| out.extend(text.as_bytes()));
    assert!(add(&mut one, "first\n"), "it was empty");
    assert!(!add(&mut one, "second\n"), "it was not");
    one.flush();
    assert!(add(&mut one, "third\n"), "it was handed over");
    add(&mut two, &"x".repeat(100_000));
    drop((one, two));
    assert_eq!(log.dropped(), 0);
    log.close();
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("before\n"));
    assert_eq!(written.len(), "before\nfirst\nsecond\nthird\n".len() + 100_000);
    let place = |text| written.find(text).unwrap();
    assert!(place("first\nsecond\n") < place("third\n"));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    assert!(LogFile::open(&LogTarget::File(folder.path().join("missing/access.log"))).is_err());
}
