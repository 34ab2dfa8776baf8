//! What a keeper does not do: outlive its users, dial where it may not, repeat what it should not.

use super::*;

#[tokio::test]
async fn every_task_ends_when_nobody_wants_or_listens_any_more() {
    let mut kept = Kept::start(Reply::ok(key_set(&["a"]))).await;
    let (unused, _) = watch::channel(Arc::new(WantedKeys::new()));
    drop(std::mem::replace(&mut kept.bench.wanted, unused));
    let is_alone = async {
        while Arc::strong_count(&kept.cell) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon(is_alone).await;
}

#[tokio::test]
async fn a_cluster_fetches_from_public_addresses_alone() {
    let server = ScriptedServer::start().await;
    server.reply(PATH, Reply::ok(key_set(&["a"])));
    let source = by_url(&server.url(PATH));
    let here: Vec<_> = vec!["127.0.0.1".parse().unwrap()];
    for (egress, is_permitted) in [
        (EgressRules::cluster(vec![]), false),
        (EgressRules::cluster(vec!["127.0.0.1:1".parse().unwrap()]), false),
        (EgressRules::cluster(here), true),
    ] {
        let cell = empty_cell();
        let mut bench = Bench::with(&[(&source, &cell)], egress, Settings::default());
        let findings = bench.findings().await;
        if is_permitted {
            assert_eq!(findings, []);
        } else {
            assert!(matches!(findings[..], [(Code::EgressForbidden, Severity::Error, _)]), "{findings:?}");
            assert_eq!(shown(&cell), Shown::Nothing { code: Code::EgressForbidden, retry: Some(1) });
        }
    }
    assert_eq!(server.count(PATH), 1);
}

#[tokio::test]
async fn no_message_repeats_the_query_of_a_url() {
    let server = ScriptedServer::start().await;
    let (source, cell) = (by_url(&server.url("/absent?key=hunter2")), empty_cell());
    let mut bench = Bench::start(&[(&source, &cell)]);
    let findings = bench.findings().await;
    assert!(findings[0].2.contains("/absent: ") && !findings[0].2.contains("hunter2"), "{findings:?}");
}
