//! The commands that are not a gateway.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use aws_lc_rs::rand::SystemRandom;

use super::harden::harden;
use super::objects::readable;
use crate::cli::{self, Files, Installation, Place};
use crate::clock::Clock;
use crate::command;
use crate::command::check::Style;
use crate::command::token::TokenError;
use crate::command::token::verify::Verdict;
use crate::compile::{self, Compiler};
use crate::operate::signing::Asker;
use crate::resources::Update;
use crate::sources;
use crate::sources::files::BrokenFiles;
use crate::transport::EgressRules;

/// Prints the custom resource definitions.
pub(super) fn crds() -> anyhow::Result<ExitCode> {
    written(command::crds::write(&mut io::stdout().lock()))
}

/// Says what is wrong with files. Nothing is looked up, so what a key set or a name has to say is not said.
pub(super) fn check(files: Files, installation: Installation, place: Place) -> anyhow::Result<ExitCode> {
    harden();
    sources::files::expect(&files.paths)?;
    let (out, err) = (io::stdout(), io::stderr());
    let style = if out.is_terminal() { Style::Coloured } else { Style::Plain };
    match judge(files, installation, place, style, &mut out.lock(), &mut err.lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        code => Ok(ExitCode::from(code?)),
    }
}

/// Writes what is wrong with files to standard error: what `check` would say of them.
pub(super) fn show(files: Files, installation: Installation) {
    let err = io::stderr();
    let style = if err.is_terminal() { Style::Coloured } else { Style::Plain };
    // Where that is closed, nobody wants to know.
    let _ = judge(files, installation, Place::Files, style, &mut err.lock(), &mut io::sink());
}

fn judge(
    files: Files,
    installation: Installation,
    place: Place,
    style: Style,
    out: &mut dyn Write,
    log: &mut dyn Write,
) -> io::Result<u8> {
    let Files { paths, allow_readable_secrets } = files;
    let Installation { class, egress_allow } = installation;
    let settings = sources::files::Settings {
        readable_secrets: readable(allow_readable_secrets),
        broken_files: BrokenFiles::TakeTheRest,
        ..sources::files::Settings::default()
    };
    let judge = |updates: Vec<Update>| {
        let egress = match place {
            Place::Files => EgressRules::files(egress_allow),
            Place::Cluster => EgressRules::cluster(egress_allow),
        };
        let mut compiler = Compiler::new(compile::Settings {
            class: class.as_ref().into(),
            hosts_without_names: place == Place::Files,
            defaults: compile::Defaults::default(),
            egress: Arc::new(move |address| egress.permits(address)),
            service_account: Arc::default(),
        });
        for update in updates {
            compiler.apply(update);
        }
        let outcome = compiler.compile();
        let of_objects = outcome.verdicts.iter().filter_map(|(_, verdict)| verdict.as_ref());
        of_objects.flat_map(|verdict| verdict.findings.iter().cloned()).chain(outcome.scope_findings).collect()
    };
    command::check::check(paths, settings, style, judge, out, log)
}

/// Makes, shows or judges a token.
pub(super) fn token(token: &cli::Token) -> anyhow::Result<ExitCode> {
    harden();
    let (clock, input, out) = (Clock::system(), &mut io::stdin().lock(), &mut io::stdout().lock());
    match token {
        cli::Token::Mint(args) => command::token::mint::run(args, &clock, &SystemRandom::new(), out)?,
        cli::Token::Inspect => match command::token::inspect::run(&clock, input, out) {
            Ok(()) | Err(TokenError::Output(io::ErrorKind::BrokenPipe)) => {}
            Err(error) => return Err(error.into()),
        },
        cli::Token::Verify(args) => match command::token::verify::run(args, &clock, input, out)? {
            Verdict::Accepted => {}
            Verdict::Refused => return Ok(ExitCode::from(cli::EXIT_FINDINGS)),
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes or hashes a key.
pub(super) fn keys(keys: &cli::Keys) -> anyhow::Result<ExitCode> {
    harden();
    let (clock, random, out) = (Clock::system(), &SystemRandom::new(), &mut io::stdout().lock());
    match keys {
        cli::Keys::GenerateApiKey(args) => {
            command::keys::api_key::run(args, &clock, random, out, &mut io::stderr().lock())?;
        }
        cli::Keys::GenerateClientSecret(args) => {
            command::keys::client_secret::run(args, &clock, random, out, &mut io::stderr().lock())?;
        }
        cli::Keys::GenerateSigning(args) => command::keys::signing::run(args, out)?,
        cli::Keys::Hash => command::keys::hash::run(&mut io::stdin().lock(), out)?,
        cli::Keys::List { .. } | cli::Keys::Rotate { .. } | cli::Keys::Compromise { .. } => {
            return ask(keys, &clock, out);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the signing keys of policies, or asks for something to be done with them.
fn ask(keys: &cli::Keys, clock: &Clock, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match keys {
            cli::Keys::List { policy, at } => {
                let lines = asker(at).await?.list(policy.as_deref()).await?;
                return written(command::keys::signing_keys::write(&lines, out));
            }
            cli::Keys::Rotate { policy, despite, at } => {
                // Another word each time.
                let word = jiff::Timestamp::from_millisecond(clock.now().millis())?.to_string();
                asker(at).await?.rotate(policy, &word, despite).await?;
                writeln!(out, "asked to rotate; bearward keys list {policy} shows when the next key signs")?;
            }
            cli::Keys::Compromise { policy, kid, at } => {
                asker(at).await?.compromise(policy, kid).await?;
                writeln!(out, "said to be compromised; bearward keys list {policy} shows when it is refused")?;
            }
            cli::Keys::GenerateApiKey(_)
            | cli::Keys::GenerateClientSecret(_)
            | cli::Keys::GenerateSigning(_)
            | cli::Keys::Hash => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn asker(at: &cli::KeysAt) -> anyhow::Result<Asker> {
    let namespace = at.namespace.clone();
    if let Some(folder) = &at.state {
        return Ok(Asker::Folder { folder: folder.clone(), namespace });
    }
    let client = sources::kube::connect(None).await.context("cannot reach a cluster")?;
    Ok(Asker::Cluster { client, namespace, clock: Clock::system() })
}

/// A reader that has seen enough, such as `head`, is no failure.
fn written(result: io::Result<()>) -> anyhow::Result<ExitCode> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}
