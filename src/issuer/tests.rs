//! The specification of the endpoints: every grant, and every way to get nothing.

mod clients;
mod documents;
mod dpop;
mod exchange;
mod forms;
mod grants;
mod inspection;
mod narrow;
mod refresh;
mod server;
mod trouble;
