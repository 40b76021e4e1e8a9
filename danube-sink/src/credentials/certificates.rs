//! Certificates and private keys, looked at as the client will use them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    CertificateError, Error, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::explain::http_date;

/// Where systems keep the certificates of the CAs that they trust.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// What is wrong with a file, and what to do.
pub(super) type Wrong = (String, String);

/// The file of the CAs to trust: the one of the settings, else the system's, as OpenSSL's tools find it.
///
/// danube-client itself trusts nobody without a file.
pub(crate) fn trusted(tls_ca_file: Option<&Path>) -> Option<PathBuf> {
    let of_variable = || env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let of_system = || SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file());
    tls_ca_file.map(Path::to_owned).or_else(of_variable).or_else(of_system)
}

/// Whether there is a CA in the file.
pub(super) fn check_ca(path: &Path) -> Result<(), Wrong> {
    let certificates = read_certificates(path)?;
    let (used, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    if used == 0 {
        let message = format!("{} holds nothing that can be trusted as a CA", path.display());
        return Err((message, "name the file with the certificate of the CA that signed the broker's".to_owned()));
    }
    Ok(())
}

/// Whether the first certificate of the file is valid now. Gives the whole chain.
pub(super) fn check_certificate(path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let chain = read_certificates(path)?;
    let shown = path.display();
    // Nobody is trusted here: the answer is about the certificate itself, or that nobody signed it.
    let nobody = RootCertStore::empty();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let answer = chain.first().map(|first| {
        let parsed = ParsedCertificate::try_from(first)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], UnixTime::since_unix_epoch(now), algorithms)
    });
    match answer {
        Some(Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }))) => Err((
            format!("the certificate in {shown} expired on {}", http_date(not_after.as_secs())),
            "have a new one issued, and put it in the place of the old one".to_owned(),
        )),
        Some(Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))) => Err((
            format!("the certificate in {shown} is not valid before {}", http_date(not_before.as_secs())),
            "look at the clock of this machine; or have a certificate issued that is valid now".to_owned(),
        )),
        Some(Err(Error::InvalidCertificate(CertificateError::BadEncoding))) => {
            Err((format!("the certificate in {shown} is damaged"), pem_help(path, "certificate")))
        }
        _ => Ok(chain),
    }
}

/// The private key of the file.
pub(super) fn check_key(path: &Path) -> Result<PrivateKeyDer<'static>, Wrong> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        if encrypted {
            let message = format!("the private key in {} is encrypted", path.display());
            (message, "nobody can be asked for its password: `openssl pkey -in FILE -out PLAIN` decrypts it".to_owned())
        } else {
            (format!("{} holds no private key in PEM", path.display()), pem_help(path, "private key"))
        }
    })
}

/// Whether the two belong together.
pub(super) fn check_pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    path: &Path,
) -> Result<(), Wrong> {
    match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err((
            format!("the private key in {} does not belong to the certificate", path.display()),
            "`tls_cert_file` and `tls_key_file` must name a pair that was made together".to_owned(),
        )),
        Err(error) => Err((
            format!("the private key in {} cannot be used: {error}", path.display()),
            "use an RSA, ECDSA (P-256, P-384) or Ed25519 key".to_owned(),
        )),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err((format!("{} holds no certificate in PEM", path.display()), pem_help(path, "certificate"))),
    }
}

fn pem_help(path: &Path, what: &str) -> String {
    let command = if what == "certificate" { "x509" } else { "pkey" };
    let path = path.display();
    format!(
        "PEM is text that begins with a line `-----BEGIN …-----`; `openssl {command} -inform der -in {path}` makes it of a \
         {what} in DER"
    )
}

fn read(path: &Path) -> Result<Vec<u8>, Wrong> {
    fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        (message, "name a file that this process may read; a relative path begins at the current folder".to_owned())
    })
}
