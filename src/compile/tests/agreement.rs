//! Redoing only what changed gives the same as starting anew, whatever happened in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::script::{Drawn, Edit, draw, edits, play};
use super::stage::Stage;
use crate::name::ObjectKey;

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

    #[test]
    fn the_same_objects_give_the_same_whatever_the_way_there(script in edits()) {
        let mut one = Stage::new();
        let mut last: BTreeMap<ObjectKey, Drawn> = BTreeMap::new();
        for edit in &script {
            match edit {
                Edit::Put(drawn) => drop(last.insert(draw(drawn).key().clone(), drawn.clone())),
                Edit::Take(drawn) => drop(last.remove(draw(drawn).key())),
                Edit::Compile => {}
                // What these leave is not told by the objects alone.
                Edit::List(..) | Edit::Forbid(_) | Edit::Permit(_) | Edit::Report(..) => continue,
            }
            play(&mut one, edit);
        }
        let mut other = Stage::new();
        last.values().rev().for_each(|drawn| other.put(draw(drawn)));
        let (one, other) = (summary(&mut one), summary(&mut other));
        prop_assert_eq!(one, other);
    }
}

/// The snapshot and all verdicts, but for versions: one is that of the first time that a content was seen.
fn summary(stage: &mut Stage) -> Vec<String> {
    let compiled = stage.compile();
    let verdicts = stage.verdicts.iter().map(|(key, verdict)| {
        let reads: Vec<_> = verdict.reads.iter().map(|read| read.key.to_string()).collect();
        format!("{key} {:?} {reads:?} {} {}", verdict.findings, verdict.refusing_rules, verdict.rules)
    });
    let verdicts = verdicts.collect::<Vec<_>>();
    super::render::snapshot(&compiled.snapshot).into_iter().chain(verdicts).collect()
}
