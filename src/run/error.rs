//! Why a gateway does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::finding::Finding;
use crate::operate::signing::FolderError;
use crate::store::file::OpenError;
use crate::telemetry::LogTarget;
use crate::transport::RootsError;

/// Why a gateway does not start. What is wrong with resources is none of these, but for files that leave open what they
/// guard.
#[derive(Debug, Error)]
pub enum StartError {
    /// A socket cannot be bound.
    #[error("cannot listen on {address} ({flag}): {source}; choose another address, or port 0 for a free one")]
    Listen {
        /// The flag that sets the address.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("cannot write the access log to {target} (--access-log): {source}")]
    AccessLog {
        /// Where it should go.
        target: LogTarget,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file with authorities cannot be read.
    #[error("cannot read {} (--ca-file): {source}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The folder for what outlives the process cannot be used.
    #[error("cannot use --state: {0}")]
    State(#[from] FolderError),
    /// The records in that folder cannot be used.
    #[error("cannot use the records in --state: {0}")]
    Records(#[from] OpenError),
    /// What is in it is not a set of certificates.
    #[error("cannot use the authorities of --ca-file: {0}")]
    Roots(#[from] RootsError),
    /// TLS towards upstreams cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No thread or no runtime could be made.
    #[error("cannot start the data threads: {0}")]
    Threads(io::Error),
    /// A file, or the hosts of an `ApiRoute` in it, cannot be read, and no earlier version says what they guard.
    /// Whatever else was served, a laxer rule could take the requests that they are to guard.
    #[error(
        "does not start: {} cannot be read, so that a laxer rule could take the requests that it is to guard; mend it, or \
         take it out", objects(.findings)
    )]
    Unguarded {
        /// What is wrong with them.
        findings: Vec<Finding>,
    },
    /// The task that compiles ended before the first snapshot; the log says why.
    #[error("stopped before the first snapshot was served")]
    Stopped,
}

/// `ApiRoute shop/a, ApiRoute shop/b`, each once.
fn objects(findings: &[Finding]) -> String {
    let mut names: Vec<_> = findings.iter().map(|finding| finding.object.to_string()).collect();
    names.dedup();
    names.join(", ")
}
