//! Of all texts one is a proof for this request: the one that the holder of the key has signed.
//!
//! Input: a proof; or, after a byte 1, its header and its claims in JSON with a line feed between. What else it may be is the
//! target of a request, whose normal form is the same again.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward::clock::UnixTime;
use bearward::jose::{Algorithm, Proof, ProofTerms, ProofWindow, TargetUri};
use libfuzzer_sys::fuzz_target;

/// RFC 9449, section 4.1.
const PROOF: &str = include_str!("../corpus/proof/rfc9449");
const NOW: UnixTime = UnixTime::from_secs(1_562_262_618);

fn verify(text: &str) -> Option<Proof> {
    let targets: Vec<TargetUri> = TargetUri::parse("https://server.example.com/token").into_iter().collect();
    let terms = ProofTerms {
        method: "POST",
        targets: &targets,
        algorithms: &Algorithm::ALL,
        window: ProofWindow::default(),
        token: None,
    };
    Proof::verify(text, &terms, NOW).ok()
}

fuzz_target!(|data: &[u8]| {
    let text = match data.strip_prefix(&[1]) {
        Some(parts) => {
            let place = parts.iter().position(|byte| *byte == b'\n').unwrap_or(parts.len());
            let (header, claims) = parts.split_at(place);
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let signature = PROOF.rsplit('.').next().unwrap_or_default();
            format!("{}.{}.{signature}", encode(header), encode(claims.get(1..).unwrap_or_default()))
        }
        None => String::from_utf8_lossy(data).into_owned(),
    };
    assert!(verify(PROOF).is_some(), "the good one is refused");
    let verified = verify(&text);
    assert_eq!(verified.is_some(), text == PROOF, "{text}");
    assert_eq!(verified, verify(&text), "the same proof, another verdict");
    if let Some(target) = TargetUri::parse(&text) {
        assert_eq!(TargetUri::parse(target.as_str()).as_ref(), Some(&target), "not its own normal form");
    }
});
