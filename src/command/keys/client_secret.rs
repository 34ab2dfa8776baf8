//! `bearward keys generate client-secret`: a new secret for a client of an issuer, and its record for the cluster.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use serde_json::Value;

use super::{KeysError, time};
use crate::clock::Clock;
use crate::command::files::{self, Readers};
use crate::jose::{ClientSecretRecord, NewClientSecret};

/// The label that offers a Secret to the gateway, and what it says here.
const USE: (&str, &str) = ("bearward.dev/use", "credentials");

/// What a secret is to be good for.
#[derive(Clone, Debug)]
pub struct ClientSecretArgs {
    /// The Secret's name.
    pub name: String,
    /// The Secret's namespace; unset: whichever it is applied to.
    pub namespace: Option<String>,
    /// How long it is good, from now on; unset: until it is replaced.
    pub lifetime: Option<Duration>,
    /// Where the Secret is written, for its owner alone; unset: to `out`.
    pub secret: Option<PathBuf>,
}

/// Makes a secret. What the cluster keeps, which has its hash, goes to the file or to `out`; the secret itself, which
/// exists nowhere else, goes to `out` if that is free for it, else to `err`: so either can be piped, and no file gets both.
pub fn run(
    args: &ClientSecretArgs,
    clock: &Clock,
    random: &dyn SecureRandom,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), KeysError> {
    let secret = NewClientSecret::generate(random)?;
    let record = to_yaml(args, &members(args, clock, &secret)?);
    if let Some(path) = &args.secret {
        files::write_new(path, record.as_bytes(), Readers::Owner)?;
        show(&secret, out)?;
    } else {
        out.write_all(record.as_bytes())?;
        out.flush()?;
        show(&secret, err)?;
    }
    writeln!(err, "The secret is shown only now. Its hash alone is kept.")?;
    Ok(())
}

fn show(secret: &NewClientSecret, to: &mut dyn Write) -> Result<(), KeysError> {
    to.write_all(secret.text().expose())?;
    writeln!(to)?;
    Ok(to.flush()?)
}

/// The members of the Secret, which the gateway reads as they are here.
fn members(
    args: &ClientSecretArgs,
    clock: &Clock,
    secret: &NewClientSecret,
) -> Result<Vec<(&'static str, String)>, KeysError> {
    let mut members = vec![("hash", secret.hash().to_owned())];
    if let Some(lifetime) = args.lifetime {
        if lifetime.is_zero() {
            return Err(KeysError::NeverValid);
        }
        members.push(("expiresAt", time(clock.now().plus(lifetime))?));
    }
    // What the gateway would not take is not handed out.
    ClientSecretRecord::parse(members.iter().map(|(name, value)| (*name, value.as_bytes())))?;
    Ok(members)
}

/// A Secret. Every text is in quotes as JSON has them, which YAML reads the same.
fn to_yaml(args: &ClientSecretArgs, members: &[(&str, String)]) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut lines = vec!["apiVersion: v1".to_owned(), "kind: Secret".to_owned()];
    lines.push("type: bearward.dev/client-secret".to_owned());
    lines.push("metadata:".to_owned());
    lines.push(format!("  name: {}", quoted(&args.name)));
    lines.extend(args.namespace.iter().map(|namespace| format!("  namespace: {}", quoted(namespace))));
    lines.push("  labels:".to_owned());
    lines.push(format!("    {}: {}", USE.0, USE.1));
    lines.push("stringData:".to_owned());
    lines.extend(members.iter().map(|(name, value)| format!("  {name}: {}", quoted(value))));
    lines.join("\n") + "\n"
}
