//! The corpus over HTTP/1.1.

use std::time::Duration;

use crate::between::{Between, client, report};
use crate::connection::Connection;
use crate::corpus;
use crate::row::{Row, Then, Verdict, get, passes};

/// A row that is not done then does not do what it should.
const PATIENCE: Duration = Duration::from_secs(10);

impl Row {
    /// What becomes of its requests, and of the one behind them that shows that both sides are still in step.
    fn expected(&self) -> Vec<Verdict> {
        let becomes = self.becomes.clone();
        match becomes.then {
            Then::InStep => becomes.and(passes("GET /next", "")).verdicts,
            Then::Ends | Then::Finishes => becomes.verdicts,
        }
    }

    /// Sends it, and reads the statuses of the replies until the connection is what the row says.
    async fn play(&self, mut connection: Connection) -> Vec<u16> {
        connection.send(&self.bytes).await;
        let mut statuses = Vec::new();
        if self.becomes.then == Then::InStep {
            for _ in &self.becomes.verdicts {
                statuses.extend(connection.reply().await);
            }
            connection.send(get("/next")).await;
            statuses.extend(connection.reply().await);
            return statuses;
        }
        if self.becomes.then == Then::Finishes {
            connection.finish().await;
        }
        while let Some(status) = connection.reply().await {
            statuses.push(status);
        }
        statuses
    }
}

/// Whether these are the statuses that a client gets. Who breaks off himself may get none.
fn are_answers(statuses: &[u16], verdicts: &[Verdict]) -> bool {
    let answers = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Passes(..) => Some(200),
        Verdict::Refused(status) => Some(*status),
        Verdict::BreaksOff(status) => *status,
    });
    let answers: Vec<_> = answers.collect();
    statuses == answers || (verdicts == [Verdict::BreaksOff(None)] && statuses == [400])
}

/// Sends every row, from an address of its own, and says what came otherwise than it should.
async fn faults(between: Between) -> Vec<String> {
    let rows = corpus::rows(between.token());
    let mut faults = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let connection = Connection::open(client(place), between.address()).await;
        match tokio::time::timeout(PATIENCE, row.play(connection)).await {
            Ok(statuses) if are_answers(&statuses, &row.expected()) => {}
            Ok(statuses) => faults.push(format!("{}: the client was answered {statuses:?}", row.name)),
            Err(_) => faults.push(format!("{}: the connection is not {:?}", row.name, row.becomes.then)),
        }
    }
    faults.extend(between.end().await.faults_of(rows.iter().map(|row| (row.name, row.expected()))));
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn node_sees_each_request_as_it_was_judged_and_nothing_else() {
    report(&faults(Between::node().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_sees_each_request_as_it_was_judged_and_nothing_else() {
    report(&faults(Between::nginx().await).await);
}
