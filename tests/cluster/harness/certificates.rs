//! The keys and certificates of a control plane, made anew for each.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// Writes into `folder`: `ca.crt`; `api-server.crt` and `api-server.key` for 127.0.0.1; `service-accounts.key` and
/// `service-accounts.pub`, which sign and check the tokens of service accounts.
pub(super) fn write(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();

    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    write("ca.crt", authority.pem());

    let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    write("api-server.crt", server.signed_by(&key, &authority).unwrap().pem());
    write("api-server.key", key.serialize_pem());

    let service_accounts = KeyPair::generate().unwrap();
    write("service-accounts.key", service_accounts.serialize_pem());
    write("service-accounts.pub", service_accounts.public_key_pem());
}
