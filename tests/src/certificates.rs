//! Certificates and CAs for tests, generated on demand.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use danube_sink::dev::BrokerTls;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// Certificate authority (CA) of a test, with a temporary folder for its files.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    folder: PathBuf,
}

/// Certificate and private key, in PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Ca {
    /// Generates a self-signed CA.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let folder = std::env::temp_dir().join(format!("danube-sink-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self { issuer: Issuer::new(params, key), certificate, folder }
    }

    /// The CA's certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Writes the CA's certificate to a file in its folder. Returns the path.
    pub fn file(&self) -> PathBuf {
        self.write("ca.pem", &self.certificate)
    }

    /// Issues a certificate for these names that is valid for an hour.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_until(names, SystemTime::now() + Duration::from_secs(3600))
    }

    /// Issues a certificate for these names that expires at `end`.
    pub fn issue_until(&self, names: &[&str], end: SystemTime) -> Identity {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = (end - Duration::from_secs(7200)).into();
        params.not_after = end.into();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes a file in the CA's folder. Returns the path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        replace(&path, text);
        path
    }
}

/// Replaces a file atomically, as in a rotation of secrets.
pub fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).expect("a folder for temporary files");
    std::fs::rename(fresh, path).expect("the same folder");
}

impl Drop for Ca {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ca").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl From<Identity> for BrokerTls {
    fn from(Identity { certificate, key }: Identity) -> Self {
        Self { certificate, key, client_ca: None }
    }
}
