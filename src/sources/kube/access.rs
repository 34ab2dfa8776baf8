//! How the API server is reached.

use std::path::Path;
use std::time::Duration;

use ::kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use ::kube::{Client, Config};
use thiserror::Error;

/// Why there is no connection. Nothing was sent yet: these are about what is configured.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The kubeconfig that was named cannot be read or says too little.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// There is neither a kubeconfig nor a service account.
    #[error("there is no kubeconfig and no service account: {0}")]
    Environment(#[from] InferConfigError),
    /// What is configured does not make a connection, such as a certificate that is none.
    #[error("the configured access cannot be used: {0}")]
    Client(#[from] ::kube::Error),
}

/// A connection to the API server: by the kubeconfig at this path, else as the environment says (`KUBECONFIG`,
/// `~/.kube/config`, or the service account of a pod).
///
/// The client's own retries are off, since they follow `Retry-After` for seconds and would hide from a watch that its
/// API server is back; whoever calls has a pace of their own. A node that is gone does not answer at all, so connecting
/// ends after three seconds.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, AccessError> {
    let mut config = match kubeconfig {
        Some(path) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(3));
    Ok(Client::try_from(config)?)
}
