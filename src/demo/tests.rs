//! The specification of what the demo prints and serves.

use std::sync::Arc;

use super::Stage;
use crate::clock::{Clock, ManualClock, UnixTime};

async fn stage() -> Stage {
    let clock = Clock::manual(Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000))));
    Stage::open(&clock).await.unwrap()
}

#[tokio::test]
async fn every_command_is_one_line_behind_a_comment_with_its_status() {
    let text = stage().await.lines("127.0.0.1:8080".parse().unwrap()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() >= 14 && lines.len().is_multiple_of(2), "{text}");
    for pair in lines.chunks(2) {
        let (comment, command) = (pair[0], pair[1]);
        let status = comment.strip_prefix("# ").and_then(|comment| comment.split_once(": ")).map(|(status, _)| status);
        assert!(status.is_some_and(|status| status.parse::<u16>().is_ok()), "{comment}");
        assert!(command.starts_with("curl -i http://127.0.0.1:8080/"), "{command}");
    }
}

#[tokio::test]
async fn a_command_means_to_a_shell_what_it_says() {
    let text = stage().await.lines("[::1]:8080".parse().unwrap()).unwrap();
    for command in text.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<_> = command.split('\'').collect();
        assert!(!parts.len().is_multiple_of(2), "a quote is open: {command}");
        // Every second part stands between quotes, where a shell changes nothing.
        for bare in parts.iter().step_by(2) {
            let is_plain = |character: char| character.is_ascii_alphanumeric() || " -./:[]".contains(character);
            assert!(bare.chars().all(is_plain), "{bare:?} in {command}");
        }
    }
}

#[tokio::test]
async fn the_resources_name_what_runs_and_hold_no_api_key() {
    let stage = stage().await;
    let resources = String::from_utf8(stage.resources().expose().to_vec()).unwrap();
    for address in [stage.echo, stage.model] {
        assert!(resources.contains(&format!("http://{address}")), "{address}");
    }
    assert!(resources.contains(&format!("issuer: {}", stage.issuer.url())));
    let key = std::str::from_utf8(stage.api_key.text().expose()).unwrap();
    assert!(!resources.contains(key));
    for word in resources.lines().skip(1).flat_map(|line| line.split(|character: char| !character.is_ascii_uppercase()))
    {
        assert!(!["ADDRESS", "URL", "KEY"].contains(&word), "{word} is not filled in");
    }
}
