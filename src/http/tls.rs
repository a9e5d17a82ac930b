//! TLS from a certificate on disk, taken up anew when the files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::model::Invalid;

/// A certificate chain and its key, both in PEM files.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// Says which file can't be used, and why.
    pub fn open(chain: PathBuf, key: PathBuf) -> Result<Self, Invalid> {
        let current = Arc::new(Current(ArcSwap::from_pointee(load(&chain, &key)?)));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Invalid::new(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { chain, key, current, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Reads the files again; connections from now on get what is in them. Says whether it was something new.
    ///
    /// # Errors
    /// As [`Certificate::open`]; what was in use stays in use.
    pub fn renew(&self) -> Result<bool, Invalid> {
        let found = load(&self.chain, &self.key)?;
        let changed = found.cert != self.current.0.load().cert;
        if changed {
            self.current.0.store(Arc::new(found));
        }
        Ok(changed)
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

fn load(chain: &Path, key: &Path) -> Result<CertifiedKey, Invalid> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| Invalid::new(format!("{}: {error}", path.display()));
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(chain, &error))?;
    if certificates.is_empty() {
        return Err(failed(chain, &"holds no certificate in PEM form"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    CertifiedKey::from_der(certificates, private, &aws_lc_rs::default_provider())
        .map_err(|error| failed(key, &format!("does not fit the certificate: {error}")))
}
