//! The folder that `--state` names: over restarts, crashes, and what people do to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{POLICY, Shop, Token};
use crate::gateway::Rig;

const RING: &str = "shop.shop-keys.json";
const LAST: &str = "shop.shop-keys.last";

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_the_same_keys_and_is_ready_when_it_has_them() {
    let mut shop = Shop::serve(POLICY).await;
    let mut tokens = vec![shop.token().await];
    let kids = shop.kids().await;
    for _ in 0..3 {
        shop = shop.restart(|_| {}).await;
        // Without waiting: ready means that it signs and verifies.
        assert_eq!(shop.status_of(&tokens[0].text).await, 200);
        let token = shop.token().await;
        assert_eq!(token.kid, tokens[0].kid);
        tokens.push(token);
        assert_eq!(shop.kids().await, kids);
        shop.pass(Duration::from_secs(10));
        shop.hold(&tokens).await;
    }
    // The schedule goes on as if nothing had been, and what was missed while nobody ran is made up for.
    shop.pass(Duration::from_secs(560));
    let before = tokens[0].kid.clone();
    shop.until_another_signs(&before, &mut tokens).await;
    let shop = shop.restart(|_| {}).await;
    shop.hold(&tokens).await;
    shop.quiet().await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_of_their_owner_alone_and_retired_private_halves_are_in_none() {
    let shop = Shop::serve(POLICY).await;
    let before = shop.token().await;
    let private = member(&shop.rig.state().join(RING), &format!("{}.key", before.kid)).unwrap();
    shop.pass(Duration::from_secs(595));
    shop.until_another_signs(&before.kid, &mut vec![]).await;
    for entry in files(&shop.rig.state()) {
        let metadata = fs::metadata(&entry).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.display());
        let bytes = fs::read(&entry).unwrap();
        assert!(!bytes.windows(private.len()).any(|part| part == private.as_bytes()), "{}", entry.display());
    }
    let mode = fs::metadata(shop.rig.state()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    shop.end().await;
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    found.collect()
}

/// A member of the Secret in a file, as it is written there.
fn member(file: &Path, name: &str) -> Option<String> {
    let secret: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    secret["data"][name].as_str().map(str::to_owned)
}

/// What a crash leaves of a write, and after it.
type Crash = fn(&Path, &[u8], &[u8]);

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_any_two_steps_of_a_write_loses_no_key_and_no_token() {
    let crashes: [(&str, Crash); 6] = [
        ("nothing written", |_, _, _| {}),
        ("the new file half written", |state, ring, _| {
            fs::write(state.join(format!(".{RING}.new")), &ring[..ring.len() / 2]).unwrap();
        }),
        ("the new file whole and not renamed", |state, ring, _| {
            fs::write(state.join(format!(".{RING}.new")), ring).unwrap();
            fs::set_permissions(state.join(format!(".{RING}.new")), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        ("renamed, and not remembered", |state, ring, last| {
            write(&state.join(RING), ring);
            write(&state.join(LAST), last);
        }),
        ("renamed, and half remembered", |state, ring, last| {
            write(&state.join(RING), ring);
            write(&state.join(LAST), last);
            fs::write(state.join(format!(".{LAST}.new")), &last[..9]).unwrap();
        }),
        ("never remembered", |state, _, _| fs::remove_file(state.join(LAST)).unwrap()),
    ];
    for (row, crash) in crashes {
        let shop = Shop::serve(POLICY).await;
        let (ring, last) = (shop.rig.state().join(RING), shop.rig.state().join(LAST));
        let old_last = fs::read(&last).unwrap();
        shop.pass(Duration::from_secs(595));
        let before = shop.token().await;
        let mut tokens = vec![before.clone()];
        let after = shop.until_another_signs(&before.kid, &mut tokens).await;
        let new_ring = fs::read(&ring).unwrap();
        let shop = shop.restart(|state| crash(state, &new_ring, &old_last)).await;
        assert_eq!(shop.token().await.kid, after.kid, "{row}");
        shop.hold(&tokens).await;
        shop.quiet().await;
        shop.pass(Duration::from_secs(590));
        shop.until_another_signs(&after.kid, &mut vec![]).await;
        shop.until(async |shop| !shop.rig.state().join(format!(".{RING}.new")).exists()).await;
        shop.end().await;
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_is_made_again_and_what_its_keys_signed_stays_good() {
    let shop = Shop::serve(POLICY).await;
    let mut tokens = vec![shop.token().await];
    let before = tokens[0].clone();
    fs::remove_file(shop.rig.state().join(RING)).unwrap();
    shop.pass(Duration::from_secs(2));
    shop.until(async |shop| shop.codes().await.contains(&"KeysLost".to_owned())).await;
    let after = until_signing(&shop, &before).await;
    tokens.push(after);
    shop.hold(&tokens).await;
    shop.until(async |shop| shop.codes().await == ["KeysLost"]).await;
    // While nobody runs it is the same.
    let second = tokens[1].clone();
    let shop = shop.restart(|state| fs::remove_file(state.join(RING)).unwrap()).await;
    tokens.push(until_signing(&shop, &second).await);
    shop.hold(&tokens).await;
    shop.until(async |shop| shop.codes().await == ["KeysLost"]).await;
    shop.pass(Duration::from_mins(70));
    shop.until(async |shop| shop.codes().await.is_empty()).await;
    shop.end().await;
}

/// Waits until another key signs; in the meantime nothing may.
async fn until_signing(shop: &Shop, before: &Token) -> Token {
    shop.until(async |shop| {
        let reply = shop.ask().await;
        assert!([200, 503].contains(&reply.status), "{}", reply.text());
        reply.status == 200 && Token::given(&reply).kid != before.kid
    })
    .await;
    shop.token().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_brings_no_private_half_back() {
    for is_running in [true, false] {
        let shop = Shop::serve(POLICY).await;
        let before = shop.token().await;
        let mut tokens = vec![before.clone()];
        let old = fs::read(shop.rig.state().join(RING)).unwrap();
        shop.pass(Duration::from_secs(595));
        tokens.push(shop.token().await);
        let after = shop.until_another_signs(&before.kid, &mut tokens).await;
        let shop = if is_running {
            write(&shop.rig.state().join(RING), &old);
            shop.pass(Duration::from_secs(2));
            shop
        } else {
            shop.restart(|state| write(&state.join(RING), &old)).await
        };
        shop.until(async |shop| shop.codes().await.contains(&"KeysRestored".to_owned())).await;
        // The old copy has the private half of what signs now: it was to sign next.
        shop.until(async |shop| shop.ask().await.status == 200).await;
        let now = shop.token().await;
        assert_ne!(now.kid, before.kid, "running: {is_running}");
        assert_eq!(now.kid, after.kid, "running: {is_running}");
        assert_eq!(member(&shop.rig.state().join(RING), &format!("{}.key", before.kid)), None);
        shop.hold(&tokens).await;
        shop.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_by_hand_is_left_alone_and_what_is_in_force_signs_on() {
    let shop = Shop::serve(POLICY).await;
    let token = shop.token().await;
    let path = shop.rig.state().join(RING);
    let good = fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let foreign = text.replace("bearward.dev/signing-keys", "Opaque");
    for (row, bytes, expected) in [
        ("half of it", &good[..good.len() / 2], "is no Secret as JSON"),
        ("nothing", b"", "is no Secret as JSON"),
        ("another type", foreign.as_bytes(), "is of type"),
        (
            "no ring",
            br#"{"apiVersion":"v1","kind":"Secret","type":"bearward.dev/signing-keys","data":{}}"#,
            "ring.json",
        ),
    ] {
        write(&path, bytes);
        shop.pass(Duration::from_secs(2));
        shop.until(async |shop| shop.codes().await == ["KeysNotWritable"]).await;
        let said = shop.rig.findings_now().await;
        assert!(said.contains(expected) && said.contains(RING), "{row}: {said}");
        assert_eq!(shop.token().await.kid, token.kid, "{row}");
        shop.pass(Duration::from_secs(31));
        shop.until(async |shop| shop.ask().await.status == 200).await;
        assert_eq!(fs::read(&path).unwrap(), bytes, "{row}: it was written over");
        write(&path, &good);
        shop.pass(Duration::from_secs(31));
        shop.until(async |shop| shop.codes().await.is_empty()).await;
    }
    // One that starts with it has nothing to sign with, and says so.
    let token = shop.token().await;
    let shop = shop.restart(|state| write(&state.join(RING), &good[..9])).await;
    shop.until(async |shop| shop.codes().await.contains(&"KeysNotWritable".to_owned())).await;
    let refused = shop.ask().await;
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true));
    assert_eq!(shop.status_of(&token.text).await, 503, "it may be good");
    write(&path, &good);
    shop.pass(Duration::from_secs(31));
    shop.until(async |shop| shop.ask().await.status == 200).await;
    assert_eq!(shop.token().await.kid, token.kid);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_can_read_is_not_taken() {
    let shop = Shop::serve(POLICY).await;
    let token = shop.token().await;
    let path = shop.rig.state().join(RING);
    let to = |mode: u32| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    to(0o640);
    shop.pass(Duration::from_secs(2));
    shop.until(async |shop| shop.codes().await == ["KeysNotWritable"]).await;
    let said = shop.rig.findings_now().await;
    assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    assert_eq!(shop.token().await.kid, token.kid, "what is in force signs on");
    to(0o600);
    shop.pass(Duration::from_secs(31));
    shop.until(async |shop| shop.codes().await.is_empty()).await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_holds_rotation_and_what_is_there_signs_on() {
    let shop = Shop::serve(POLICY).await;
    let token = shop.token().await;
    // Whoever is root may write into every folder; over a folder nobody can.
    let blocked = shop.rig.state().join(format!(".{RING}.new"));
    fs::create_dir(&blocked).unwrap();
    shop.pass(Duration::from_mins(10));
    shop.until(async |shop| shop.codes().await.contains(&"KeysNotWritable".to_owned())).await;
    let said = shop.rig.findings_now().await;
    assert!(said.contains(RING), "{said}");
    shop.pass(Duration::from_mins(30));
    let later = shop.token().await;
    assert_eq!(later.kid, token.kid);
    assert_eq!(shop.status_of(&later.text).await, 200);
    assert_eq!(shop.status_of(&token.text).await, 401);
    fs::remove_dir(&blocked).unwrap();
    shop.until_another_signs(&token.kid, &mut vec![later]).await;
    shop.until(async |shop| shop.codes().await.is_empty()).await;
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_nothing_is_issued_and_the_finding_says_which_flag_is_missing() {
    let (manifest, secret) = super::client_secret("batch");
    let rig = Rig::serve(&[POLICY, &manifest, &super::route("http://127.0.0.1:9")].concat()).await;
    rig.until(async || rig.findings_now().await.contains("--state")).await;
    let found = rig.findings_now().await;
    assert!(found.contains("KeysNotWritable"), "{found}");
    for (client, status) in [("batch:x".to_owned(), 401), (format!("batch:{secret}"), 503)] {
        let reply = super::post(rig.http(), "/shop/token", Some(&client), "grant_type=client_credentials").await;
        assert_eq!((reply.status, reply.header("retry-after").is_some()), (status, status == 503), "{}", reply.text());
    }
    let other = crate::kit::ES256.token_of(&crate::kit::claims().with_text("iss", "https://gw.example.com/shop"));
    assert_eq!(rig.get("/orders", &crate::issuer::bearer(&other)).await.status, 503);
    rig.drain().await;
}
