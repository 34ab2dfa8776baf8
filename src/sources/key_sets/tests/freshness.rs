//! When keys are fetched again, and as of when they are.

use super::*;

#[tokio::test]
async fn keys_are_fetched_at_once_and_a_first_report_says_so() {
    let mut kept = Kept::start(Reply::ok(key_set(&["b", "a"]))).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 0, 10));
    let (source, report) = kept.bench.next_report().await;
    assert_eq!((source, report), (by_url(&kept.server.url(PATH)), Report::default()));
    assert_eq!(kept.server.count(PATH), 1);
}

#[tokio::test]
async fn keys_do_not_grow_too_old_while_their_issuer_answers() {
    let settings = Settings { max_stale: Duration::from_mins(2) };
    let first = |headers: &str| Reply::with("200 OK", &format!("ETag: \"a\"\r\n{headers}"), key_set(&["a"]));
    // Caches on the way may have had an answer for longer than keys may be stale: what counts is that it came.
    for (name, headers, later, began) in [
        ("from a cache", "Age: 500\r\n", first("Age: 500\r\n"), [-440, -380, -320, -260]),
        ("not modified", "", Reply::with("304 Not Modified", "", ""), [60, 120, 180, 240]),
        ("older than what is here", "", first("Age: 500\r\n"), [0; 4]),
    ] {
        let mut kept = Kept::with(first(headers), settings).await;
        assert_eq!(kept.bench.findings().await, [], "{name}");
        kept.server.reply(PATH, later);
        // Due at half of what keys may be stale, whatever an answer says.
        for (minute, began) in (1..).zip(began) {
            kept.round_after(60).await;
            assert_eq!(kept.shown(), keys(&["a"], began, minute * 60 + 10), "{name}");
        }
        assert!(kept.bench.is_quiet(), "{name}");
    }
}

#[tokio::test]
async fn keys_that_have_not_changed_are_confirmed_without_being_sent() {
    let mut kept = Kept::start(Reply::with("200 OK", "ETag: \"v1\"\r\n", key_set(&["a"]))).await;
    assert_eq!(kept.bench.findings().await, []);
    kept.server.reply(PATH, Reply::with("304 Not Modified", "Cache-Control: max-age=120\r\n", ""));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["a"], 300, 310));
    let asked = kept.server.asked();
    assert!(!asked[0].contains("if-none-match") && asked[1].contains("\r\nif-none-match: \"v1\"\r\n"));
    assert!(!asked[1].contains("cache-control"), "a refresh may come from a cache");
    kept.round_after(120).await;
    assert_eq!(kept.shown(), keys(&["a"], 420, 430));
    // The validators of a set that could not be used are not kept: they would confirm it.
    kept.server.reply(PATH, Reply::with("200 OK", "ETag: \"empty\"\r\n", r#"{"keys":[]}"#));
    kept.round_after(120).await;
    kept.server.reply(PATH, Reply::with("304 Not Modified", "", ""));
    kept.round_after(1).await;
    assert!(kept.server.asked()[4].contains("\r\nif-none-match: \"v1\"\r\n"));
    assert_eq!(kept.shown(), keys(&["a"], 541, 551));
}

#[tokio::test]
async fn the_issuer_says_how_soon_to_come_back_within_bounds() {
    for (headers, seconds) in [
        ("", 300),
        ("Cache-Control: no-store\r\n", 300),
        ("Cache-Control: max-age=0\r\n", 60),
        ("Cache-Control: max-age=90\r\n", 90),
        ("Cache-Control: max-age=600\r\nAge: 500\r\n", 100),
        ("Cache-Control: max-age=31536000\r\n", 3_600),
    ] {
        let kept = Kept::start(Reply::with("200 OK", headers, key_set(&["a"]))).await;
        kept.bench.advance(seconds - 1);
        settle().await;
        assert_eq!(kept.server.count(PATH), 1, "{headers:?}");
        kept.bench.advance(1);
        soon(kept.server.wait_for(2)).await;
    }
}

#[tokio::test]
async fn keys_are_as_old_as_the_answer_and_an_older_answer_takes_no_key_away() {
    let old = Reply::with("200 OK", "Age: 200\r\nCache-Control: max-age=260\r\n", key_set(&["a"]));
    let mut kept = Kept::start(old).await;
    assert_eq!(kept.shown(), keys(&["a"], -200, 10), "a token of a minute ago may be signed by a key that is not here");
    kept.bench.advance(30);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    kept.cell.ask();
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 30, 40));
    // Another edge of the delivery network, five minutes on, still has what it took seven minutes ago.
    let lagging = Reply::with("200 OK", "Age: 400\r\n", key_set(&["a"]));
    kept.server.reply(PATH, lagging);
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 30, 340));
    kept.server.reply(PATH, Reply::with("200 OK", "Age: 100\r\n", key_set(&["b"])));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["b"], 530, 640));
}

#[tokio::test]
async fn a_step_of_the_wall_clock_neither_delays_keys_nor_makes_them_old() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.clock.set_wall(START.minus(Duration::from_hours(5)));
    kept.server.reply(PATH, Reply::ok(key_set(&["b"])));
    kept.round_after(300).await;
    assert_eq!(kept.shown(), keys(&["b"], 300 - 5 * 3_600, 310 - 5 * 3_600));
}

#[tokio::test]
async fn a_rotation_is_followed_step_by_step() {
    let mut kept = Kept::start(Reply::ok(key_set(&["old"]))).await;
    for (step, kids) in
        [&["old", "pending"][..], &["old", "pending"], &["pending"], &["next", "pending"]].into_iter().enumerate()
    {
        kept.server.reply(PATH, Reply::ok(key_set(kids)));
        kept.round_after(300).await;
        let now = i64::try_from(step + 1).unwrap() * 300;
        assert_eq!(kept.shown(), keys(kids, now, now + 10));
    }
}
