//! Invalid and hostile payloads, keys and attributes between valid records.

use std::collections::HashMap;

use serde_json::Value;

use super::{Abort, Outcome};
use crate::{
    config::OnInvalidRecord,
    testing::{
        fault::Fault::Block,
        harness::Harness,
        log::{Sent, State},
        markers::{FOREIGN, SECRET},
        subject::Subject,
    },
};

const FOREIGN_PAYLOADS: [&[u8]; 18] = [
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

/// Hostile values of a field, as JSON.
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

/// Each payload is accepted or rejected; rejected ones are dead-lettered, and no valid record is lost.
pub(super) async fn dead_letters<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, OnInvalidRecord::DeadLetter).await
}

/// The same, and rejected payloads are skipped and counted.
pub(super) async fn skipped<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, OnInvalidRecord::Skip).await
}

async fn run<S: Subject>(harness: &mut Harness<S>, policy: OnInvalidRecord) -> Outcome {
    let payloads = FOREIGN_PAYLOADS.map(<[u8]>::to_vec);
    let before = counted(harness).await;
    between_own(harness, policy, &payloads).await?;
    check_accepted(harness, before).await;
    Ok(())
}

/// The records in the target, or why the kit cannot count payloads that are not the subject's.
async fn counted<S: Subject>(harness: &Harness<S>) -> Result<u64, &'static str> {
    harness.subject().count().await.ok_or("without `Subject::count`")
}

/// As [`counted`], of payloads that differ from one of the subject in a value, in their keys or attributes alone: a target
/// may hold them as one record.
async fn counted_alike<S: Subject>(harness: &Harness<S>) -> Result<u64, &'static str> {
    if harness.subject().idempotent() {
        return Err("since an idempotent target may hold them as one record");
    }
    counted(harness).await
}

/// Whether the target has the payloads that the connector accepted: one that is neither written nor rejected is lost.
async fn check_accepted<S: Subject>(harness: &Harness<S>, before: Result<u64, &'static str>) {
    let (of, accepted) = harness.log().read(State::foreign);
    let dropped = match before {
        Ok(before) => {
            let expected = before + harness.numbers().len() as u64 + accepted;
            counted(harness).await.map(|after| expected.saturating_sub(after))
        }
        Err(reason) => Err(reason),
    };
    match dropped {
        Ok(dropped) if dropped > 0 => harness.log().report(format!(
            "{dropped} of {accepted} accepted payloads are not in the target: reject what is not written"
        )),
        Err(reason) if accepted > 0 => harness.log().change(|state| {
            state.notes.push(format!(
                "{accepted} of {of} payloads of other types were accepted; whether they are in the target is unknown {reason}"
            ));
        }),
        Ok(_) | Err(_) => {}
    }
}

/// Most values of a payload that are replaced, so that the numbers of all scenarios stay below [`FOREIGN`].
const MOST_REPLACED: usize = 50;
/// First items of an array that are replaced: a vector has hundreds, which are of one kind.
const ITEMS_REPLACED: usize = 2;

/// Each value within a payload of the subject is replaced by each hostile value, removed once, and there twice under its name once.
pub(super) async fn hostile_values<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let own = serde_json::from_slice::<Value>(&harness.subject().payload(FOREIGN));
    let Some(own) = own.ok().filter(Value::is_object) else {
        return Err(Abort::Skipped("the payloads are not JSON objects".to_owned()));
    };
    let nested = format!("{}\"{SECRET}\"{}", "[".repeat(100), "]".repeat(100));
    let mut payloads = Vec::new();
    let mut locations = locations(&own, "");
    if locations.len() > MOST_REPLACED {
        let of = locations.len();
        locations.truncate(MOST_REPLACED);
        harness.log().change(|state| {
            state.notes.push(format!("hostile values replaced the first {MOST_REPLACED} values of a payload, of {of}"));
        });
    }
    for (parent, name) in locations {
        payloads.push(without(&own, &parent, &name));
        payloads.extend(twice(&own, &parent, &name));
        let values = VALUES.into_iter().chain([nested.as_str()]);
        payloads.extend(values.map(|value| with(&own, &parent, &name, value)));
    }
    let before = counted_alike(harness).await;
    between_own(harness, OnInvalidRecord::DeadLetter, &payloads).await?;
    check_accepted(harness, before).await;
    Ok(())
}

/// The locations of nested values, of arrays those of the first items: the parent's pointer and the name of each.
fn locations(value: &Value, pointer: &str) -> Vec<(String, String)> {
    let names: Vec<_> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().take(ITEMS_REPLACED).enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = |(name, value): (String, &Value)| {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let mut all = vec![(pointer.to_owned(), name)];
        all.extend(locations(value, &format!("{pointer}/{escaped}")));
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

/// Repeats a member of an object: a payload that has everything that the connector needs, and a name twice.
fn twice(own: &Value, parent: &str, name: &str) -> Option<Vec<u8>> {
    let value = own.pointer(parent)?.as_object()?.get(name)?;
    Some(with(own, parent, name, &format!("{value},{}:{value}", Value::from(name))))
}

/// Replaces the value at a location, as text, since not every hostile value can be parsed.
fn with(own: &Value, parent: &str, name: &str, value: &str) -> Vec<u8> {
    const MARK: &str = "placeholder of the hostile value";
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

async fn between_own<S: Subject>(harness: &mut Harness<S>, policy: OnInvalidRecord, payloads: &[Vec<u8>]) -> Outcome {
    harness.on_invalid(policy);
    let running = harness.start().await?;
    harness.publish_between(2, payloads).await?;
    Ok(harness.finish(running).await?)
}

/// Hostile names, which a target may misinterpret.
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

/// Routing keys, attributes and their names are arbitrary strings of the producer.
pub(super) async fn hostile_names<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let before = counted_alike(harness).await;
    let running = harness.start().await?;
    let payload = harness.subject().payload(FOREIGN);
    let long = "c0nf1dent1al".repeat(1_000);
    let message = |name: &str| Sent {
        attributes: HashMap::from([(name.to_owned(), name.to_owned())]),
        ..Sent::foreign(payload.clone(), name)
    };
    harness.publish_mixed(NAMES.into_iter().chain([long.as_str()]).map(message).collect()).await?;
    harness.finish(running).await?;
    check_accepted(harness, before).await;
    Ok(())
}

/// Invalid records that the connector finds itself take one more attempt, not one each.
pub(super) async fn many_invalid<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    const INVALID: usize = 50;
    harness.batches_of(4 * INVALID);
    harness.script([Block]);
    let before = counted(harness).await;
    let mut running = harness.start().await?;
    harness.publish(1).await?;
    harness.until(&mut running, "a write", |state| state.is_blocked).await?;
    harness.publish_between(1, &vec![b"{\"cut off\": \"c0nf1dent1al".to_vec(); INVALID]).await?;
    harness.received(&mut running, 2 * INVALID as u64 + 2).await?;
    harness.log().change(|state| state.is_released = true);
    harness.finish(running).await?;
    check_accepted(harness, before).await;
    let attempts = harness.log().read(|state| state.attempts.len());
    if attempts >= INVALID {
        harness.log().report(format!("a batch with {INVALID} payloads that are not JSON took {attempts} attempts"));
    }
    Ok(())
}
