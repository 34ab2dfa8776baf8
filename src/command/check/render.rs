//! Shows findings as compilers show theirs: what, where, the line itself, and what to do.
//!
//! Of a Secret a line is shown with the name of its member and nothing else.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::finding::{Finding, Findings, Severity};
use crate::name::Kind;
use crate::sources::files::places::Span;
use crate::sources::files::{Cover, Sources, Spot};

/// What stands for what is not shown.
const COVERED: &str = "********";

/// How output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone, for files and programs.
    Plain,
    /// With colours, for a terminal.
    Coloured,
}

/// Each finding as a block of lines without a line break at its end: by file and line, then those that are in no file.
pub(super) fn render(findings: &Findings, sources: &Sources, style: Style) -> Vec<String> {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut spotted: Vec<_> = findings.iter().map(|finding| (sources.spot(finding), finding)).collect();
    // Stable, so that findings of one place stay in their own order.
    spotted
        .sort_by_key(|(spot, _)| (spot.is_none(), spot.map(|spot| (spot.path.to_owned(), spot.at.map(|at| at.start)))));
    spotted.into_iter().map(|(spot, finding)| renderer.render(&[group(finding, spot)])).collect()
}

fn group<'a>(finding: &'a Finding, spot: Option<Spot<'a>>) -> Group<'a> {
    let Finding { object, field, code, severity, cause, cure } = finding;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(cause.as_str()).id(code.as_str()));
    group = match spot {
        None => group,
        Some(Spot { path, at: None, .. }) => group.element(Origin::path(path)),
        Some(Spot { path, at: Some(at), line: None, .. }) => {
            group.element(Origin::path(path).line(at.start.line).char_column(at.start.column))
        }
        Some(Spot { path, at: Some(at), line: Some(line), cover }) => {
            let (line, marked) = shown(line, at, cover);
            let mark = AnnotationKind::Primary.span(marked);
            group.element(Snippet::source(line).line_start(at.start.line).path(path).annotation(mark))
        }
    };
    if object.kind != Kind::File {
        let place = field.to_string();
        let of = if place.is_empty() { object.to_string() } else { format!("{object}: {place}") };
        group = group.element(Level::NOTE.message(of));
    }
    group.element(Level::HELP.message(cure.as_str()))
}

/// The line as it may be shown, and the bytes of it that are marked.
fn shown(line: &str, at: Span, cover: Cover) -> (String, Range<usize>) {
    let byte = |column: usize| line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte);
    let from = byte(at.start.column);
    let to = if at.end.line == at.start.line { byte(at.end.column).max(from) } else { line.len() };
    match cover {
        Cover::Nothing => (line.to_owned(), from..to),
        Cover::Everything => (COVERED.to_owned(), 0..COVERED.len()),
        Cover::AllButName => {
            let name = line.get(from..to).unwrap_or_default();
            let indent = " ".repeat(at.start.column.saturating_sub(1));
            let marked = indent.len()..indent.len() + name.len();
            (format!("{indent}{name}: {COVERED}"), marked)
        }
    }
}
