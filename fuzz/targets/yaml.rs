//! Any text is read as a file of resources and compiled, and edited to any other the result is as if that had been there
//! from the start.
//!
//! Input: two texts with a NUL between, the file before an edit and after it.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use bearward::compile::{Compiler, Defaults, Settings, oracle};
use bearward::name::ObjectKey;
use bearward::resources::Verdict;
use bearward::sources::files::read_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let settings = Settings {
        class: "bearward".into(),
        hosts_without_names: true,
        defaults: Defaults::default(),
        egress: Arc::new(|address| address.port() != 666),
        service_account: "bearward:bearward".into(),
    };
    let path = Arc::from("fuzz.yaml");
    let mut compiler = Compiler::new(settings.clone());
    let mut verdicts = BTreeMap::<ObjectKey, Arc<Verdict>>::new();
    for text in data.splitn(2, '\0') {
        compiler.apply(read_text(&path, text));
        for (key, verdict) in compiler.compile().verdicts {
            match verdict {
                Some(verdict) => verdicts.insert(key, verdict),
                None => verdicts.remove(&key),
            };
        }
        let (_, expected, _) = oracle(&settings, compiler.resources());
        assert!(
            verdicts.iter().map(|(key, verdict)| (key, &**verdict)).eq(&expected),
            "compiled step by step: {verdicts:#?}, from nothing: {expected:#?}"
        );
    }
});
