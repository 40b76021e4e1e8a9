//! No value is changed without an error: it is stored as sent, or by a documented rule, or its record is rejected.

mod both;
mod current;

use danube_sink::{ConnectorError, SinkConnector};

use self::{both::BOTH, current::CURRENT};
use super::{Engine, Process, connector, initialize, records, rejected};

/// A column type, and JSON values with the stored value as text; `None` for those that are rejected.
type Case = (&'static str, &'static [(&'static str, Option<&'static str>)]);

/// Old servers take JSON alone.
const ANY: [&str; 2] = ["time_unit = 's'", "time_unit = 's'\ncolumns = { k = '/k', v = '/v' }"];
const JSON: &str = "time_unit = 's'\nformat = 'json_each_row'";
const ARROW: &str = "time_unit = 's'\nformat = 'arrow_stream'";
/// The types that Arrow does not carry.
const NOT_IN_ARROW: [&str; 11] = [
    "BFloat16",
    "Dynamic",
    "Int128",
    "JSON",
    "JSON(a UInt8, b.c Date)",
    "JSON(at DateTime64(6, 'Europe/Berlin'), t DateTime('UTC'))",
    "JSON(d Decimal(38, 18), m.d Array(Decimal(9, 2)), s String)",
    "Point",
    "Time",
    "Tuple(UInt8, String)",
    "UInt256",
];

#[tokio::test]
async fn values_arrive_as_they_were_sent_or_are_rejected() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let more = if engine == Engine::Current { CURRENT } else { &[] };
        for (kind, values) in BOTH.iter().chain(more) {
            let current = engine == Engine::Current;
            let arrow = (cfg!(feature = "arrow") && current).then_some(ARROW);
            for mapping in ANY.into_iter().chain(current.then_some(JSON)).chain(arrow) {
                server.ask("DROP TABLE IF EXISTS t");
                server.ask(&format!("CREATE TABLE t (k UInt8, v {kind}) ENGINE = MergeTree ORDER BY k"));
                let mut connector = connector(&server.url(), mapping);
                let started = initialize(&mut connector).await;
                if mapping == ARROW && NOT_IN_ARROW.contains(kind) {
                    let error = started.expect_err(kind);
                    let text = error.report();
                    assert!(
                        matches!(error, ConnectorError::Configuration { .. }) && text.contains("no type for v"),
                        "{text}"
                    );
                    continue;
                }
                started.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
                for (value, expected) in *values {
                    let what = format!("{engine:?}: {value} in a column {kind}, {mapping}");
                    let answer = connector.process_batch(records([format!(r#"{{"k":1,"v":{value}}}"#)])).await;
                    match expected {
                        Some(_) => answer.unwrap_or_else(|error| panic!("{what}: {error:?}")),
                        None => {
                            let text = rejected(answer);
                            assert!(text.contains("in the column v"), "{what}: {text}");
                        }
                    }
                    let held = server.ask("SELECT v FROM t FORMAT TSV");
                    assert_eq!(held, expected.unwrap_or_default(), "{what}");
                    server.ask("TRUNCATE TABLE t");
                }
            }
        }
    }
}
