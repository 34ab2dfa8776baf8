//! `bearward crds`: the custom resource definitions.

use std::io::{self, Write};

use crate::api;
use crate::name::Kind;

/// Writes the definitions of all our kinds as one stream of YAML documents, ready for `kubectl apply`.
pub fn write(out: &mut impl Write) -> io::Result<()> {
    let documents = Kind::ALL.into_iter().filter_map(api::crd_yaml);
    for document in documents {
        writeln!(out, "---\n{}", document.trim_end())?;
    }
    out.flush()
}
