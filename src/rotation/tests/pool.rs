//! Real keys, made once for all tests: what is tested does not depend on which they are.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use crate::jose::{Algorithm, SigningKey};
use crate::rotation::{PublicHalf, RingKey, State};

use super::{at, secs};

static POOL: LazyLock<Mutex<HashMap<(Algorithm, usize), PublicHalf>>> = LazyLock::new(Mutex::default);

/// The public half of this number. Equal numbers give equal keys, of whatever test.
pub(super) fn half(algorithm: Algorithm, number: usize) -> PublicHalf {
    let mut pool = POOL.lock().unwrap();
    let made = || PublicHalf::of(&SigningKey::generate(algorithm).unwrap()).unwrap();
    pool.entry((algorithm, number)).or_insert_with(made).clone()
}

/// A key of this number in this state, made when time began.
pub(super) fn key(number: usize, state: State) -> RingKey {
    let algorithm = Algorithm::ES256;
    let (kid, public) = half(algorithm, number).into_parts();
    RingKey { kid, algorithm, public, created: at(0), longest: secs(600), state }
}
