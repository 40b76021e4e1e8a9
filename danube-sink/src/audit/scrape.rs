//! Scraping of a broker's Prometheus metrics: its counters of published messages.

use std::{collections::HashMap, future::poll_fn, io, pin::Pin, time::Duration};

use hyper::{
    Request, StatusCode, Uri,
    body::{Body, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::error::{ConnectorError, ConnectorResult};

/// Counter of messages published to a topic or partition, before the broker stores them; 0 when a broker starts.
const PUBLISHED: &str = "danube_topic_messages_in_total";
/// Timeout of one scrape.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a metrics page in bytes.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// Published messages by topic or partition.
pub(crate) type Counts = HashMap<String, u64>;

/// Checks that the loss audit supports the metrics URLs, also of a configuration that is made in code.
///
/// # Errors
/// [`ConnectorError::Configuration`] for an `https` URL.
pub(crate) fn check(urls: &[String]) -> ConnectorResult<()> {
    let is_http = |url: &str| url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    match urls.iter().find(|url| !is_http(url)) {
        None => Ok(()),
        Some(url) => Err(ConnectorError::configuration(format!(
            "broker_metrics_urls: {}: only http is supported, since a Danube broker serves metrics without TLS. Use that \
             address, such as http://broker:9040/metrics, or that of a proxy in the connector's own network",
            shown(url)
        ))),
    }
}

/// A metrics URL as logs and reports show it: a query may hold a secret.
pub(crate) fn shown(url: &str) -> &str {
    url.split_once('?').map_or(url, |(shown, _)| shown)
}

/// Scrapes a broker's counters of published messages.
///
/// # Errors
/// The reason why no metrics were read within five seconds.
pub(crate) async fn scrape(url: &str) -> Result<Counts, String> {
    let page = timeout(TIMEOUT, page(url)).await.map_err(|_| format!("no response within {} s", TIMEOUT.as_secs()))?;
    Ok(parse(&page?))
}

async fn page(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|error| format!("not a URL: {error}"))?;
    let host = uri.host().ok_or("not a URL: it has no host")?;
    let address = (host.trim_start_matches('[').trim_end_matches(']'), uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|error: io::Error| error.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path).header(HOST, authority).body(String::new()).map_err(|error| error.to_string())?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        match response.status() {
            StatusCode::OK => text(response.into_body()).await,
            status => Err(format!("it responded with {status}")),
        }
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        page = &mut answer => page,
        ended = &mut connection => {
            ended.map_err(|error| error.to_string())?;
            // The whole response may have been read before the connection ended.
            answer.await
        }
    }
}

async fn text(mut body: Incoming) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() > MAX_PAGE_BYTES {
            return Err(format!("its response has more than {MAX_PAGE_BYTES} bytes"));
        }
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Parses Prometheus text into the sum of the samples of each topic.
fn parse(page: &str) -> Counts {
    let mut counts = Counts::new();
    for (topic, count) in page.lines().filter_map(sample) {
        *counts.entry(topic).or_default() += count;
    }
    counts
}

/// Parses a sample: `danube_topic_messages_in_total{broker="0",topic="/default/a"} 12`, optionally with a timestamp.
fn sample(line: &str) -> Option<(String, u64)> {
    let mut rest = line.strip_prefix(PUBLISHED)?.strip_prefix('{')?;
    let mut topic = None;
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let (value, behind) = label_value(quoted)?;
        if name.trim_matches([',', ' ']) == "topic" {
            topic = Some(value);
        }
        rest = behind;
        if rest.starts_with('}') {
            break;
        }
    }
    let value: f64 = rest.strip_prefix('}')?.split_whitespace().next()?.parse().ok()?;
    // A count is an integer that is not negative.
    (value >= 0.0).then_some((topic?, value as u64))
}

/// Splits a label value at its closing quote, and returns it unescaped with the rest of the line.
fn label_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_topic_and_other_metrics_are_ignored() {
        let page = r#"# HELP danube_topic_messages_in_total Total messages published to the topic (msg).
# TYPE danube_topic_messages_in_total counter
danube_topic_messages_in_total{broker="0"} 5
danube_topic_messages_in_total{broker="0",topic="/default/a"} 12
danube_topic_messages_in_total{topic="/default/a", producer="x}\"y"} 3 1700000000000
danube_topic_messages_in_total{broker="0",topic="/default/b-part-0"} 1e3
danube_topic_messages_in_total{topic="/default/c"} NaN
danube_topic_messages_in_total_created{topic="/default/a"} 1
danube_topic_bytes_in_total{topic="/default/a"} 99
danube_topic_messages_in_total{topic="/default/cut
"#;
        let expected = [("/default/a", 15), ("/default/b-part-0", 1_000)];
        assert_eq!(parse(page), expected.map(|(topic, count)| (topic.to_owned(), count)).into());
    }

    #[test]
    fn https_is_a_configuration_error() {
        check(&["http://a:9040/metrics".to_owned(), "HTTP://b:9040/metrics".to_owned()]).unwrap();
        let error = check(&["http://a".to_owned(), "https://b/metrics".to_owned()]).unwrap_err();
        assert!(matches!(error, ConnectorError::Configuration { .. }));
        assert!(error.to_string().contains("https://b/metrics: only http is supported"), "{error}");
        let error = check(&["https://b/metrics?token=hunter2".to_owned()]).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
