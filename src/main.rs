//! The `bearward` binary.

use std::process::ExitCode;

/// Measured against glibc's: docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bearward::run::main(std::env::args_os())
}
