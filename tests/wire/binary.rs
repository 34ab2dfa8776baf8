//! The built binary: exit codes, signals and what it writes.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use bearward::name::Kind;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::client::{Client, get, within};
use crate::upstream::{OK, Upstream};

/// The binary without any setting of the environment in which the tests run.
pub(crate) fn bearward(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_clear();
    command
}

pub(crate) async fn output(arguments: &[&str]) -> Output {
    within(bearward(arguments).output()).await.unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub(crate) const FREE: [&str; 6] = ["--http", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/// `bearward serve`, started, and where it serves.
pub(crate) struct Served {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// What was logged until it had started.
    beginning: String,
    pub(crate) http: SocketAddr,
    pub(crate) probes: SocketAddr,
    pub(crate) admin: SocketAddr,
}

pub(crate) async fn serve(config: &Path, flags: &[&str]) -> Served {
    let arguments: Vec<_> = [&["serve", config.to_str().unwrap()], &FREE[..], flags].concat();
    let mut child = bearward(&arguments).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut beginning = String::new();
    let started = loop {
        let line = within(log.next_line()).await.unwrap().expect("the log ends before the start");
        beginning += &line;
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "gateway started" {
            break line;
        }
    };
    let [http, probes, admin] =
        ["http", "probes", "admin"].map(|name| started[name].as_str().unwrap().parse().unwrap());
    Served { child, log, beginning, http, probes, admin }
}

impl Served {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.signal(Signal::KILL);
        assert_eq!(self.code().await, None);
    }

    /// Ends it in order; all that it has logged, and its exit code.
    pub(crate) async fn terminate_and_read_log(mut self) -> (String, Option<i32>) {
        self.signal(Signal::TERM);
        let mut log = std::mem::take(&mut self.beginning);
        while let Some(line) = within(self.log.next_line()).await.unwrap() {
            log += &(line + "\n");
        }
        (log, self.code().await)
    }

    async fn code(mut self) -> Option<i32> {
        within(self.child.wait()).await.unwrap().code()
    }
}

fn config(folder: &tempfile::TempDir, upstream: &Upstream) -> std::path::PathBuf {
    let path = folder.path().join("config.yaml");
    let yaml = format!(
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  \
         hosts: [api.example.com]\n  rules:\n  - name: open\n    auth: {{anonymous: true}}\n    \
         backends: [{{url: \"{}\"}}]\n",
        upstream.url()
    );
    std::fs::write(&path, yaml).unwrap();
    path
}

#[tokio::test]
async fn a_wrong_call_ends_with_two_and_says_what_was_expected() {
    for (arguments, expected) in [
        (&["serve"][..], "<PATH>..."),
        (&["serve", "a.yaml", "--http", "8080"], "expected an IP address and a port"),
        (&["demo", "--http", "0.0.0.0:8080"], "is not a loopback address"),
        (&["check"], "<PATH>..."),
        (&["check", "a.yaml", "--http", "127.0.0.1:0"], "unexpected argument"),
        (&["token", "verify", "--issuer", "i", "--audience", "a"], "--key-set <FILE>"),
        (&["nothing"], "unrecognized subcommand"),
    ] {
        let output = output(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_path_without_anything_to_read_is_a_wrong_call() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let missing = folder.path().join("missing.yaml");
    for (path, expected) in [(&missing, "there is no such file or folder"), (&empty, "has no file that ends in .yaml")]
    {
        let path = path.to_str().unwrap();
        for arguments in [&["check", path][..], &[&["serve", path], &FREE[..]].concat()] {
            let output = output(arguments).await;
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert_eq!(text(&output.stdout), "", "{arguments:?}");
            let said = text(&output.stderr);
            assert!(said.contains(path) && said.contains(expected), "{arguments:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_route_that_does_not_say_which_hosts_it_guards_keeps_the_gateway_from_starting() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
    let path = config(&folder, &upstream);
    let whole = std::fs::read_to_string(&path).unwrap();
    for hosts in
        ["  hosts: [\"http://api.example.com\"]\n", "  hosts: [api.example.com, \"a b\"]\n", "  hosts: null\n", ""]
    {
        std::fs::write(&path, whole.replace("  hosts: [api.example.com]\n", hosts)).unwrap();
        let output = output(&[&["serve", path.to_str().unwrap()], &FREE[..]].concat()).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{hosts}: {said}");
        assert_eq!(text(&output.stdout), "", "{hosts}");
        assert!(said.contains("error[HostsUnreadable]") && said.contains("config.yaml:"), "{hosts}: {said}");
        assert!(said.contains("bearward: does not start: ApiRoute shop/shop cannot be read"), "{hosts}: {said}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_whole_keeps_the_gateway_from_starting() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
    config(&folder, &upstream);
    let strict = folder.path().join("strict.yaml");
    let route =
        "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {name: strict}\nspec: {hosts: [a.example]}\n";
    for (row, yaml, code) in [
        ("not YAML", route.replace("[a.example]", "[a.example"), "InvalidYaml"),
        ("a kind that is none", route.replace("ApiRoute", "ApiRout"), "UnknownKind"),
        ("an object without a name", route.replace("{name: strict}", "{}"), "InvalidValue"),
        ("larger than files may be", format!("{route}#{}", "x".repeat(11 << 20)), "InvalidYaml"),
    ] {
        std::fs::write(&strict, yaml).unwrap();
        let output = output(&[&["serve", folder.path().to_str().unwrap()], &FREE[..]].concat()).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{row}: {said}");
        assert!(said.contains(&format!("error[{code}]")) && said.contains("strict.yaml"), "{row}: {said}");
        assert!(said.contains("bearward: does not start"), "{row}: {said}");
    }
}

#[tokio::test]
async fn check_gives_the_verdict_of_the_installation_that_it_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let yaml = "apiVersion: bearward.dev/v1alpha1\nkind: ApiRoute\nmetadata: {name: a}\nspec:\n  hosts: []\n  rules:\n  \
                - {name: r, auth: {anonymous: true}, backends: [{url: \"http://10.0.0.1\"}]}\n";
    std::fs::write(&path, yaml).unwrap();
    for (flags, code, findings) in [
        (&[][..], 0, &[][..]),
        (&["--egress-allow", "10.0.0.2"], 1, &["EgressForbidden"]),
        (&["--egress-allow", "10.0.0.1"], 0, &[]),
        (&["--cluster"], 1, &["EgressForbidden", "HostNotOwned"]),
        (&["--cluster", "--egress-allow", "10.0.0.1"], 1, &["HostNotOwned"]),
        (&["--cluster", "--class", "other"], 0, &[]),
    ] {
        let output = output(&[&["check", path.to_str().unwrap()], flags].concat()).await;
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {said}");
        let mut found: Vec<_> =
            said.lines().filter_map(|line| line.strip_prefix("error[")?.split(']').next()).collect();
        found.sort_unstable();
        assert_eq!(found, findings, "{flags:?}: {said}");
    }
}

#[tokio::test]
async fn a_variable_sets_what_no_flag_does() {
    for (name, value, expected) in [
        ("BEARWARD_HTTP", "nowhere", "'--http <ADDR>'"),
        ("BEARWARD_CLASS", "In ternal", "'--class <NAME>'"),
        ("BEARWARD_ALLOW_READABLE_SECRETS", "perhaps", "'--allow-readable-secrets'"),
        ("BEARWARD_EGRESS_ALLOW", "10.0.0.0/8,10.0.0.0/8", "--egress-allow has 10.0.0.0/8 twice"),
        ("HTTPS_PROXY", "socks5://planted@proxy.example.com", "HTTPS_PROXY cannot be used"),
    ] {
        let output = within(bearward(&["serve", "a.yaml"]).env(name, value).output()).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let error = text(&output.stderr);
        assert!(error.contains(expected) && !error.contains("planted"), "{name}: {error}");
    }
    // The flag wins: its own value is refused, and the variable's is not looked at.
    for (threads, variable, expected) in [("0", "5", "invalid value '0'"), ("5", "0", "'--http <ADDR>'")] {
        let mut command = bearward(&["serve", "a.yaml", "--threads", threads, "--http", "nowhere"]);
        let output = within(command.env("BEARWARD_THREADS", variable).output()).await.unwrap();
        assert!(text(&output.stderr).contains(expected), "{threads} {variable}: {}", text(&output.stderr));
    }
}

#[tokio::test]
async fn help_is_shown_on_standard_output() {
    let output = output(&["serve", "--help"]).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert!(text(&output.stdout).contains("Usage: bearward serve"));
}

#[tokio::test]
async fn the_definitions_are_printed_as_one_stream() {
    let output = output(&["crds"]).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let documents: Vec<_> = text(&output.stdout).split("---\n").skip(1).map(str::trim_end).collect();
    let expected: Vec<_> = Kind::ALL.into_iter().filter_map(bearward::api::crd_yaml).collect();
    assert_eq!(documents, expected.iter().map(|document| document.trim_end()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, &Upstream::replying(OK).await);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--http", "--probes", "--admin"] {
        let mut arguments = vec!["serve", path.to_str().unwrap()];
        for pair in FREE.chunks(2) {
            arguments.extend([pair[0], if pair[0] == flag { &address } else { pair[1] }]);
        }
        let output = output(&arguments).await;
        assert_eq!(output.status.code(), Some(1), "{flag}");
        let expected = format!("cannot listen on {address} ({flag})");
        assert!(text(&output.stderr).contains(&expected), "{flag}: {}", text(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_drain_and_end_with_zero() {
    let upstream = Upstream::replying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut served = serve(&config(&folder, &upstream), &[]).await;
        assert_eq!(get(served.http, "api.example.com", "/", "").await.status, 200);
        upstream.hold();
        let mut client = Client::connect(served.http).await;
        upstream.take();
        client.send("GET / HTTP/1.1\r\nhost: api.example.com\r\n\r\n").await;
        upstream.reached().await;
        served.signal(signal);
        while !within(served.log.next_line()).await.unwrap().unwrap().contains("drain began") {}
        within(async { while TcpStream::connect(served.http).await.is_ok() {} }).await;
        upstream.release();
        assert_eq!(client.reply().await.status, 200, "{signal:?}");
        assert_eq!(served.code().await, Some(0), "{signal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let upstream = Upstream::replying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let mut served = serve(&config(&folder, &upstream), &["--shutdown-grace", "1h"]).await;
    upstream.hold();
    let mut client = Client::connect(served.http).await;
    client.send("GET / HTTP/1.1\r\nhost: api.example.com\r\n\r\n").await;
    upstream.reached().await;
    served.signal(Signal::TERM);
    while !within(served.log.next_line()).await.unwrap().unwrap().contains("drain began") {}
    served.signal(Signal::TERM);
    assert_eq!(served.code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_kept_from_core_dumps() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&config(&folder, &Upstream::replying(OK).await), &[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.pid().as_raw_nonzero())).unwrap();
    let cores: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(cores[4..6], ["0", "0"], "{limits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn port_zero_takes_free_ports_and_the_log_says_which() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
    let served = serve(&config(&folder, &upstream), &[]).await;
    assert_eq!(get(served.http, "api.example.com", "/", "").await.status, 200);
    within(async { while get(served.probes, "localhost", "/readyz", "").await.status != 200 {} }).await;
    assert_eq!(get(served.admin, "localhost", "/snapshot", "").await.status, 200);
}

#[tokio::test]
async fn check_ends_with_one_if_there_are_errors_and_shows_them_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, &Upstream::replying(OK).await);
    let arguments = ["check", path.to_str().unwrap()];
    let good = output(&arguments).await;
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), ""));
    assert_eq!(text(&good.stderr), "nothing to find fault with; 1 file read\n");

    let rules = "  rules:\n  - {name: forgotten, matches: [{path: {value: /forgotten}}], backends: [{url: \"http://127.0.0.1:1\"}]}\n";
    let broken = std::fs::read_to_string(&path).unwrap().replace("  rules:\n", rules);
    std::fs::write(&path, broken.replace("anonymous: true", "tokens: [{policyRef: {name: patners}}]")).unwrap();
    let bad = output(&arguments).await;
    assert_eq!((bad.status.code(), text(&bad.stderr)), (Some(1), "2 errors on 1 object; 1 file read\n"));
    let (no_auth, no_policy) = (["error[NoAuth]", "config.yaml:7:"], ["error[PolicyNotFound]", "config.yaml:9:"]);
    for expected in [&no_auth[..], &no_policy, &["patners", "= help: "]].concat() {
        assert!(text(&bad.stdout).contains(expected), "{expected}: {}", text(&bad.stdout));
    }
}

#[tokio::test]
async fn the_examples_are_in_order_once_the_secret_is_its_owners_or_everybodys() {
    let folder = tempfile::tempdir().unwrap();
    let examples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let copies: Vec<_> = examples.map(|entry| entry.unwrap()).collect();
    let secret = folder.path().join("batch-client.yaml");
    let generate =
        ["keys", "generate", "client-secret", "--name", "batch-client", "--secret", secret.to_str().unwrap()];
    assert_eq!(output(&generate).await.status.code(), Some(0));
    for (mode, flags, code) in [(0o600, &[][..], 0), (0o644, &["--allow-readable-secrets"], 0), (0o644, &[], 1)] {
        for example in &copies {
            let copy = folder.path().join(example.file_name());
            std::fs::copy(example.path(), &copy).unwrap();
            std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let checked = output(&[&["check", folder.path().to_str().unwrap()], flags].concat()).await;
        let found = text(&checked.stdout);
        assert_eq!(checked.status.code(), Some(code), "{mode:o} {flags:?}: {found}");
        if code == 0 {
            // No API key comes with them, and no key that signs.
            let heads = found.lines().filter(|line| line.starts_with("warning[") || line.starts_with("error["));
            let heads: Vec<_> = heads.collect();
            let expected = ["warning[SecretNotFound]", "warning[KeysPending]"];
            let is_expected = heads.iter().zip(expected).all(|(head, expected)| head.starts_with(expected));
            assert!(is_expected && heads.len() == expected.len(), "{heads:?}");
        } else {
            let cure = "chmod 600 the file, or say --allow-readable-secrets";
            assert!(found.contains("error[SecretFileReadable]") && found.contains(cure), "{found}");
            assert!(!found.contains("simulated-provider-key"), "{found}");
        }
    }
}

/// What the binary says to this on its standard input.
async fn piped(arguments: &[&str], input: &str) -> Output {
    let mut child = bearward(arguments).stdin(Stdio::piped()).spawn().unwrap();
    within(child.stdin.take().unwrap().write_all(input.as_bytes())).await.unwrap();
    within(child.wait_with_output()).await.unwrap()
}

const POLICY: &str = "\
---
apiVersion: bearward.dev/v1alpha1
kind: TokenPolicy
metadata: {name: partners, namespace: shop}
spec:
  accept:
";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_generated_is_let_in_by_a_gateway_that_has_its_secret() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
    let path = config(&folder, &upstream);
    let route = std::fs::read_to_string(&path).unwrap();
    let tokens = "tokens: [{policyRef: {name: partners}, scopes: [orders:read]}]";
    let entry = "  - {name: keys, apiKeys: {selector: {matchLabels: {team: shop}}}}\n";
    std::fs::write(&path, route.replace("anonymous: true", tokens) + POLICY + entry).unwrap();
    let secret = folder.path().join("batch.yaml");
    let secret = secret.to_str().unwrap();
    let arguments = ["--owner", "batch", "--namespace", "shop", "--label", "team=shop", "--secret", secret];
    let generate = [&["keys", "generate", "api-key", "--scope", "orders:read"], &arguments[..]].concat();
    let made = output(&generate).await;
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let key = text(&made.stdout).trim_end();
    let hashed = piped(&["keys", "hash"], text(&made.stdout)).await;
    assert!(std::fs::read_to_string(secret).unwrap().contains(text(&hashed.stdout).trim_end()));
    assert_eq!(output(&generate).await.status.code(), Some(1), "a Secret that is there is left alone");
    assert_eq!(piped(&["keys", "hash"], "bw_no_key").await.status.code(), Some(1));

    let served = serve(&path, &[secret]).await;
    for (fields, status) in [
        (format!("x-api-key: {key}\r\n"), 200),
        (format!("authorization: Bearer {key}\r\n"), 200),
        (String::new(), 401),
        (format!("x-api-key: {key}x\r\n"), 401),
    ] {
        assert_eq!(get(served.http, "api.example.com", "/", &fields).await.status, status, "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_minted_is_verified_inspected_and_let_in() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::replying(OK).await);
    let path = config(&folder, &upstream);
    let route = std::fs::read_to_string(&path).unwrap();
    let issuer = ["--issuer", "https://test", "--audience", "orders"];
    for way in ["generated", "minted"] {
        let at = |name: &str| folder.path().join(format!("{way}-{name}")).to_str().unwrap().to_owned();
        let (key, keys) = (at("key.pem"), at("keys.json"));
        // A key is made beforehand or with the token.
        let mut mint = vec!["token", "mint", "--new-key", &key, "--key-set", &keys];
        if way == "generated" {
            let made = output(&["keys", "generate", "signing", "--private-key", &key, "--key-set", &keys]).await;
            assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
            mint = vec!["token", "mint", "--key", &key];
        }
        let minted = output(&[&mint, &issuer[..], &["--scope", "orders:read"]].concat()).await;
        assert_eq!(minted.status.code(), Some(0), "{way}: {}", text(&minted.stderr));
        let token = text(&minted.stdout);

        let verify = ["token", "verify", "--key-set", &keys];
        for (arguments, code, said) in [
            ([&verify[..], &issuer].concat(), 0, "ok\n"),
            ([&verify[..], &issuer, &["--scope", "orders:write"]].concat(), 1, "scope"),
            ([&verify[..], &["--issuer", "https://test", "--audience", "invoices"]].concat(), 1, "aud_mismatch: "),
            (vec!["token", "inspect"], 0, "orders:read"),
        ] {
            let judged = piped(&arguments, token).await;
            assert_eq!(judged.status.code(), Some(code), "{arguments:?}: {}", text(&judged.stderr));
            assert!(text(&judged.stdout).contains(said), "{arguments:?}: {}", text(&judged.stdout));
            assert!(!text(&judged.stdout).contains(token.trim_end()), "{arguments:?}");
        }

        let set: Value = serde_json::from_str(&std::fs::read_to_string(&keys).unwrap()).unwrap();
        let entry = format!(
            "  - {{name: corp, jwt: {{issuer: \"https://test\", audiences: [orders], keys: {{inline: '{set}'}}}}}}\n"
        );
        let tokens = "tokens: [{policyRef: {name: partners}, scopes: [orders:read]}]";
        std::fs::write(&path, route.replace("anonymous: true", tokens) + POLICY + &entry).unwrap();
        let served = serve(&path, &[]).await;
        let fields = format!("authorization: Bearer {}\r\n", token.trim_end());
        assert_eq!(get(served.http, "api.example.com", "/", &fields).await.status, 200, "{way}");
        assert_eq!(get(served.http, "api.example.com", "/", "").await.status, 401, "{way}");
    }
}
