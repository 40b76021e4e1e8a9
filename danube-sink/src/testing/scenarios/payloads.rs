//! Payloads of every type between the connector's own.

use std::collections::HashMap;

use serde_json::Value;

use super::{End, FOREIGN, Play, SECRET};
use crate::{
    config::OnInvalidRecord,
    testing::{log::Sent, probe::Fault::Gate, stage::Stage, subject::Subject},
};

const STRANGE: [&[u8]; 18] = [
    b"",
    b"plain text",
    "t\u{e9}xte \u{1f30b}".as_bytes(),
    b"\xff\xfe\x00\x01 no UTF-8 \x80",
    b"null",
    b"true",
    b"-42.5",
    b"\"a string\"",
    b"[1, 2, {\"three\": 3}]",
    b"{\"conformance\": {\"of\": [\"another\", \"shape\"]}}",
    b"{\"c0nf1dent1al\": \"c0nf1dent1al\"}",
    b"{\"cut off\": \"c0nf1dent1al",
    b"{\"surrogate\": \"c0nf1dent1al \\ud83d\"}",
    b"{\"number\": NaN, \"c0nf1dent1al\": 1}",
    b"{\"number\": 1e400, \"text\": \"c0nf1dent1al\"}",
    b"\xef\xbb\xbf{\"c0nf1dent1al\": 1}",
    b"{\"a\": 1, \"a\": 2, \"text\": \"c0nf1dent1al\"}",
    b"{} {\"c0nf1dent1al\": 1}",
];

/// Values, as JSON, that a field may have where the connector expects another one.
const VALUES: [&str; 25] = [
    "null",
    "true",
    "-1",
    "9500.0",
    "9500.5",
    "-0",
    "1e3",
    "1e400",
    "300",
    "4294967296",
    "9007199254740993",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999",
    "0.1234567890123456789012345678901234567890",
    "1517966773840",
    "\"\"",
    "\"NaN\"",
    "\"2201-04-15T19:58:20Z\"",
    "\"0000-00-00\"",
    "\"c0nf1dent1al\"",
    "\"a\\\"c0nf1dent1al\\\" 'c0nf1dent1al' {c0nf1dent1al} `c0nf1dent1al`\"",
    "\"two\\nlines c0nf1dent1al\\u0000\"",
    "\"\\ud83dc0nf1dent1al\"",
    "[\"c0nf1dent1al\", null, [1]]",
    "{\"c0nf1dent1al\": {\"c0nf1dent1al\": \"c0nf1dent1al\"}}",
];

/// The connector takes each or rejects it; what it rejects is in the dead-letter topic, and nothing around it is lost.
pub(super) async fn dead_letters<S: Subject>(stage: &mut Stage<S>) -> Play {
    play(stage, OnInvalidRecord::DeadLetter).await
}

/// The same, and what it rejects is counted.
pub(super) async fn skipped<S: Subject>(stage: &mut Stage<S>) -> Play {
    play(stage, OnInvalidRecord::Skip).await
}

async fn play<S: Subject>(stage: &mut Stage<S>, way: OnInvalidRecord) -> Play {
    let payloads = STRANGE.map(<[u8]>::to_vec);
    between_own(stage, way, &payloads).await
}

/// Each value within a payload of the connector's own is each hostile value once, and missing once.
pub(super) async fn hostile_values<S: Subject>(stage: &mut Stage<S>) -> Play {
    let own = serde_json::from_slice::<Value>(&stage.subject().payload(FOREIGN));
    let Some(own) = own.ok().filter(Value::is_object) else {
        return Err(End::LeftOut("the payloads are not JSON objects".to_owned()));
    };
    let nested = format!("{}\"{SECRET}\"{}", "[".repeat(100), "]".repeat(100));
    let mut payloads = Vec::new();
    for (parent, name) in places(&own, "") {
        payloads.push(without(&own, &parent, &name));
        let values = VALUES.into_iter().chain([nested.as_str()]);
        payloads.extend(values.map(|value| with(&own, &parent, &name, value)));
    }
    between_own(stage, OnInvalidRecord::DeadLetter, &payloads).await
}

