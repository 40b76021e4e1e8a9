//! The PEM files of a TLS connection to a target.

use std::path::Path;

use danube_sink_config::{Diagnostic, Diagnostics};

use super::certificates::{Invalid, check_ca, check_certificate, check_key, check_pair};

/// The PEM files of a TLS connection, which a connector's settings `ca_file`, `cert_file` and `key_file` name: a check of them
/// for `#[sink_connector(validate_external = …)]`, as that of the broker's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsFiles<'f> {
    /// Certificates of CAs.
    pub ca_file: Option<&'f Path>,
    /// A client certificate.
    pub cert_file: Option<&'f Path>,
    /// The private key of the client certificate; without it, `cert_file` contains the key.
    pub key_file: Option<&'f Path>,
}

/// A file, and the setting that names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedFile<'f> {
    pub(super) key: &'static str,
    pub(super) path: &'f Path,
}

impl TlsFiles<'_> {
    /// Checks that the files can be read, that the client certificate is valid now, and that the private key belongs to it.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with the key that names the file.
    pub fn validate(&self) -> Result<(), Diagnostics> {
        self.validate_as(["ca_file", "cert_file", "key_file"], Diagnostic::of_key)
    }

    /// [`validate`](Self::validate) for files that something else names than the three settings, such as the parameters of a
    /// URL: `diagnostic` takes one of the `names`, a message and a help.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn validate_as(
        &self,
        names: [&'static str; 3],
        diagnostic: impl Fn(&'static str, String, String) -> Diagnostic,
    ) -> Result<(), Diagnostics> {
        let [ca_name, cert_name, key_name] = names;
        let certificate = self.cert_file.map(|path| NamedFile { key: cert_name, path });
        let private_key = self.key_file.map(|path| NamedFile { key: key_name, path }).or(certificate);
        let mut found = Diagnostics::default();
        let mut add = |name, (message, help): Invalid| found.push(diagnostic(name, message, help));
        if let Some(path) = self.ca_file {
            check_ca(path).unwrap_or_else(|invalid| add(ca_name, invalid));
        }
        check_identity((certificate, private_key), &mut add);
        found.into_result()
    }
}

/// Checks a client certificate and its private key; one of them may be missing, and one file may have both.
pub(super) fn check_identity<'f>(
    (certificate, private_key): (Option<NamedFile<'f>>, Option<NamedFile<'f>>),
    add: &mut impl FnMut(&'static str, Invalid),
) {
    let chain =
        certificate.and_then(|file| check_certificate(file.path).map_err(|invalid| add(file.key, invalid)).ok());
    let is_both = |file: &NamedFile<'_>| certificate.is_some_and(|certificate| certificate.key == file.key);
    // A file that cannot be read, or is no certificate, is reported once.
    let private_key = private_key.filter(|file| chain.is_some() || !is_both(file));
    let private = private_key.and_then(|file| {
        let private = check_key(file.path).map_err(|(message, help)| match is_both(&file) {
            true => (message, "add the private key to the file, or set `key_file`".to_owned()),
            false => (message, help),
        });
        private.map_err(|invalid| add(file.key, invalid)).ok()
    });
    if let (Some(chain), Some(private), Some(certificate), Some(file)) = (chain, private, certificate, private_key) {
        check_pair(chain, private, file.path, [certificate.key, file.key])
            .unwrap_or_else(|invalid| add(file.key, invalid));
    }
}
