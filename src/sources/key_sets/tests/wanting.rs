//! Sources come and go with the snapshots that name them.

use super::*;

#[tokio::test]
async fn policies_that_share_a_source_share_its_fetches() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell), (&source, &cell)]);
    bench.next_report().await;
    // A new snapshot that wants the same in the same cell changes nothing.
    bench.wanted.send_replace(Arc::new(list(&[(&source, &cell)])));
    settle().await;
    assert_eq!(server.count(PATH), 1);
    assert!(bench.is_quiet());
}

#[tokio::test]
async fn a_source_that_is_no_longer_wanted_is_left_alone() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    server.reply("/other", Reply::ok(key_set(&["z"])));
    let (source, cell) = (by_url(&server.url(PATH)), empty_cell());
    let (other_source, other_cell) = (by_url(&server.url("/other")), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell)]);
    bench.next_report().await;
    bench.wanted.send_replace(Arc::new(list(&[(&other_source, &other_cell)])));
    assert_eq!(bench.next_report().await, (other_source, Report::default()));
    let is_alone = async {
        while Arc::strong_count(&cell) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon(is_alone).await;
    bench.advance(300);
    soon(server.wait_for(3)).await;
    assert_eq!((server.count(PATH), server.count("/other")), (1, 2));
    // Wanted again, in a new cell, it is fetched anew.
    let cell = empty_cell();
    bench.wanted.send_replace(Arc::new(list(&[(&source, &cell)])));
    assert_eq!(bench.next_report().await, (source, Report::default()));
    assert_eq!(shown(&cell), keys(&["a"], 300, 310));
}
