//! Processes that end with the test binary, however it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the program in the background, says its id, and kills it when stdin ends; then removes the folder, if there is
/// one to remove. The other end of that pipe is held by the test binary, so it ends even if that is killed. Signals from
/// a terminal are for the test binary alone.
const SUPERVISOR: &str = r#"trap '' INT TERM HUP
log=$1; remove=$2; shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 &
echo $!
cat <&3 >/dev/null
kill -9 $! 2>/dev/null
wait
[ -z "$remove" ] || for attempt in 1 2 3 4 5; do rm -rf "$remove" 2>/dev/null && break; done"#;

/// A running program. Dropping it kills it.
pub(crate) struct Process {
    supervisor: Child,
    id: u32,
}

impl Process {
    /// Starts `program`; what it writes is appended to the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[impl AsRef<OsStr>], log: &Path) -> Self {
        Self::start_and_remove(program, arguments, log, Path::new(""))
    }

    /// The same; when it has ended, the folder `remove` goes.
    pub(crate) fn start_and_remove(program: &Path, arguments: &[impl AsRef<OsStr>], log: &Path, remove: &Path) -> Self {
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(log)
            .arg(remove)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let id = line.trim().parse().unwrap_or_else(|_| panic!("cannot start {}", program.display()));
        Self { supervisor, id }
    }

    /// Whether the program still runs (or is stopped).
    pub(crate) fn is_alive(&self) -> bool {
        // A process that has ended and was not waited for is a zombie; its state follows its name, which is in brackets.
        std::fs::read_to_string(format!("/proc/{}/stat", self.id))
            .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
    }

    /// Sends a signal, such as `KILL` or `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id.to_string()).status().unwrap();
        assert!(status.success(), "kill -{signal} {}", self.id);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
