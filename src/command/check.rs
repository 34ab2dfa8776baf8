//! `bearward check PATH…`: reads files, compiles them, and prints what is wrong with them, each finding with its line and
//! its cure.
//!
//! Standard output has the findings and nothing else; what was skipped and the sum go to the log. The exit code is 0
//! without errors, and 1 with one: a part of some object would not be in force. Warnings alone are 0, so that a file that
//! works passes, and a pipeline that wants none can look at the output. Wrong usage is 2, and said before this is called.

mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::finding::{Finding, Findings, Severity};
use crate::resources::Update;
use crate::sources::files::{self, Note, Reading};

pub use render::Style;
use render::render;

/// Checks the files and folders at `paths`. `judge` compiles what was read and says all that is wrong with it, with the
/// scopes' own findings or without; `findings` is standard output, `log` standard error. Returns the exit code.
pub fn check(
    paths: Vec<PathBuf>,
    settings: files::Settings,
    style: Style,
    judge: impl FnOnce(Vec<Update>) -> Vec<Finding>,
    findings: &mut dyn Write,
    log: &mut dyn Write,
) -> io::Result<u8> {
    let Reading { updates, sources, notes, .. } = files::read(paths, settings);
    let files = updates.len();
    let mut found: Findings = updates.iter().flat_map(of_scope).cloned().collect();
    found.extend(judge(updates));
    for Note { path, line, text } in notes {
        writeln!(log, "note: {path}:{line}: {text}")?;
    }
    for shown in render(&found, &sources, style) {
        writeln!(findings, "{shown}\n")?;
    }
    writeln!(log, "{}", sum(&found, files))?;
    Ok(u8::from(found.has_errors()))
}

/// What the source itself says is wrong.
fn of_scope(update: &Update) -> &[Finding] {
    match update {
        Update::Replace { findings, .. } => findings,
        Update::Apply { .. }
        | Update::Remove { .. }
        | Update::Version { .. }
        | Update::Forbid { .. }
        | Update::Withdraw { .. }
        | Update::Together(_)
        | Update::Report { .. } => &[],
    }
}

/// The last line: `2 errors and 1 warning on 2 objects; 3 files were read`.
fn sum(found: &Findings, files: usize) -> String {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    let objects: BTreeSet<_> = found.iter().map(|finding| &finding.object).collect();
    let said = match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => "nothing to find fault with".to_owned(),
        (errors, 0) => format!("{} on {}", several(errors, "error"), several(objects.len(), "object")),
        (0, warnings) => format!("{} on {}", several(warnings, "warning"), several(objects.len(), "object")),
        (errors, warnings) => format!(
            "{} and {} on {}",
            several(errors, "error"),
            several(warnings, "warning"),
            several(objects.len(), "object")
        ),
    };
    format!("{said}; {} read", several(files, "file"))
}

fn several(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
