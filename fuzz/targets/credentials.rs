//! Secrets of clients, refresh tokens and sealed tokens: none is good but the one that was given out, by its one spelling.
//!
//! Input: a text; or, after a byte 1, pairs of a place and a byte, which are written over the good ones.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use bearward::clock::{Clock, ManualClock, UnixTime};
use bearward::issuer::family::{Credential, Families, Grant, Origin, Realm, RefreshFault, Use};
use bearward::jose::{ClientSecret, ClientSecretRecord, NewClientSecret, SealKey, Sealed};
use bearward::secret::Secret;
use bearward::store::Memory;
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const REALM: Realm<'static> = Realm { policy: "shop/shop", issuer: "https://gw.example.com/shop" };
const SIGNED: &str = "e30.e30.AAAA";

struct Known {
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    store: Memory,
    random: SystemRandom,
    seal: SealKey,
    secrets: Box<[([u8; 32], Option<UnixTime>)]>,
    /// A client's secret, a refresh token and a sealed token.
    good: [String; 3],
}

impl Known {
    fn families(&self) -> Families<'_> {
        Families { store: &self.store, realm: REALM, clock: &self.clock, random: &self.random }
    }

    /// Which of the three it is taken for.
    fn takes(&self, text: &str) -> [bool; 3] {
        let secret = ClientSecret::parse(text).and_then(|secret| secret.verify(&self.secrets, NOW));
        let refresh = self.runtime.block_on(self.families().look_up(text)).expect("the store can be asked");
        let by = Use { text, client: "another", jkt: None, grace: Duration::ZERO };
        let used = self.runtime.block_on(self.families().refresh(by, |_| Ok::<_, RefreshFault>(())));
        assert!(used.is_err(), "of another client");
        let opened = Sealed::decode(text).and_then(|sealed| self.seal.open(&sealed));
        assert!(opened.as_ref().is_none_or(|opened| opened.as_str() == SIGNED));
        [secret.is_ok(), refresh.is_some(), opened.is_some()]
    }
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let clock = Clock::manual(ManualClock::new(NOW).into());
    let store = Memory::new(clock.clone());
    let secret = NewClientSecret::generate(&random).expect("there is randomness");
    let record = ClientSecretRecord::parse([("hash", secret.hash().as_bytes())]).expect("it is a hash");
    let seal = SealKey::new(&Secret::new(vec![7; 32])).expect("it is a key");
    let sealed = seal.seal(SIGNED).expect("there is randomness");
    let grant = Grant {
        client: "batch".into(),
        subject: "alice".into(),
        origins: vec![Origin { entry: "corp".into(), credential: Credential::of_issuer("https://login.example.com/") }],
        scopes: Vec::new(),
        audiences: vec!["orders".into()],
        claims: serde_json::Map::new(),
        jkt: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let families = Families { store: &store, realm: REALM, clock: &clock, random: &random };
    let drawn = families.draw(grant, NOW.plus(Duration::from_hours(1))).expect("there is randomness");
    let token = runtime.block_on(families.begin(drawn)).expect("it begins");
    let secret = String::from_utf8(secret.text().expose().to_vec()).expect("it is ASCII");
    let good = [secret, token.expose().to_owned(), sealed];
    let known = Known { runtime, clock, store, random, seal, secrets: record.into_known(), good };
    for (place, text) in known.good.iter().enumerate() {
        let mut expected = [false; 3];
        expected[place] = true;
        assert_eq!(known.takes(text), expected, "what is good is refused");
    }
    known
});

fuzz_target!(|data: &[u8]| {
    let known = &*KNOWN;
    let Some(edits) = data.strip_prefix(&[1]) else {
        let text = String::from_utf8_lossy(data);
        if !known.good.iter().any(|good| **good == *text) {
            assert_eq!(known.takes(&text), [false; 3], "{text}");
        }
        return;
    };
    for (place, good) in known.good.iter().enumerate() {
        let mut bytes = good.clone().into_bytes();
        for edit in edits.chunks_exact(2) {
            // Behind its end too, by a few.
            let at = usize::from(edit[0]) % (bytes.len() + 4);
            match bytes.get_mut(at) {
                Some(byte) => *byte = edit[1],
                None => bytes.push(edit[1]),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let mut expected = [false; 3];
        expected[place] = text == *good;
        assert_eq!(known.takes(&text), expected, "{text}");
    }
});