/// Every value below this one, by its parent's pointer and its name.
fn places(value: &Value, pointer: &str) -> Vec<(String, String)> {
    let names: Vec<_> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(name, value): (String, &Value)| {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let mut all = vec![(pointer.to_owned(), name)];
        all.extend(places(value, &format!("{pointer}/{escaped}")));
        all
    };
    names.into_iter().flat_map(below).collect()
}

fn without(own: &Value, parent: &str, name: &str) -> Vec<u8> {
    let mut changed = own.clone();
    match changed.pointer_mut(parent) {
        Some(Value::Object(fields)) => _ = fields.remove(name),
        Some(Value::Array(items)) => _ = items.pop(),
        _ => {}
    }
    changed.to_string().into_bytes()
}

/// As text, since not every hostile value can be parsed.
fn with(own: &Value, parent: &str, name: &str, value: &str) -> Vec<u8> {
    const MARK: &str = "the place of the hostile value";
    let mut changed = own.clone();
    match changed.pointer_mut(parent) {
        Some(Value::Object(fields)) => _ = fields.insert(name.to_owned(), MARK.into()),
        Some(Value::Array(items)) => {
            name.parse()
                .ok()
                .and_then(|index: usize| items.get_mut(index))
                .into_iter()
                .for_each(|item| *item = MARK.into());
        }
        _ => {}
    }
    changed.to_string().replace(&format!("\"{MARK}\""), value).into_bytes()
}

async fn between_own<S: Subject>(stage: &mut Stage<S>, way: OnInvalidRecord, payloads: &[Vec<u8>]) -> Play {
    stage.on_invalid(way);
    let running = stage.start().await?;
    stage.publish_between(2, payloads).await?;
    Ok(stage.finish(running).await?)
}

/// Texts that a name may be, and that a target may take for something else.
const NAMES: [&str; 14] = [
    "",
    " ",
    "c0nf1dent1al.with.dots",
    "\"c0nf1dent1al\"",
    "'; DROP TABLE c0nf1dent1al; --",
    "`c0nf1dent1al`",
    "{c0nf1dent1al}",
    "../c0nf1dent1al/..",
    "c0nf1dent1al\r\nx-injected: 1",
    "c0nf1dent1al\0",
    "SELECT",
    "C0NF1DENT1AL%20%00?#&=",
    "\u{feff}\u{202e}\u{1f30b}",
    "id",
];

/// Routing keys, attributes and their names are texts of the producer's choice.
pub(super) async fn hostile_names<S: Subject>(stage: &mut Stage<S>) -> Play {
    let running = stage.start().await?;
    let payload = stage.subject().payload(FOREIGN);
    let long = "c0nf1dent1al".repeat(1_000);
    let message = |name: &str| Sent {
        attributes: HashMap::from([(name.to_owned(), name.to_owned())]),
        ..Sent::strange(payload.clone(), name)
    };
    stage.publish_mixed(NAMES.into_iter().chain([long.as_str()]).map(message).collect()).await?;
    Ok(stage.finish(running).await?)
}

/// Those that the connector can find by itself cost one more attempt, and not one each.
pub(super) async fn many_invalid<S: Subject>(stage: &mut Stage<S>) -> Play {
    const INVALID: usize = 50;
    stage.batches_of(4 * INVALID);
    stage.script([Gate]);
    let mut running = stage.start().await?;
    stage.publish(1).await?;
    stage.until(&mut running, "a write", |state| state.at_gate).await?;
    stage.publish_between(1, &vec![b"{\"cut off\": \"c0nf1dent1al".to_vec(); INVALID]).await?;
    stage.received(&mut running, 2 * INVALID as u64 + 2).await?;
    stage.log().change(|state| state.gate_open = true);
    stage.finish(running).await?;
    let attempts = stage.log().read(|state| state.tries.len());
    if attempts >= INVALID {
        stage.log().find(format!("a batch with {INVALID} payloads that are not JSON took {attempts} attempts"));
    }
    Ok(())
}
