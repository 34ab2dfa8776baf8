//! What resources compile to, and that redoing only what changed gives the same as starting anew.

mod agreement;
mod edges;
mod hosts;
mod issuers;
mod issuing;
mod judgement;
mod keys;
mod models;
mod refusals;
mod render;
mod routes;
mod script;
mod services;
mod signing;
mod stage;
mod work;
