//! The rows, by what they are about. Every row is sent to a gateway before either upstream.

mod chunks;
mod codings;
mod heads;
mod hops;
mod hosts;
mod lengths;
mod pipelines;
mod targets;

use crate::row::Row;

/// All rows; `token` opens what is guarded.
pub(crate) fn rows(token: &str) -> Vec<Row> {
    [
        lengths::rows(),
        codings::rows(),
        chunks::rows(),
        heads::rows(),
        hosts::rows(),
        targets::rows(),
        hops::rows(token),
        pipelines::rows(token),
    ]
    .concat()
}
