//! Payloads of every type between the connector's own.

use super::Play;
use crate::{
    config::OnInvalidRecord,
    testing::{stage::Stage, subject::Subject},
};

const STRANGE: [&[u8]; 11] = [
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
    b"{\"cut off\": ",
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
    stage.on_invalid(way);
    let running = stage.start().await?;
    for payload in STRANGE {
        stage.publish(2).await?;
        stage.publish_strange(payload).await?;
    }
    stage.publish(2).await?;
    Ok(stage.finish(running).await?)
}
