//! What a client may do as often as it likes must not fill the log.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::binary::serve;
use crate::client::{get, within};

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a gateway with these flags logs of three connections that each reset 200 requests at once, and its metrics.
async fn flooded(flags: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, "").unwrap();
    let gateway = serve(&config, flags).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for stream in (1..400).step_by(2) {
        // GET, http, /, and the host.
        bytes.extend(frame(1, 5, stream, b"\x82\x86\x84\x01\x0fapi.example.com"));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    for _ in 0..3 {
        let mut client = TcpStream::connect(gateway.http).await.unwrap();
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
        // However it ends, it ends.
        let _ = within(client.read_to_end(&mut Vec::new())).await;
    }
    // What is left to be counted has been when all connections have ended.
    let metrics = within(async {
        loop {
            let metrics = get(gateway.probes, "localhost", "/metrics", "").await;
            if metrics.text().contains("bearward_open_connections 0\n") {
                break metrics;
            }
        }
    })
    .await;
    let (log, code) = gateway.terminate_and_read_log().await;
    assert_eq!(code, Some(0));
    (log, metrics.text().to_owned())
}

#[tokio::test]
async fn a_flood_of_http2_resets_is_counted_and_not_logged() {
    let (log, metrics) = flooded(&[]).await;
    assert!(metrics.contains("bearward_http2_floods_total 3\n"), "{metrics}");
    assert!(!log.contains("\"WARN\""), "{log}");
    // Who wants to see it says so.
    let (log, _) = flooded(&["--log", "info,h2=warn"]).await;
    assert_eq!(log.matches("\"WARN\"").count(), 3, "{log}");
}
