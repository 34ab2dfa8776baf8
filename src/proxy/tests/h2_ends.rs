//! Both ends of HTTP/2 connections, for tests that say frame by frame what happens on a stream.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::tasks::Tasks;

/// A client's end of a connection.
pub(super) struct Client {
    sender: h2::client::SendRequest<Bytes>,
    ping: Option<h2::PingPong>,
    ended: Option<mpsc::Receiver<Option<h2::Error>>>,
    _tasks: Tasks,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &h2::client::Builder::new()).await
    }

    pub(super) async fn connect_with(address: SocketAddr, builder: &h2::client::Builder) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, mut connection) = builder.handshake(stream).await.unwrap();
        let ping = connection.ping_pong();
        let mut tasks = Tasks::new();
        let (say, ended) = mpsc::channel(1);
        tasks.spawn("h2 client", async move {
            let _ = say.send(connection.await.err()).await;
        });
        Self { sender, ping, ended: Some(ended), _tasks: tasks }
    }

    /// Sends the head of a request, and says with it whether that is all.
    pub(super) async fn send(&mut self, request: Request<()>, is_all: bool) -> (ResponseFuture, SendStream<Bytes>) {
        self.sender.clone().ready().await.unwrap().send_request(request, is_all).unwrap()
    }

    /// The head of the reply to a request without a body, and its body to be read.
    pub(super) async fn ask(&mut self, request: Request<()>) -> Response<RecvStream> {
        self.send(request, true).await.0.await.unwrap()
    }

    /// Sends a ping and waits for its answer.
    pub(super) async fn ping(&mut self) {
        self.ping.as_mut().unwrap().ping(h2::Ping::opaque()).await.unwrap();
    }

    /// Waits for the end of the connection, and says what it ended with.
    pub(super) async fn end(&mut self) -> Option<h2::Error> {
        self.ended.take().unwrap().recv().await.unwrap()
    }
}

/// A request to path `path` of the host of all tests.
pub(super) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://{}{path}", super::tables::HOST))
}

/// What is left of a body, and its trailers.
pub(super) async fn read(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    Ok((all, body.trailers().await?))
}

/// The next part of a body.
pub(super) async fn next(body: &mut RecvStream) -> Bytes {
    let data = body.data().await.unwrap().unwrap();
    body.flow_control().release_capacity(data.len()).unwrap();
    data
}

/// An upstream that speaks HTTP/2 with prior knowledge.
pub(super) struct Upstream {
    address: SocketAddr,
    requests: mpsc::Receiver<(usize, Request<RecvStream>, SendResponse<Bytes>)>,
    _tasks: Tasks,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel(16);
        let mut tasks = Tasks::new();
        tasks.spawn("h2 upstream", accept(listener, sender));
        Self { address, requests, _tasks: tasks }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request, and which connection it came by.
    pub(super) async fn accept(&mut self) -> (usize, Request<RecvStream>, SendResponse<Bytes>) {
        self.requests.recv().await.unwrap()
    }
}

async fn accept(listener: TcpListener, sender: mpsc::Sender<(usize, Request<RecvStream>, SendResponse<Bytes>)>) {
    let mut connections = Tasks::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let sender = sender.clone();
        connections.spawn("h2 upstream connection", async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, reply))) = connection.accept().await {
                if sender.send((number, request, reply)).await.is_err() {
                    return;
                }
            }
        });
    }
}
