//! What is told of signing keys besides their status: trouble as findings, steps as events.

use tokio::sync::mpsc;

use super::progress::warning;
use crate::finding::Code;
use crate::operate::announcement::{Announcement, cut};
use crate::operate::herald::News;
use crate::resources::ReportFinding;
use crate::rotation::{Action, Keyring, Plan, Role, Wishes};

/// Why no step can be taken.
pub(super) enum Trouble {
    /// The place cannot be read or written.
    NotWritable(String),
    /// The last ring cannot be remembered.
    NotRemembered(String),
    /// What is there is not ours to write, or not a ring.
    Unusable(String),
}

impl Trouble {
    /// What a user of the policy reads.
    pub(super) fn into_finding(self) -> ReportFinding {
        match self {
            Self::NotWritable(reason) => warning(
                Code::KeysNotWritable,
                format!("signing keys cannot be kept, so they do not rotate: {reason}"),
                "Do as the message says; keys that are there go on signing.",
            ),
            Self::NotRemembered(reason) => warning(
                Code::KeysNotWritable,
                format!("signing keys rotate, but what becomes of their Secret would not be noticed: {reason}"),
                "Do as the message says.",
            ),
            Self::Unusable(what) => warning(
                Code::KeysNotWritable,
                format!("signing keys do not rotate, because what is in their place is not written over: {what}"),
                "Correct or remove the Secret, or name another one in keysSecretRef.",
            ),
        }
    }
}

/// Where events go.
#[derive(Clone)]
pub(in crate::operate) enum Tidings {
    /// To whoever writes them.
    Herald(mpsc::Sender<News>),
    /// Nowhere: there is no cluster.
    Nobody,
}

impl Tidings {
    /// Tells of the steps that change what signs or verifies. What there is no room for is lost: nobody waits for events.
    pub(super) fn tell(&self, plan: &Plan, wishes: &Wishes, actions: &[Action], next: &Keyring) {
        let Self::Herald(herald) = self else { return };
        for announcement in actions.iter().filter_map(|action| announcement(action, wishes, next)) {
            let news = News { key: plan.policy.clone(), uid: plan.uid.to_string(), announcement };
            if herald.try_send(news).is_err() {
                tracing::debug!(object = %plan.policy, "event was left out");
            }
        }
    }
}

fn announcement(action: &Action, wishes: &Wishes, next: &Keyring) -> Option<Announcement> {
    let told = |is_warning, reason: &str, note: String| {
        Some(Announcement { is_warning, reason: reason.to_owned(), note: cut(&note) })
    };
    match action {
        Action::Create { role, .. } => {
            let key = match role {
                Role::First => next.ring().active()?,
                Role::Next => next.ring().pending()?,
            };
            told(false, "SigningKeyCreated", format!("the key {} ({}) is published", key.kid, key.algorithm))
        }
        Action::Activate { kid, cause } => {
            let left_out: Vec<&str> = wishes.despite.iter().map(AsRef::as_ref).collect();
            // Somebody has decided that tokens may be refused there: whoever looks for the reason finds it here.
            let despite = match left_out.join(", ") {
                none if none.is_empty() => none,
                pods => format!("; these were not waited for: {pods}"),
            };
            let note = format!("the key {kid} signs from now on; reason: {}{despite}", cause.as_str());
            told(!despite.is_empty(), "SigningKeyActivated", note)
        }
        Action::Lose(kid) => told(true, "SigningKeyLost", format!("the private half of the key {kid} is gone")),
        Action::Remove(kid) => told(false, "SigningKeyRemoved", format!("the key {kid} is published no more")),
        Action::Compromise(kid) => told(
            true,
            "SigningKeyCompromised",
            format!("the key {kid} is compromised; its tokens are refused from now on"),
        ),
        Action::Discard(kid) => told(false, "SigningKeyDiscarded", format!("the key {kid} was never used and is gone")),
        Action::Confirm(_)
        | Action::Settle(_)
        | Action::Extend { .. }
        | Action::Announce { .. }
        | Action::Answer(_) => None,
    }
}
