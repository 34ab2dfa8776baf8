//! The header, which anybody may have written, and the choice of the key (RFC 7515, section 4; RFC 8725).

use bearward::jose::{Algorithm, SigningKey};
use bearward::secret::Secret;
use tokio::net::TcpListener;

use crate::issuer::ISSUER;
use crate::kit::{
    ES256, Json, RSA, STRANGER, STRICT, Signer, claims, compact, encode, jwt, jwt_of, key_set, policy, route, tokens,
};
use crate::signatures::weak_modulus;
use crate::table::Expected::{Forwarded, Invalid};
use crate::table::Table;

const OTHER_ISSUER: &str = "https://other.example.com/";

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_is_one_that_the_policy_and_the_key_allow() {
    let ed = Signer::new(Algorithm::Ed25519);
    let mut table = Table::serve(|upstream| {
        let with = |name: &str, keys: String, algorithms: &str| {
            policy(name, &[jwt(&keys, &format!("{STRICT}, algorithms: [{algorithms}]"))])
        };
        let x25519 = ed.jwk().without("alg").with_text("crv", "X25519").with_text("kid", "x");
        route(upstream, &["es", "rs", "stated", "unstated", "ed", "eddsa"].map(|name| (name, tokens(&[name]))))
            + &with("es", key_set([ES256.jwk()]), "ES256")
            + &with("rs", key_set([RSA.jwk(), ES256.jwk()]), "RS256")
            + &with("stated", key_set([RSA.jwk()]), "RS256, RS384, PS256, ES256")
            + &with("unstated", key_set([RSA.jwk().without("alg")]), "RS256, PS256")
            + &with("ed", key_set([ed.jwk(), x25519]), "EdDSA, Ed25519")
            + &with("eddsa", key_set([ed.jwk()]), "EdDSA")
    })
    .await;
    let not_allowed = Invalid("alg_not_allowed");
    for (name, raw) in [
        ("none", "\"none\""),
        ("None", "\"None\""),
        ("noNE", "\"noNE\""),
        ("empty", "\"\""),
        ("null", "null"),
        ("a number", "256"),
        ("an array with the right one", "[\"ES256\"]"),
        ("in lower case", "\"es256\""),
        ("a blank after it", "\"ES256 \""),
        ("in full-width letters", "\"ＥＳ２５６\""),
        ("a curve that is not supported", "\"ES256K\""),
    ] {
        table.token("es", name, &ES256.token_under(&ES256.header().with("alg", raw)), not_allowed).await;
    }
    table.token("es", "absent", &ES256.token_under(&ES256.header().without("alg")), not_allowed).await;
    let none =
        compact(Json::default().with_text("alg", "none").with_text("typ", "at+jwt").text(), claims().text(), |_| {
            b"x".to_vec()
        });
    table.token("es", "none, and a signature of one byte", &none, not_allowed).await;
    for raw in ["rs256", "RS256 ", "ＲＳ256"] {
        let token = RSA.token_under(&RSA.header().with_text("alg", raw));
        table.token("rs", &format!("{raw:?} for RS256"), &token, not_allowed).await;
    }
    let good = ES256.token_of(&claims());
    table.token("rs", "an algorithm of another policy", &good, not_allowed).await;
    let ps256 = Signer::rsa(Algorithm::PS256);
    let as_stated = |signer: &Signer| signer.token_under(&signer.header().with_text("kid", &RSA.kid()));
    let mismatch = Invalid("alg_key_mismatch");
    table.token("stated", "PS256 by a key for RS256", &as_stated(&ps256), mismatch).await;
    table.token("stated", "RS384 by a key for RS256", &as_stated(&Signer::rsa(Algorithm::RS384)), mismatch).await;
    let as_es256 = RSA.token_under(&RSA.header().with_text("alg", "ES256"));
    table.token("stated", "ES256 by an RSA key", &as_es256, mismatch).await;
    let ed_as = |alg: &str| ed.token_under(&ed.header().with_text("alg", alg));
    table.token("ed", "Ed448", &ed_as("Ed448"), not_allowed).await;
    table.token("eddsa", "Ed25519 where EdDSA is allowed", &ed_as("Ed25519"), not_allowed).await;
    let by_x25519 = ed.token_under(&ed.header().with_text("kid", "x"));
    table.token("ed", "a key for key agreement", &by_x25519, Invalid("unknown_kid")).await;
    for (rule, name, token) in [
        ("es", "ES256", &good),
        ("rs", "RS256", &RSA.token_of(&claims())),
        ("stated", "RS256 by a key for RS256", &RSA.token_of(&claims())),
        ("unstated", "PS256 by a key for any", &as_stated(&ps256)),
        ("ed", "Ed25519", &ed_as("Ed25519")),
        ("ed", "EdDSA", &ed_as("EdDSA")),
    ] {
        table.token(rule, name, token, Forwarded).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_never_taken_for_a_shared_secret() {
    let mut table = Table::serve(|upstream| {
        let algorithms = format!("{STRICT}, algorithms: [RS256]");
        route(upstream, &["stated", "unstated"].map(|name| (name, tokens(&[name]))))
            + &policy("stated", &[jwt(&key_set([RSA.jwk()]), &algorithms)])
            + &policy("unstated", &[jwt(&key_set([RSA.jwk().without("alg")]), &algorithms)])
    })
    .await;
    let jwk = RSA.jwk().text();
    let public = aws_lc_rs::signature::RsaPublicKeyComponents { n: RSA.member("n"), e: RSA.member("e") };
    let key: aws_lc_rs::signature::ParsedPublicKey =
        public.to_parsed_public_key(&aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256).unwrap();
    let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&key).unwrap();
    let pem = {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(spki.as_ref());
        let lines: Vec<_> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    };
    for (name, secret) in [
        ("keyed by the PEM", pem.into_bytes()),
        ("keyed by the DER", spki.as_ref().to_vec()),
        ("keyed by the JWK", jwk.clone().into_bytes()),
        ("keyed by the key set", key_set([RSA.jwk()]).into_bytes()),
        ("keyed by the modulus", RSA.member("n")),
    ] {
        let hmac = SigningKey::hmac(&Secret::new(secret), Algorithm::HS256).unwrap();
        let header = RSA.header().with_text("alg", "HS256");
        for (kid, header) in [("its", header.clone()), ("no", header.without("kid"))] {
            let token = compact(header.text(), claims().text(), |message| hmac.sign_message(message).unwrap());
            for rule in ["stated", "unstated"] {
                let name = format!("{name}, {kid} kid, {rule}");
                table.token(rule, &name, &token, Invalid("alg_not_allowed")).await;
            }
        }
    }
    let empty = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"");
    let header = RSA.header().with_text("alg", "HS256").text();
    let token = compact(header, claims().text(), |message| aws_lc_rs::hmac::sign(&empty, message).as_ref().to_vec());
    table.token("unstated", "keyed by nothing", &token, Invalid("alg_not_allowed")).await;
    table.token("unstated", "signed by its key", &RSA.token_of(&claims()), Forwarded).await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_unfit_is_skipped_and_its_tokens_have_an_unknown_key() {
    let p384 = Signer::new(Algorithm::ES384);
    let number = |bytes: &[u8]| encode(bytes);
    let odd = |bits: usize| {
        let mut bytes = vec![0x5b; bits.div_ceil(8)];
        bytes[0] = if bits.is_multiple_of(8) { 0x80 } else { 1 };
        bytes
    };
    let rsa = || RSA.jwk().without("alg");
    let unfit = [
        ("use-enc", ES256.jwk().with_text("use", "enc"), &*ES256),
        ("ops-sign", ES256.jwk().without("use").with("key_ops", "[\"sign\"]"), &*ES256),
        ("private", ES256.jwk().with_text("d", "AA"), &*ES256),
        ("off-curve", ES256.jwk().with_text("y", &number(&ES256.member("x"))), &*ES256),
        ("other-curve", ES256.jwk().with_text("crv", "P-384"), &*ES256),
        ("other-alg", p384.jwk().with_text("alg", "ES256"), &p384),
        ("rsa-1024", rsa().with_text("n", &number(&odd(1024))), &*RSA),
        ("rsa-4097", rsa().with_text("n", &number(&odd(4097))), &*RSA),
        ("rsa-e-1", rsa().with_text("e", &number(&[1])), &*RSA),
        ("rsa-e-even", rsa().with_text("e", &number(&[1, 0, 0])), &*RSA),
        ("rsa-roca", rsa().with_text("n", &number(&weak_modulus())), &*RSA),
    ];
    let twins = key_set([STRANGER.jwk(), ES256.jwk().with_text("kid", "1"), p384.jwk().with_text("kid", "1")]);
    let mut table = Table::serve(|upstream| {
        let names = unfit.iter().map(|(name, ..)| *name).chain(["twins", "fit"]);
        let rules: Vec<_> = names.map(|name| (name, tokens(&[name]))).collect();
        let algorithms = format!("{STRICT}, algorithms: [ES256, ES384, RS256]");
        let policies: String = unfit
            .iter()
            .map(|(name, jwk, _)| policy(name, &[jwt(&key_set([STRANGER.jwk(), jwk.clone()]), &algorithms)]))
            .collect();
        let fit = key_set([STRANGER.jwk(), ES256.jwk(), RSA.jwk()]);
        route(upstream, &rules)
            + &policies
            + &policy("twins", &[jwt(&twins, &algorithms)])
            + &policy("fit", &[jwt(&fit, &algorithms)])
    })
    .await;
    let unknown = Invalid("unknown_kid");
    for (name, _, signer) in &unfit {
        table.token(name, name, &signer.token_of(&claims()), unknown).await;
        table.token(name, &format!("{name}, another key"), &STRANGER.token_of(&claims()), Forwarded).await;
    }
    for (name, signer) in [("one of two keys of a name", &*ES256), ("the other", &p384)] {
        let token = signer.token_under(&signer.header().with_text("kid", "1"));
        table.token("twins", name, &token, unknown).await;
    }
    table.token("twins", "a key of its own name", &STRANGER.token_of(&claims()), Forwarded).await;
    table.token("fit", "the EC key as it is", &ES256.token_of(&claims()), Forwarded).await;
    table.token("fit", "the RSA key as it is", &RSA.token_of(&claims()), Forwarded).await;
    let findings = table.rig.findings().await;
    assert_eq!(findings.matches("KeySkipped").count(), unfit.len() + 2, "{findings}");
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_chosen_by_issuer_and_name() {
    let named = |signer: &Signer| signer.jwk().with_text("kid", "1");
    let rs = Signer::rsa(Algorithm::RS256);
    let mut table = Table::serve(|upstream| {
        let of = |issuer: &str, keys: String| jwt_of(issuer, &format!("{{inline: '{keys}'}}"), STRICT);
        route(upstream, &["one", "several", "mixed", "two"].map(|name| (name, tokens(&[name]))))
            + &policy("one", &[jwt(&key_set([ES256.jwk()]), STRICT)])
            + &policy("several", &[jwt(&key_set([ES256.jwk(), STRANGER.jwk()]), STRICT)])
            + &policy("mixed", &[jwt(&key_set([ES256.jwk(), rs.jwk()]), STRICT)])
            + &policy("two", &[of(ISSUER, key_set([named(&ES256)])), of(OTHER_ISSUER, key_set([named(&STRANGER)]))])
    })
    .await;
    let nameless = ES256.token_under(&ES256.header().without("kid"));
    table.token("several", "no name, and two keys fit", &nameless, Invalid("kid_missing")).await;
    table
        .token(
            "one",
            "no name, by a stranger",
            &STRANGER.token_under(&STRANGER.header().without("kid")),
            Invalid("bad_signature"),
        )
        .await;
    table.token("one", "no name, and one key", &nameless, Forwarded).await;
    table.token("mixed", "no name, and one key that fits", &nameless, Forwarded).await;
    let long = "k".repeat(4500);
    for kid in [
        "",
        "../../dev/null",
        "' OR 1=1 --",
        "http://169.254.169.254/",
        "${jndi:ldap://x}",
        "a\r\nb",
        "\u{1b}[2J",
        "\0",
        &long,
    ] {
        let token = ES256.token_under(&ES256.header().with_text("kid", kid));
        let name = kid.escape_debug().take(20).collect::<String>();
        table.token("one", &format!("a key of the name {name}"), &token, Invalid("unknown_kid")).await;
    }
    let by = |signer: &Signer, issuer: &str| {
        signer.token(&signer.header().with_text("kid", "1"), &claims().with_text("iss", issuer))
    };
    let bad = Invalid("bad_signature");
    table.token("two", "the one issuer, the other's key", &by(&STRANGER, ISSUER), bad).await;
    table.token("two", "the other issuer, the one's key", &by(&ES256, OTHER_ISSUER), bad).await;
    table.token("two", "the one issuer", &by(&ES256, ISSUER), Forwarded).await;
    table.token("two", "the other issuer", &by(&STRANGER, OTHER_ISSUER), Forwarded).await;
    table.end().await;
}

/// Two rules by the same keys, each by its profile.
async fn both_profiles() -> Table {
    Table::serve(|upstream| {
        let keys = key_set([ES256.jwk()]);
        route(upstream, &["strict", "generic"].map(|name| (name, tokens(&[name]))))
            + &policy("strict", &[jwt(&keys, STRICT)])
            + &policy("generic", &[jwt(&keys, &format!("{STRICT}, profile: Generic"))])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_token_brings_or_points_to_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("\"http://{}/keys\"", listener.local_addr().unwrap());
    let mut table = both_profiles().await;
    let theirs = STRANGER.jwk().without("kid").text();
    let metadata = "\"http://169.254.169.254/keys\"".to_owned();
    let chain = format!("[\"{}\"]", base64_standard(b"not a certificate"));
    let bad = Invalid("bad_signature");
    for (member, raw) in
        [("jwk", &theirs), ("jku", &metadata), ("jku", &url), ("x5u", &metadata), ("x5u", &url), ("x5c", &chain)]
    {
        let header = ES256.header().with(member, raw);
        let forged = STRANGER.token_under(&header);
        for rule in ["strict", "generic"] {
            table.token(rule, &format!("{member} {raw}, forged, {rule}"), &forged, bad).await;
        }
        let own_name = STRANGER.token_under(&header.clone().with_text("kid", &STRANGER.kid()));
        table.token("strict", &format!("{member} {raw}, by its own name"), &own_name, Invalid("unknown_kid")).await;
        let genuine = ES256.token_under(&header);
        let expected = if member == "x5c" { Forwarded } else { Invalid("unexpected_header") };
        table.token("strict", &format!("{member} {raw}, by the issuer"), &genuine, expected).await;
        table.token("generic", &format!("{member} {raw}, by the issuer, generic"), &genuine, Forwarded).await;
    }
    table.end().await;
    // Whoever had come would wait here: the kernel completes connections without us.
    let came = std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context).is_ready())).await;
    assert!(!came, "somebody came for the key");
}

fn base64_standard(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_header_demands_is_understood_or_the_token_is_refused() {
    let mut table = both_profiles().await;
    let crit = |raw: &str| ES256.header().with("crit", raw);
    let typ = |typ: &str| ES256.header().with_text("typ", typ);
    let (unsupported, invalid) = (Invalid("crit_unsupported"), Invalid("crit_invalid"));
    let (unexpected, wrong) = (Invalid("unexpected_header"), Invalid("wrong_typ"));
    for (name, header, expected) in [
        ("crit with an extension", crit("[\"x\"]").with("x", 1), unsupported),
        ("crit with two", crit("[\"x\",\"y\"]").with("x", 1).with("y", 1), unsupported),
        ("crit with b64", crit("[\"b64\"]").with("b64", "false"), unsupported),
        ("crit empty", crit("[]"), invalid),
        ("crit a string", crit("\"x\"").with("x", 1), invalid),
        ("crit null", crit("null"), invalid),
        ("crit with a name that is absent", crit("[\"x\"]"), invalid),
        ("crit with a registered name", crit("[\"alg\"]"), invalid),
        ("zip", ES256.header().with_text("zip", "DEF"), unexpected),
        ("enc", ES256.header().with_text("enc", "A256GCM"), unexpected),
        ("b64, not critical", ES256.header().with("b64", "false"), unexpected),
        ("no typ", ES256.header().without("typ"), wrong),
        ("typ JWT", typ("JWT"), wrong),
        ("typ with a blank", typ("at+jwt "), wrong),
        ("typ dpop+jwt", typ("dpop+jwt"), wrong),
        ("typ secevent+jwt", typ("secevent+jwt"), wrong),
        ("typ statuslist+jwt", typ("statuslist+jwt"), wrong),
        ("typ token-introspection+jwt", typ("token-introspection+jwt"), wrong),
        ("typ logout+jwt", typ("logout+jwt"), wrong),
        ("typ at+jwt", typ("at+jwt"), Forwarded),
        ("typ AT+JWT", typ("AT+JWT"), Forwarded),
        ("typ application/at+jwt", typ("application/at+jwt"), Forwarded),
        ("a member that nobody knows", ES256.header().with("x", 1), Forwarded),
    ] {
        table.token("strict", name, &ES256.token_under(&header), expected).await;
    }
    let id_token = claims().with_text("nonce", "n").with_text("azp", "shop");
    let untyped = typ("JWT");
    for (rule, name, header, claims, expected) in [
        ("strict", "an ID token", &untyped, &id_token, wrong),
        ("generic", "an ID token, generic", &untyped, &id_token, wrong),
        ("generic", "a security event, generic", &untyped, &claims().with("events", "{}"), wrong),
        ("generic", "a DPoP proof, generic", &typ("dpop+jwt"), &claims(), wrong),
        ("generic", "an untyped access token, generic", &untyped, &claims(), Forwarded),
    ] {
        table.token(rule, name, &ES256.token(header, claims), expected).await;
    }
    table.end().await;
}
