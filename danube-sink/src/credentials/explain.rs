//! What went wrong between connector and broker, in words that say what to do.

use std::{
    error::Error,
    io,
    time::{Duration, UNIX_EPOCH},
};

use rustls::{CertificateError as Wrong, Error as Tls};

/// Seconds since 1970 as a date.
pub(super) fn http_date(seconds: u64) -> String {
    // Dates beyond the year 9999 are not written in this form.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

/// Why TLS failed, if it is what failed: the reason is somewhere below the error.
pub(crate) fn tls_reason(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<Tls>().or_else(|| inner.and_then(|inner| inner.downcast_ref::<Tls>()));
        if let Some(tls) = tls {
            return Some(reason(tls));
        }
        // HTTP/2 keeps the text alone of what broke its connection.
        if let Some((_, alert)) = error.to_string().split_once(ALERT) {
            // What follows the name is punctuation of whoever wrapped it.
            let name = alert.split(|char: char| !char.is_alphanumeric()).next().unwrap_or(alert);
            return Some(alerted(name));
        }
        next = error.source();
    }
    None
}

/// How rustls begins what the other side broke off with.
const ALERT: &str = "received fatal alert: ";

fn reason(error: &Tls) -> String {
    match error {
        Tls::InvalidCertificate(wrong) => wrong_certificate(wrong),
        Tls::AlertReceived(alert) => alerted(&format!("{alert:?}")),
        Tls::InvalidMessage(_) => {
            "what answers there does not speak TLS: correct the port, or begin `danube_service_url` with `http` where the \
             broker has no TLS"
                .to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

fn alerted(alert: &str) -> String {
    match alert {
        "CertificateRequired" => {
            "the broker asks for a client certificate: set `tls_cert_file` and `tls_key_file`".to_owned()
        }
        _ => format!(
            "the broker breaks off ({alert}): it may not take the certificate in `tls_cert_file`, or want one; its log \
             says more"
        ),
    }
}

fn wrong_certificate(wrong: &Wrong) -> String {
    match wrong {
        Wrong::UnknownIssuer => {
            "the broker's certificate is not signed by a CA that is trusted here: set `tls_ca_file` \
                                 to the certificate of the CA that signed it"
                .to_owned()
        }
        Wrong::ExpiredContext { not_after, .. } => {
            format!("the broker's certificate expired on {}: renew it at the broker", http_date(not_after.as_secs()))
        }
        Wrong::NotValidYetContext { not_before, .. } => format!(
            "the broker's certificate is not valid before {}: look at the clocks of both machines",
            http_date(not_before.as_secs())
        ),
        Wrong::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the broker's certificate is for {}, not for {}: use such a name in `danube_service_url`, or give the \
                 broker a certificate for this one",
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

/// Which right a caller lacks, if that is what the broker says: `no binding grants Consume on Cluster for user:me`.
pub(crate) fn missing_right(message: &str) -> Option<String> {
    let (permission, rest) = message.strip_prefix("no binding grants ")?.split_once(" on ")?;
    let (resource, principal) = rest.rsplit_once(" for ")?;
    let (kind, name) = principal.split_once(':')?;
    let (scope, why) = match permission {
        "Consume" => ("cluster", "; receiving and acknowledging ask for it there"),
        "ManageSchema" => ("cluster", "; reading the schema of a message asks for it there"),
        _ => ("cluster, namespace or topic", ""),
    };
    Some(format!(
        "{kind} {name} lacks the right {permission} on {}: give it a role with {permission} by `danube-admin security \
         bindings create`, with scope {scope}{why}",
        bare_resource(resource)
    ))
}

fn bare_resource(resource: &str) -> String {
    match resource {
        "Cluster" => "the cluster".to_owned(),
        other => bare(other).to_owned(),
    }
}
