//! `bearward keys generate api-key`: a new API key for its user, and its record for the cluster.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use serde_json::Value;

use super::{KeysError, time};
use crate::clock::{Clock, UnixTime};
use crate::command::files::{self, Readers};
use crate::jose::{ApiKeyRecord, NewApiKey};

/// How long a key is good unless its maker says otherwise.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// The longest that one may be good.
pub const MAX_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// The label that offers a Secret to the gateway, and what it says here.
const USE: (&str, &str) = ("bearward.dev/use", "api-key");

/// What a key is to be good for.
#[derive(Clone, Debug)]
pub struct ApiKeyArgs {
    /// The Secret's name; unset: made from the key's id.
    pub name: Option<String>,
    /// The Secret's namespace; unset: whichever it is applied to.
    pub namespace: Option<String>,
    /// Who answers for the key: the subject of its requests.
    pub owner: String,
    /// What it grants; none: it is good only where no scope is asked for.
    pub scopes: Vec<String>,
    /// From when on it is good; unset: at once.
    pub not_before: Option<UnixTime>,
    /// How long it is good, from then on.
    pub lifetime: Duration,
    /// Labels, by which policies select keys and tell clients and teams.
    pub labels: Vec<(String, String)>,
    /// Where the Secret is written, for its owner alone; unset: to `out`.
    pub secret: Option<PathBuf>,
}

/// Makes a key. The Secret, which has its hash, goes to the file or to `out`; the key itself, which exists nowhere else,
/// goes to `out` if that is free for it, else to `err`: so either can be piped, and no file gets both.
pub fn run(
    args: &ApiKeyArgs,
    clock: &Clock,
    random: &dyn SecureRandom,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), KeysError> {
    let key = NewApiKey::generate(random)?;
    let secret = Record::new(args, clock, &key)?.to_yaml(args);
    if let Some(path) = &args.secret {
        files::write_new(path, secret.as_bytes(), Readers::Owner)?;
        show(&key, out)?;
    } else {
        out.write_all(secret.as_bytes())?;
        out.flush()?;
        show(&key, err)?;
    }
    writeln!(err, "The key is shown only now. Its hash alone is kept.")?;
    Ok(())
}

fn show(key: &NewApiKey, to: &mut dyn Write) -> Result<(), KeysError> {
    to.write_all(key.text().expose())?;
    writeln!(to)?;
    Ok(to.flush()?)
}

/// The members of the Secret, which the gateway reads as they are here.
struct Record {
    members: Vec<(&'static str, String)>,
}

impl Record {
    fn new(args: &ApiKeyArgs, clock: &Clock, key: &NewApiKey) -> Result<Self, KeysError> {
        if args.lifetime > MAX_LIFETIME {
            return Err(KeysError::LivesTooLong);
        }
        if args.labels.iter().any(|(name, _)| name == USE.0) {
            return Err(KeysError::ReservedLabel);
        }
        let begin = args.not_before.unwrap_or_else(|| clock.now());
        let mut members = vec![("id", key.id().to_owned()), ("hash", key.hash().to_owned())];
        if let Some(not_before) = args.not_before {
            members.push(("notBefore", time(not_before)?));
        }
        members.push(("expiresAt", time(begin.plus(args.lifetime))?));
        if !args.scopes.is_empty() {
            members.push(("scopes", args.scopes.join(" ")));
        }
        members.push(("owner", args.owner.clone()));
        // What the gateway would not take is not handed out.
        let labels = args.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        ApiKeyRecord::parse(members.iter().map(|(name, value)| (*name, value.as_bytes())), labels)?;
        Ok(Self { members })
    }

    /// A Secret. Every text is in quotes as JSON has them, which YAML reads the same.
    fn to_yaml(&self, args: &ApiKeyArgs) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let id = self.members.first().map_or("", |(_, id)| id);
        // Names of objects have no capitals (RFC 1123).
        let name = args.name.clone().unwrap_or_else(|| format!("key-{}", id.to_ascii_lowercase()));
        let mut lines = vec!["apiVersion: v1".to_owned(), "kind: Secret".to_owned()];
        lines.push("type: bearward.dev/api-key".to_owned());
        lines.push("metadata:".to_owned());
        lines.push(format!("  name: {}", quoted(&name)));
        lines.extend(args.namespace.iter().map(|namespace| format!("  namespace: {}", quoted(namespace))));
        lines.push("  labels:".to_owned());
        lines.push(format!("    {}: {}", USE.0, USE.1));
        lines.extend(args.labels.iter().map(|(name, value)| format!("    {}: {}", quoted(name), quoted(value))));
        lines.push("stringData:".to_owned());
        lines.extend(self.members.iter().map(|(name, value)| format!("  {name}: {}", quoted(value))));
        lines.join("\n") + "\n"
    }
}
