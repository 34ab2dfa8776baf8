//! A real nginx with a folder of its own, whose access log says what it took requests for.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::connection::within;
use crate::seen::{Seen, from_latin1, text, to_latin1};

/// Held from the choice of a port until nginx has it.
static STARTING: Mutex<()> = Mutex::const_new(());

/// A running server. Ends when dropped.
pub(crate) struct Nginx {
    process: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let starting = STARTING.lock().await;
        let address = free_address();
        let path = folder.path().join("nginx.conf");
        let text = include_str!("nginx.conf").replace("FOLDER", folder.path().to_str().unwrap());
        std::fs::write(&path, text.replace("ADDRESS", &address.to_string())).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(path).arg("-e").arg(folder.path().join("error.log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("nginx could not be started; tests/peers/tools.sh installs it");
        let mut nginx = Self { process, folder, address };
        within(async {
            while TcpStream::connect(address).await.is_err() {
                nginx.check();
            }
        })
        .await;
        drop(starting);
        nginx
    }

    fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }

    /// It runs on.
    fn check(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            panic!("nginx ended by itself, {status}: {}", self.error_log());
        }
    }

    /// Ends it, and says what it has seen, and the errors that it has found in what was no request to it.
    pub(crate) async fn end(mut self) -> (Vec<Seen>, Vec<String>) {
        self.check();
        let pid = Pid::from_raw(self.process.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::QUIT).unwrap();
        within(self.process.wait()).await.unwrap();
        let errors = self.error_log().lines().filter(|line| line.contains("client sent")).map(str::to_owned).collect();
        let log = std::fs::read(self.folder.path().join("access.log")).unwrap();
        (from_latin1(&log).lines().map(read).collect(), errors)
    }
}

/// A free port of a loopback address that is this process's own, so that nobody takes it before nginx does.
fn free_address() -> SocketAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high | 0x80, middle, low);
    std::net::TcpListener::bind((own, 0)).unwrap().local_addr().unwrap()
}

fn read(line: &str) -> Seen {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let fields = [("host", "host"), ("content-length", "length"), ("transfer-encoding", "coding")];
    let fields = fields.map(|(name, member)| (name.to_owned(), text(&line, member)));
    let (method, target) = (text(&line, "method"), text(&line, "target"));
    assert_eq!(text(&line, "line"), format!("{method} {target} HTTP/1.1"));
    Seen {
        client: text(&line, "client"),
        id: text(&line, "id"),
        method,
        target,
        path: to_latin1(&text(&line, "path")),
        body: text(&line, "body"),
        is_complete: line["status"] == 200,
        fields: fields.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
    }
}
