//! The journal on disk: appended to, and written anew beside its place.
//!
//! | file | what |
//! |---|---|
//! | `records.journal` | the first line, then one line for every write that was answered; there whole or not at all |
//! | `records.journal.new` | what a crash may leave of a journal that was being written anew; removed |
//! | `records.lock` | locked by the process that has the folder |
//!
//! A crash can only tear what was being appended, which is the last line, and which nobody was answered for: it is cut
//! off. A line that is broken with others behind it is no crash but damage, and nothing is made of such a file.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::OpenError;
use super::line;
use crate::clock::UnixTime;
use crate::store::table::Table;

/// The longest journal. It is written anew long before, unless the disk has no room for that.
const MOST: u64 = 512 << 20;

/// About how many bytes of a new journal are written at once.
const AT_ONCE: usize = 64 << 10;

/// The open journal of a folder that is ours.
pub(super) struct Journal {
    path: PathBuf,
    pub(super) file: File,
    /// Up to where it counts.
    length: u64,
    /// What is behind that may be on the disk all the same.
    is_doubtful: bool,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, or begins one, and puts into `table` what it says.
    pub(super) fn open(folder: &Path, mut table: Table, now: UnixTime) -> Result<(Self, Table), OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| OpenError::Io { path, kind: error.kind() }
        };
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(folder)(error)),
            Ok(()) | Err(_) => {}
        }
        let lock = lock(folder)?;
        let path = folder.join("records.journal");
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Versions of an earlier journal that was removed are not given away again.
                table.skip_to(u64::try_from(now.millis()).unwrap_or(0));
                let written = write_new(&path, &table).map_err(failed(&path))?;
                written.in_place.map_err(failed(folder))?;
                written.file
            }
            Err(error) => return Err(failed(&path)(error)),
        };
        keep_to_ourselves(&file, &path)?;
        match fs::remove_file(beside(&path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&beside(&path))(error)),
            Ok(()) | Err(_) => {}
        }
        let mut journal = Self { path, file, length: 0, is_doubtful: false, _lock: lock };
        journal.read(&mut table)?;
        Ok((journal, table))
    }

    /// Up to where it counts, in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file may have more in it than counts. It must then be written anew before anything is added.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Adds a line, which is on the disk when this is done. If it fails, the line does not count.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let length = self.length.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        if length > MOST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            let cut = self.file.set_len(self.length).and_then(|()| self.file.sync_data());
            self.is_doubtful = cut.is_err();
            return Err(error);
        }
        if let Err(error) = self.file.sync_data() {
            // The kernel has forgotten that these pages are not on the disk: a second fsync would prove nothing.
            self.is_doubtful = true;
            return Err(error);
        }
        self.length = length;
        Ok(())
    }

    /// Replaces the journal by one that says what `table` holds, and nothing else. If it fails, the journal says what it
    /// said before.
    pub(super) fn rewrite(&mut self, table: &Table) -> io::Result<()> {
        let Written { file, length, in_place } = write_new(&self.path, table)?;
        (self.file, self.length) = (file, length);
        // Until the folder is on the disk, a power cut brings the old one back, and with it would go what was added.
        self.is_doubtful = in_place.is_err();
        in_place
    }

    /// Reads all lines, and cuts a torn one off.
    fn read(&mut self, table: &mut Table) -> Result<(), OpenError> {
        let path = self.path.clone();
        let failed = |error: io::Error| OpenError::Io { path: path.clone(), kind: error.kind() };
        (&self.file).rewind().map_err(failed)?;
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            let length = (&mut reader).take(line::MAX_LINE).read_until(b'\n', &mut line).map_err(failed)?;
            if length == 0 && number > 0 {
                return Ok(());
            }
            number = number.saturating_add(1);
            let is_read = line.pop_if(|last| *last == b'\n').is_some() && take(&line, number, table);
            if is_read {
                self.length = self.length.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                continue;
            }
            if number == 1 {
                return Err(OpenError::NotAJournal(self.path.clone()));
            }
            if !reader.fill_buf().map_err(failed)?.is_empty() {
                return Err(OpenError::Broken { path: self.path.clone(), line: number });
            }
            tracing::warn!(path = %self.path.display(), bytes = length, "torn last line of the journal was cut off");
            self.file.set_len(self.length).and_then(|()| self.file.sync_all()).map_err(failed)?;
            return Ok(());
        }
    }
}

/// Puts what a line says into the table; whether it says anything.
fn take(line: &[u8], number: u64, table: &mut Table) -> bool {
    if number == 1 {
        return line::read_head(line).map(|last| table.skip_to(last)).is_some();
    }
    let Some(records) = line::read_records(line) else { return false };
    for (key, entry) in records {
        table.load(key, entry);
    }
    true
}

/// Locks the folder for this process.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("records.lock");
    let failed = |error: io::Error| OpenError::Io { path: path.clone(), kind: error.kind() };
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Refuses a file that everybody may use. That a group may is mended: a volume with an `fsGroup` comes so.
fn keep_to_ourselves(file: &File, path: &Path) -> Result<(), OpenError> {
    let failed = |error: io::Error| OpenError::Io { path: path.to_owned(), kind: error.kind() };
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(OpenError::Exposed(path.to_owned()));
    }
    if mode & 0o070 != 0 {
        tracing::warn!(path = %path.display(), "the group may not use the journal any more");
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// A journal that has taken its place.
struct Written {
    file: File,
    length: u64,
    /// Whether it still has it after a power cut.
    in_place: io::Result<()>,
}

/// Writes a journal beside its place and moves it there, so that it is there whole or not at all. An error: it has not
/// moved.
fn write_new(path: &Path, table: &Table) -> io::Result<Written> {
    let draft = beside(path);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let written = write_draft(&draft, table).and_then(|written| fs::rename(&draft, path).map(|()| written));
    let (file, length) = written.inspect_err(|_| {
        // A full disk wants the room back. What cannot be removed now is removed when it is in the way.
        let _ = fs::remove_file(&draft);
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let in_place = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(Written { file, length, in_place })
}

/// A whole journal, on the disk; and its length.
fn write_draft(draft: &Path, table: &Table) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(draft)?;
    let mut buffer = line::of_head(table.last())?;
    for (key, entry) in table.iter() {
        if buffer.len() >= AT_ONCE {
            file.write_all(buffer.as_bytes())?;
            buffer.clear();
        }
        buffer.push_str(&line::of_records(std::iter::once((&**key, entry)))?);
    }
    file.write_all(buffer.as_bytes())?;
    file.sync_all()?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// Where a journal is written before it takes its place.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("journal.new")
}
