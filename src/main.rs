//! The `bearward` binary.

use std::process::ExitCode;

/// Made for many small, short-lived values on several threads. Not measured against glibc's yet.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bearward::run::main(std::env::args_os())
}
