//! Files that change while they are served.

use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::gateway::Rig;
use crate::kit::open_route;
use crate::upstream::{OK, Upstream};

fn config(upstream: &Upstream, path: &str) -> String {
    open_route(&upstream.url(), path)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_file_is_in_force_without_a_restart() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream, "/old")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));
    rig.reload(&config(&upstream, "/new")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (404, 200));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_changes_nothing_and_is_told_of() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream, "/old")).await;
    let half = config(&upstream, "/new");
    let broken = half.replace("hosts: [api.example.com]", "hosts: [api.example.com");
    rig.replace(&broken);
    let findings = rig.findings().await;
    assert!(findings.contains("InvalidYaml"), "{findings}");
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));
    rig.reload(&config(&upstream, "/new")).await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (404, 200));
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_an_api_server_would_refuse_changes_nothing_and_lets_no_laxer_rule_in() {
    let (strict, lax) = (Upstream::replying(OK).await, Upstream::replying(OK).await);
    let whole = config(&strict, "/old").replace("auth: {anonymous: true}", "auth: {tokens: [{policyRef: {name: p}}]}");
    let open = config(&lax, "/old").replace("name: shop,", "name: lax,").replace("[api.example.com]", "[]");
    let rig = Rig::serve_folder(&[("config.yaml", &whole), ("lax.yaml", &open)]).await;
    let before = rig.get("/old", "").await;
    assert!(before.status == 503 && before.text().contains("PolicyNotFound"), "{before:?}");
    for hosts in ["hosts: [\"http://api.example.com\"]", "hosts: [\"*\"]", "hosts: null", "host: api.example.com"] {
        rig.replace(&whole.replace("hosts: [api.example.com]", hosts));
        rig.until(async || rig.findings_now().await.contains("spec.hosts")).await;
        let now = rig.get("/old", "").await;
        assert_eq!((now.status, now.text()), (503, before.text()), "{hosts}");
        rig.replace(&whole);
        rig.until(async || !rig.findings_now().await.contains("spec.hosts")).await;
    }
    assert_eq!(lax.take(), Vec::<String>::new());
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_config_map_is_followed_through_the_exchange_of_its_links() {
    let upstream = Upstream::replying(OK).await;
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    // As the kubelet lays it out: the names are links into `..data`, which is a link to the version that counts.
    let version = |name: &str, path: &str| {
        std::fs::create_dir_all(mount.join(name)).unwrap();
        std::fs::write(mount.join(name).join("config.yaml"), config(&upstream, path)).unwrap();
    };
    version("..2027_1", "/old");
    symlink("..2027_1", mount.join("..data")).unwrap();
    symlink("..data/config.yaml", mount.join("config.yaml")).unwrap();
    let rig = Rig::serve_at(folder, "mount").await;
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));

    version("..2027_2", "/new");
    symlink("..2027_2", mount.join("..data_tmp")).unwrap();
    std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    std::fs::remove_dir_all(mount.join("..2027_1")).unwrap();
    rig.until(async || rig.get("/new", "").await.status == 200).await;
    assert_eq!(rig.get("/old", "").await.status, 404);
    assert_eq!(rig.findings_now().await, "[]");
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_an_editor_moves_away_for_a_moment_is_served_throughout() {
    let upstream = Upstream::replying(OK).await;
    let both = |path: &str| {
        let more = config(&upstream, path).replace("name: shop,", "name: more,");
        format!("{}---\n{more}", config(&upstream, "/stable"))
    };
    let rig = Rig::serve(&both("/old")).await;
    let (file, backup) = (rig.path("config.yaml"), rig.path("config.yaml~"));
    std::fs::rename(&file, &backup).unwrap();
    // Time for one look, which may see that there is no file.
    rig.clock.advance(Duration::from_millis(250));
    assert_eq!(rig.get("/stable", "").await.status, 200);
    std::fs::write(&file, both("/new")).unwrap();
    std::fs::remove_file(&backup).unwrap();
    rig.until(async || {
        assert_eq!(rig.get("/stable", "").await.status, 200);
        rig.get("/new", "").await.status == 200
    })
    .await;
    assert_eq!(rig.get("/old", "").await.status, 404);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_half_written_is_told_of_and_its_last_whole_version_counts() {
    let upstream = Upstream::replying(OK).await;
    let rig = Rig::serve(&config(&upstream, "/old")).await;
    let whole = config(&upstream, "/new");
    let half = &whole[..whole.find("anonymous").unwrap()];
    // In place, as `cat >` and slow copies do.
    std::fs::write(rig.path("config.yaml"), half).unwrap();
    let findings = rig.findings().await;
    assert!(findings.contains("InvalidYaml") && findings.contains("config.yaml"), "{findings}");
    assert_eq!((rig.get("/old", "").await.status, rig.get("/new", "").await.status), (200, 404));
    std::fs::write(rig.path("config.yaml"), &whole).unwrap();
    rig.until(async || rig.get("/new", "").await.status == 200).await;
    rig.until(async || rig.findings_now().await == "[]").await;
    assert_eq!(rig.get("/old", "").await.status, 404);
    rig.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_served_no_more() {
    let upstream = Upstream::replying(OK).await;
    let more = config(&upstream, "/more").replace("name: shop,", "name: more,");
    let rig = Rig::serve_folder(&[("a.yaml", &config(&upstream, "/old")), ("b.yaml", &more)]).await;
    assert_eq!(rig.get("/more", "").await.status, 200);
    std::fs::remove_file(rig.path("b.yaml")).unwrap();
    rig.until(async || rig.get("/more", "").await.status == 404).await;
    assert_eq!(rig.get("/old", "").await.status, 200);
    rig.drain().await;
}
