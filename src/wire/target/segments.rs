//! Resolves dot segments and merges slashes (RFC 3986, section 5.2.4, and stricter where it says so).

use std::borrow::Cow;

use super::mirror::Mirror;
use super::{PathParameters, TargetError};

/// The path, which begins with `/` and is spelled in its one way, without dot segments and empty segments. A trailing
/// slash stays: `/a/` and `/a` are different resources.
pub(super) fn resolve(path: &str, parameters: PathParameters) -> Result<Cow<'_, str>, TargetError> {
    if is_resolved(path) {
        return Ok(Cow::Borrowed(path));
    }
    let mut resolved = Mirror::of(path);
    resolved.push('/');
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "" | "." => {}
            ".." => go_up(&mut resolved)?,
            _ => {
                check(segment, parameters)?;
                separate(&mut resolved);
                resolved.push_str(segment);
                continue;
            }
        }
        // `/a/`, `/a/.` and `/a/b/..` name the directory.
        if segments.peek().is_none() {
            separate(&mut resolved);
        }
    }
    Ok(resolved.finish())
}

/// Whether a path is surely what [`resolve`] would make of it, which most are: one pass over its bytes.
fn is_resolved(path: &str) -> bool {
    let mut before = 0;
    path.bytes().all(|byte| {
        let is_plain = match byte {
            b'/' | b'.' => before != b'/',
            b';' | b'%' => false,
            _ => true,
        };
        before = byte;
        is_plain
    })
}

/// A slash, where none is yet.
fn separate(resolved: &mut Mirror<'_>) {
    if !resolved.as_str().ends_with('/') {
        resolved.push('/');
    }
}

/// Stricter than RFC 3986, section 5.2.4, which stays at the root: no client has a reason to ask for what is above it.
fn go_up(resolved: &mut Mirror<'_>) -> Result<(), TargetError> {
    let so_far = resolved.as_str();
    let inner = so_far.strip_suffix('/').unwrap_or(so_far);
    let parent = inner.rfind('/').ok_or(TargetError::AboveRoot)?;
    resolved.truncate(parent + 1);
    Ok(())
}

/// Refuses a segment in which a server that splits at escaped slashes, or cuts parameters off, finds a dot segment.
fn check(segment: &str, parameters: PathParameters) -> Result<(), TargetError> {
    if !segment.contains([';', '%']) {
        return Ok(());
    }
    if parameters == PathParameters::Refuse && segment.contains(';') {
        return Err(TargetError::PathParameter);
    }
    let between_slashes = segment.contains("%2F");
    for piece in segment.split("%2F") {
        let name = [";", "%3B"].into_iter().filter_map(|mark| piece.find(mark)).min();
        let hidden = match name.and_then(|end| piece.get(..end)) {
            Some(name) => matches!(name, "" | "." | ".."),
            None => between_slashes && matches!(piece, "." | ".."),
        };
        if hidden {
            return Err(TargetError::HiddenSegment);
        }
    }
    Ok(())
}
