//! What a request that misses a key brings about.

use super::*;

#[tokio::test]
async fn a_missed_key_is_fetched_at_once_past_every_cache() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.advance(10);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    for _ in 0..5 {
        kept.cell.ask();
    }
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 10, 20));
    settle().await;
    assert_eq!(kept.server.count(PATH), 2, "asking five times is asking once");
    assert!(kept.server.asked()[1].contains("\r\ncache-control: no-cache\r\n"));
}

#[tokio::test]
async fn whoever_asks_too_soon_waits_for_nothing_and_the_fetch_comes_when_it_may() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    kept.bench.advance(3);
    kept.cell.ask();
    kept.round().await;
    assert_eq!(kept.shown(), keys(&["a"], 0, 10), "and is told when");
    assert_eq!(kept.server.count(PATH), 1);
    kept.server.reply(PATH, Reply::ok(key_set(&["a", "b"])));
    kept.round_after(7).await;
    assert_eq!(kept.shown(), keys(&["a", "b"], 10, 20));
    assert!(kept.server.asked()[1].contains("cache-control: no-cache"));
    // Nobody asked since: the next is due by its age.
    kept.bench.advance(299);
    settle().await;
    assert_eq!(kept.server.count(PATH), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_fetch_in_ten_seconds_and_hides_no_rotation() {
    let (server, bystander) = (ScriptedServer::start().await, ScriptedServer::start().await);
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    bystander.reply(PATH, Reply::ok(key_set(&["z"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (other_source, other_cell) = (by_url(&bystander.url(PATH)), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell), (&other_source, &other_cell)]);
    bench.next_report().await;
    bench.next_report().await;
    for second in 1..=30 {
        bench.advance(1);
        for _ in 0..1_000 {
            cell.ask();
        }
        if second == 25 {
            server.reply(PATH, Reply::ok(key_set(&["a", "rotated"])));
        }
        if second % 10 == 0 {
            let mut rounds = cell.rounds();
            let began = i64::from(second);
            // Rounds that end without a fetch come in between.
            soon(async {
                while !matches!(shown(&cell), Shown::Keys { began: shown, .. } if shown == began) {
                    rounds.changed().await.unwrap();
                }
            })
            .await;
        }
        settle().await;
    }
    assert_eq!(server.count(PATH), 4, "at 0, 10, 20 and 30 seconds");
    assert_eq!(shown(&cell), keys(&["a", "rotated"], 30, 40));
    assert_eq!(bystander.count(PATH), 1);
    assert_eq!(shown(&other_cell), keys(&["z"], 0, 10));
}
