//! The commands: what `main` hands over to.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::{Builder, Runtime};

use super::signals::Signals;
use super::{Gateway, Objects, Parts, StartError, harden, logging, offline, start};
use crate::cli::{self, Command, Files, Listen, Settings};
use crate::clock::Clock;
use crate::demo::Stage;
use crate::jose::{FingerprintKey, NoRandomness};
use crate::sources;
use crate::sources::files::PathError;
use crate::telemetry::LogTarget;
use crate::transport::SystemResolver;

/// Threads of the control runtime: one could be held up by a large list while the other accepts connections.
const CONTROL_THREADS: usize = 2;

/// Threads for what blocks: compiles, reading files, waiting for data threads to end.
const BLOCKING_THREADS: usize = 16;

/// Does what the command line says, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match cli::parse(arguments) {
        Ok(command) => command,
        Err(shown) => {
            // Help goes to standard output, an error to standard error; if that is closed, nobody wants to know.
            let _ = shown.print();
            return u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bearward: {}", said(&error));
            let is_usage = error.is::<PathError>();
            ExitCode::from(if is_usage { cli::EXIT_USAGE } else { cli::EXIT_FINDINGS })
        }
    }
}

/// The error and its causes, but for those that it has said itself.
fn said(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { cluster, settings } => in_runtime(settings, async move |settings| {
            let client = sources::kube::connect(None).await.context("cannot reach a cluster")?;
            serve(settings, Objects::Cluster { cluster, client }, async |_| Ok(())).await
        }),
        Command::Serve { files, settings } => serve_files(files, settings),
        Command::Demo { settings, yielding } => {
            in_runtime(settings, async move |settings| demo(settings, &yielding).await)
        }
        Command::Check { files, installation, place } => offline::check(files, installation, place),
        Command::Crds => offline::crds(),
        Command::Token(token) => offline::token(&token),
        Command::Keys(keys) => offline::keys(&keys),
    }
}

fn serve_files(files: Files, settings: Settings) -> anyhow::Result<ExitCode> {
    sources::files::expect(&files.paths)?;
    let (shown, installation) = (files.clone(), settings.installation.clone());
    let served =
        in_runtime(settings, async move |settings| serve(settings, Objects::Files(files), async |_| Ok(())).await);
    if let Err(error) = &served
        && matches!(error.downcast_ref(), Some(StartError::Unguarded { .. }))
    {
        offline::show(shown, installation);
    }
    served
}

/// Runs a gateway's command on a runtime of its own, and leaves nothing behind.
fn in_runtime(settings: Settings, serve: impl AsyncFnOnce(Settings) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    harden::harden();
    logging::start(&settings.log);
    let runtime = control_runtime().context("cannot start the control threads")?;
    let result = runtime.block_on(Box::pin(serve(settings)));
    // What blocks still, such as a look-up of a file on a network, must not hold up the end.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

fn control_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
}

/// Serves until a signal, then drains; a second signal ends at once. `started` is told when all is served.
async fn serve(
    settings: Settings,
    objects: Objects,
    started: impl AsyncFnOnce(&Gateway) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let starting = Box::pin(start(settings, parts(objects)?));
    let gateway = tokio::select! {
        gateway = starting => gateway?,
        () = signals.next() => return Ok(()),
    };
    started(&gateway).await?;
    let stalled = tokio::select! {
        () = signals.next() => false,
        () = gateway.stalled() => true,
    };
    tokio::select! {
        () = gateway.drain() => {}
        () = signals.next() => tracing::warn!("ended at once, by a second signal"),
    }
    anyhow::ensure!(!stalled, "changes could not be compiled any more; the log says why");
    Ok(())
}

fn parts(objects: Objects) -> anyhow::Result<Parts> {
    let mut seed = [0; 8];
    let random = SystemRandom::new();
    random.fill(&mut seed).map_err(|_| NoRandomness)?;
    Ok(Parts {
        clock: Clock::system(),
        seed: u64::from_le_bytes(seed),
        fingerprints: FingerprintKey::generate(&random)?,
        resolver: Arc::new(SystemResolver::new()?),
        objects,
    })
}

/// Sets the stage, serves what it says and prints what to try.
async fn demo(mut settings: Settings, yielding: &[Listen]) -> anyhow::Result<()> {
    for listen in yielding {
        give_way(&mut settings, *listen);
    }
    if settings.access_log == LogTarget::Stdout {
        settings.access_log = LogTarget::StdoutInWords;
    }
    // Stands until the gateway has ended.
    let stage = Stage::open(&Clock::system()).await?;
    let objects = Objects::Text { name: "demo.yaml".into(), yaml: stage.resources() };
    serve(settings, objects, async |gateway| {
        gateway.ready().await;
        let (http, admin) = (gateway.http(), gateway.admin());
        let lines = stage.lines(http)?;
        let mut out = io::stdout().lock();
        write!(
            out,
            "bearward serves http://{http}; http://{admin}/snapshot shows what is in force.\n\
             Paste these into another terminal; decisions are shown below as they are made. Ctrl-C ends.\n\n{lines}\n"
        )?;
        out.flush()?;
        Ok(())
    })
    .await
}

/// Takes a free port where the usual one is taken. Between this and the start somebody else may take it; then the start
/// says so.
fn give_way(settings: &mut Settings, listen: Listen) {
    let address = settings.address_mut(listen);
    if std::net::TcpListener::bind(*address).is_err() {
        address.set_port(0);
    }
}
