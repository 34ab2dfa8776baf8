//! The TLS that is spoken outwards: rustls with aws-lc-rs, TLS 1.2 or later, roots compiled in.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Why additional roots cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RootsError {
    /// Nothing between `-----BEGIN CERTIFICATE-----` and its end.
    #[error("there is no certificate in PEM form")]
    Empty,
    /// The text between the two is not base64.
    #[error("certificate {index} is not PEM")]
    NotPem {
        /// Which, from zero.
        index: usize,
    },
    /// It is no certificate that can sign others.
    #[error("certificate {index} cannot be used: {source}")]
    Unusable {
        /// Which, from zero.
        index: usize,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The protocol versions could not be set up.
    #[error(transparent)]
    Setup(#[from] rustls::Error),
}

/// A client configuration that trusts the public roots compiled into the binary and speaks HTTP/1.1.
pub fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    configure(public_roots())
}

/// The same that trusts the certificates in `pem` besides.
pub fn client_config_trusting(pem: &[u8]) -> Result<Arc<ClientConfig>, RootsError> {
    let mut roots = public_roots();
    let mut count = 0_usize;
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(|_| RootsError::NotPem { index })?;
        roots.add(certificate).map_err(|source| RootsError::Unusable { index, source })?;
        count = count.saturating_add(1);
    }
    if count == 0 {
        return Err(RootsError::Empty);
    }
    Ok(configure(roots)?)
}

fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn configure(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
