//! The commands: what `main` hands over to.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

use super::signals::Signals;
use super::{Gateway, Objects, Parts, harden, logging, start};
use crate::cli::{self, Command, Listen, Settings};
use crate::clock::Clock;
use crate::command;
use crate::demo::Stage;
use crate::sources;
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
            let _ = writeln!(io::stderr(), "bearward: {error:#}");
            ExitCode::from(cli::EXIT_FINDINGS)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { cluster, settings } => in_runtime(settings, async move |settings| {
            let client = sources::kube::connect(None).await.context("cannot reach a cluster")?;
            serve(settings, Objects::Cluster { cluster, client }, async |_| Ok(())).await
        }),
        Command::Serve { files, settings } => in_runtime(settings, async move |settings| {
            serve(settings, Objects::Files(files), async |_| Ok(())).await
        }),
        Command::Demo { settings, yielding } => in_runtime(settings, async move |settings| demo(settings, &yielding).await),
        Command::Crds => command::crds::write(&mut io::stdout().lock()).map(|()| ExitCode::SUCCESS).or_else(closed),
    }
}

/// A reader that has seen enough, such as `head`, is no failure.
fn closed(error: io::Error) -> anyhow::Result<ExitCode> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(ExitCode::SUCCESS) } else { Err(error.into()) }
}
