//! What is logged and counted, and that nothing that a client sends breaks the form of either.

mod access;
mod counters;
mod log_file;
