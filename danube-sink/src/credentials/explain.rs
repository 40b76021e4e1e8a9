//! Explanations of TLS and permission errors of the broker connection.

use std::{
    error::Error,
    io,
    time::{Duration, UNIX_EPOCH},
};

use rustls::{CertificateError as Wrong, Error as Tls};

/// Formats seconds since 1970 as a date.
pub(super) fn http_date(seconds: u64) -> String {
    // The format supports dates up to the year 9999.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

/// The reason for a TLS failure, found in the sources of an error; `None` for another error.
pub(crate) fn tls_reason(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<Tls>().or_else(|| inner.and_then(|inner| inner.downcast_ref::<Tls>()));
        if let Some(tls) = tls {
            return Some(reason(tls));
        }
        // HTTP/2 keeps only the text of the error that broke its connection.
        if let Some((_, alert)) = error.to_string().split_once(ALERT) {
            // The wrapping error adds punctuation behind the name.
            let name = alert.split(|char: char| !char.is_alphanumeric()).next().unwrap_or(alert);
            return Some(alerted(name));
        }
        next = error.source();
    }
    None
}

/// Prefix of rustls's error for an alert of the other side.
const ALERT: &str = "received fatal alert: ";

fn reason(error: &Tls) -> String {
    match error {
        Tls::InvalidCertificate(wrong) => wrong_certificate(wrong),
        Tls::AlertReceived(alert) => alerted(&format!("{alert:?}")),
        Tls::InvalidMessage(_) => {
            "the server at this address does not speak TLS: correct the port, or use `http` in `danube_service_url` if the \
             broker has no TLS"
                .to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

fn alerted(alert: &str) -> String {
    match alert {
        "CertificateRequired" => {
            "the broker requires a client certificate (mTLS): set `tls_cert_file` and `tls_key_file`".to_owned()
        }
        _ => format!(
            "the broker aborted the TLS handshake ({alert}): it may reject the certificate in `tls_cert_file`, or require \
             one; see its log"
        ),
    }
}

fn wrong_certificate(wrong: &Wrong) -> String {
    match wrong {
        Wrong::UnknownIssuer => {
            "the broker's certificate is not signed by a trusted CA: set `tls_ca_file` to the certificate of the CA that \
             signed it"
                .to_owned()
        }
        Wrong::ExpiredContext { not_after, .. } => {
            format!("the broker's certificate expired on {}: renew it at the broker", http_date(not_after.as_secs()))
        }
        Wrong::NotValidYetContext { not_before, .. } => format!(
            "the broker's certificate is not valid before {}: check the clocks of both machines",
            http_date(not_before.as_secs())
        ),
        Wrong::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the broker's certificate is for {}, not for {}: use that name in `danube_service_url`, or give the broker \
                 a certificate for this one",
                if names.is_empty() { "no name".to_owned() } else { names.join(", ") },
                expected.to_str()
            )
        }
        other => format!("the broker's certificate cannot be trusted: {other}"),
    }
}

/// `localhost` of `DnsName("localhost")`.
fn bare(name: &str) -> &str {
    name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).map_or(name, |name| name.trim_matches('"'))
}

/// The permission that a caller lacks, parsed from the broker's message: `no binding grants Consume on Cluster for user:me`.
pub(crate) fn missing_permission(message: &str) -> Option<String> {
    let (permission, rest) = message.strip_prefix("no binding grants ")?.split_once(" on ")?;
    let (resource, principal) = rest.rsplit_once(" for ")?;
    let (kind, name) = principal.split_once(':')?;
    let (scope, why) = match permission {
        "Consume" => ("cluster", "; receiving and acknowledging need it there"),
        "ManageSchema" => ("cluster", "; reading the schema of a message needs it there"),
        _ => ("cluster, namespace or topic", ""),
    };
    Some(format!(
        "{kind} {name} lacks the permission {permission} on {}: bind it to a role with {permission} with `danube-admin \
         security bindings create`, with scope {scope}{why}",
        bare_resource(resource)
    ))
}

fn bare_resource(resource: &str) -> String {
    match resource {
        "Cluster" => "the cluster".to_owned(),
        other => bare(other).to_owned(),
    }
}
