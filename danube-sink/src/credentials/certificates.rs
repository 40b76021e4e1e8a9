//! Validation of certificates and private keys, with the library that the client uses.

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

/// CA bundles of common operating systems.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// A problem with a setting or its file: message and help.
pub(super) type Invalid = (String, String);

/// The CA file: `tls_ca_file`, otherwise `SSL_CERT_FILE`, otherwise the bundle of the operating system.
///
/// danube-client itself trusts no CA without a file.
pub(crate) fn ca_file(tls_ca_file: Option<&Path>) -> Option<PathBuf> {
    let of_variable = || env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let of_system = || SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file());
    tls_ca_file.map(Path::to_owned).or_else(of_variable).or_else(of_system)
}

/// Checks that the file contains a CA certificate.
pub(super) fn check_ca(path: &Path) -> Result<(), Invalid> {
    let certificates = read_certificates(path)?;
    let (used, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    if used == 0 {
        let message = format!("{} contains no CA certificate", path.display());
        return Err((message, "use the certificate of the CA that signed the server's certificate".to_owned()));
    }
    Ok(())
}

/// Checks that the first certificate of the file is currently valid, and returns the whole chain.
pub(super) fn check_certificate(path: &Path) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let chain = read_certificates(path)?;
    let shown = path.display();
    // Without a trusted CA, the error is about the certificate itself or its unknown issuer, which does not matter here.
    let no_roots = RootCertStore::empty();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let answer = chain.first().map(|first| {
        let parsed = ParsedCertificate::try_from(first)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &no_roots, &[], UnixTime::since_unix_epoch(now), algorithms)
    });
    match answer {
        Some(Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }))) => Err((
            format!("the certificate in {shown} expired on {}", http_date(not_after.as_secs())),
            "replace it with a renewed certificate".to_owned(),
        )),
        Some(Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))) => Err((
            format!("the certificate in {shown} is not valid before {}", http_date(not_before.as_secs())),
            "check the clock of this machine, or use a certificate that is valid now".to_owned(),
        )),
        Some(Err(Error::InvalidCertificate(CertificateError::BadEncoding))) => {
            Err((format!("the certificate in {shown} is damaged"), pem_help(path, "certificate")))
        }
        _ => Ok(chain),
    }
}

/// Reads the private key of the file.
pub(super) fn check_key(path: &Path) -> Result<PrivateKeyDer<'static>, Invalid> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        if encrypted {
            let message = format!("the private key in {} is encrypted", path.display());
            (message, "a passphrase is not supported: decrypt it with `openssl pkey -in FILE -out PLAIN`".to_owned())
        } else {
            (format!("{} contains no PEM private key", path.display()), pem_help(path, "private key"))
        }
    })
}

/// Checks that the private key belongs to the certificate. `keys` are the settings that name the two files.
pub(super) fn check_pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    path: &Path,
    keys: [&str; 2],
) -> Result<(), Invalid> {
    match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err((
            format!("the private key in {} does not belong to the certificate", path.display()),
            match keys {
                [certificate, key] if certificate == key => format!("`{key}` must contain a pair"),
                [certificate, key] => format!("`{certificate}` and `{key}` must be a pair"),
            },
        )),
        Err(error) => Err((
            format!("the private key in {} cannot be used: {error}", path.display()),
            "use an RSA, ECDSA (P-256, P-384) or Ed25519 key".to_owned(),
        )),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err((format!("{} contains no PEM certificate", path.display()), pem_help(path, "certificate"))),
    }
}

fn pem_help(path: &Path, what: &str) -> String {
    let command = if what == "certificate" { "x509" } else { "pkey" };
    let path = path.display();
    format!(
        "a PEM file begins with a line `-----BEGIN …-----`; to convert a DER {what}, run `openssl {command} -inform der -in \
         {path}`"
    )
}

fn read(path: &Path) -> Result<Vec<u8>, Invalid> {
    fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        (message, "use a file that this process can read; relative paths start at the working directory".to_owned())
    })
}
