//! What the provider says to what.

use std::time::Duration;

use http::StatusCode;

/// What a provider serves, and what it says to what. Lines are tried in their order.
#[derive(Clone, Debug)]
pub struct Script {
    /// The models that it has.
    pub models: Vec<String>,
    /// What it says to particular prompts.
    pub lines: Vec<Line>,
    /// What it says to every other.
    pub otherwise: Says,
    /// Between two words of a stream.
    pub pace: Duration,
}

/// What is said to prompts that hold a text.
#[derive(Clone, Debug)]
pub struct Line {
    /// The text, anywhere in the last message.
    pub to: String,
    /// What is said.
    pub says: Says,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Says {
    /// These words, with one blank between two.
    Words(String),
    /// An error.
    Error {
        /// Its status.
        status: StatusCode,
        /// Its message.
        message: String,
        /// `Retry-After`, in whole seconds.
        retry_after: Option<Duration>,
    },
}

impl Script {
    pub(super) fn line(&self, prompt: &str) -> &Says {
        self.lines.iter().find(|line| prompt.contains(&line.to)).map_or(&self.otherwise, |line| &line.says)
    }
}
