//! One HTTP/2 connection to an endpoint, shared by the requests of a thread.

use std::rc::Rc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::worker::{LocalExecutor, Worker};
use crate::transport::Stream;

/// A connection on which requests run side by side. Clones share it.
#[derive(Clone)]
pub(super) struct H2Link {
    sender: http2::SendRequest<RequestBody>,
}

impl H2Link {
    /// Speaks HTTP/2 with prior knowledge on `stream`. The connection is a task of the worker: it serves many requests.
    pub(super) async fn new(worker: &Rc<Worker>, stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = http2::Builder::new(LocalExecutor::new(worker))
            .max_header_list_size(u32::try_from(worker.limits().head_bytes).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await?;
        worker.spawn("h2 upstream", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        Ok(Self { sender })
    }

    /// Whether the endpoint has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends `request` and waits for the head of the reply, without a limit of its own.
    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, hyper::client::conn::TrySendError<Request<RequestBody>>> {
        self.sender.try_send_request(request).await
    }
}
