//! Redoing only what changed gives the same as starting anew, whatever happened in whatever order.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::script::{Drawn, Edit, draw, edits, play, update};
use super::stage::{Stage, watch};
use crate::resources::Update;

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn after_any_edits_the_compiler_agrees_with_the_oracle(script in edits()) {
        let mut stage = Stage::new();
        for edit in &script {
            play(&mut stage, edit);
            if matches!(edit, Edit::Compile) {
                let difference = stage.difference();
                prop_assert!(difference.is_empty(), "{difference:#?}");
            }
        }
        let difference = stage.difference();
        prop_assert!(difference.is_empty(), "{difference:#?}");
    }
}
