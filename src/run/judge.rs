//! What a gateway would find wrong with objects, without serving them.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use super::objects::readable_secrets;
use crate::cli::{Check, Files};
use crate::command::check::{Style, check};
use crate::compile::{self, Compiler};
use crate::finding::Finding;
use crate::resources::Update;
use crate::sources::files;
use crate::transport::EgressRules;

/// Checks files as `serve` would read them, to standard output and standard error, and says the exit code.
pub(super) fn files(args: Check) -> io::Result<u8> {
    let Check { files: Files { paths, allow_readable_secrets }, class, egress_allow } = args;
    let settings = files::Settings { readable_secrets: readable_secrets(allow_readable_secrets) };
    let (mut findings, mut log) = (io::stdout().lock(), io::stderr().lock());
    let style = if findings.is_terminal() { Style::Coloured } else { Style::Plain };
    let compiler = of_files(&class, EgressRules::files(egress_allow));
    check(paths, settings, style, |updates| judge(compiler, updates), &mut findings, &mut log)
}

fn of_files(class: &str, egress: EgressRules) -> Compiler {
    Compiler::new(compile::Settings {
        class: class.into(),
        hosts_without_names: true,
        defaults: compile::Defaults::default(),
        egress: Arc::new(move |address| egress.permits(address)),
        service_account: Arc::default(),
    })
}

fn judge(mut compiler: Compiler, updates: Vec<Update>) -> Vec<Finding> {
    updates.into_iter().for_each(|update| compiler.apply(update));
    let verdicts = compiler.compile().verdicts;
    verdicts.into_iter().filter_map(|(_, verdict)| verdict).flat_map(|verdict| verdict.findings.clone()).collect()
}
