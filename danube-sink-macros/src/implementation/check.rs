//! [`RawImpl`] → [`CheckedImpl`].

use super::{
    model::{CheckedImpl, Method, NAMES, RawImpl, RawMethod},
    signature,
};
use crate::{diagnostics::Diagnostics, names};

pub(crate) fn check(raw: &RawImpl, diagnostics: &mut Diagnostics) -> Option<CheckedImpl> {
    check_is_sink_connector(raw, diagnostics)?;
    check_is_not_expanded(raw, diagnostics)?;
    let misspelt = check_method_names(raw, diagnostics);
    check_signatures(raw, diagnostics);
    check_has_initialize(raw, &misspelt, diagnostics);
    check_has_process(raw, &misspelt, diagnostics);
    Some(CheckedImpl { needs_consumer_configs: !raw.has("consumer_configs"), needs_process: !raw.has("process") })
}

fn check_is_sink_connector(raw: &RawImpl, diagnostics: &mut Diagnostics) -> Option<()> {
    let help = "put `#[sink_connector]` on `impl SinkConnector for …` and on the struct, and on nothing else";
    match &raw.item.trait_ {
        Some((_, path, _)) if path.segments.last().is_some_and(|last| last.ident == "SinkConnector") => return Some(()),
        Some((_, path, _)) => diagnostics.push(path, "this is not an impl of `SinkConnector`", help),
        None => diagnostics.push(&raw.item.self_ty, "this is not an impl of `SinkConnector`", help),
    }
    None
}

/// An `#[async_trait]` above has expanded the methods already, so that none has its signature.
fn check_is_not_expanded(raw: &RawImpl, diagnostics: &mut Diagnostics) -> Option<()> {
    let is_expanded = |method: &RawMethod| {
        method.whole.sig.generics.lifetimes().any(|parameter| parameter.lifetime.ident == "async_trait")
    };
    if raw.methods.iter().any(is_expanded) {
        diagnostics.push(
            &raw.item.self_ty,
            "`#[async_trait]` above `#[sink_connector]` hides the methods from it",
            "remove `#[async_trait]`, or put it below `#[sink_connector]`",
        );
        return None;
    }
    Some(())
}

/// The methods that were probably meant by names that the trait does not have.
fn check_method_names(raw: &RawImpl, diagnostics: &mut Diagnostics) -> Vec<&'static str> {
    let mut meant = Vec::new();
    for method in &raw.methods {
        let name = method.name.to_string();
        if Method::of(&method.name).is_none() {
            let close = names::closest(&name, &NAMES);
            meant.extend(close);
            let help = match close {
                Some(close) => format!("did you mean `{close}`?"),
                None => "move it to an `impl` block of its own".to_owned(),
            };
            diagnostics.push(&method.name, format!("`SinkConnector` has no method `{name}`"), help);
        }
    }
    meant
}

fn check_signatures(raw: &RawImpl, diagnostics: &mut Diagnostics) {
    for method in &raw.methods {
        if let Some(wanted) = Method::of(&method.name) {
            signature::check(wanted, &method.whole, diagnostics);
        }
    }
}

fn check_has_initialize(raw: &RawImpl, misspelt: &[&str], diagnostics: &mut Diagnostics) {
    if !raw.has("initialize") && !misspelt.contains(&"initialize") {
        diagnostics.push(
            &raw.item.self_ty,
            "the connector has no `initialize`",
            "add `async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()>`, which connects to the \
             target and fails at once if it cannot",
        );
    }
}

fn check_has_process(raw: &RawImpl, misspelt: &[&str], diagnostics: &mut Diagnostics) {
    let process = ["process", "process_batch"];
    if !process.iter().any(|method| raw.has(method) || misspelt.contains(method)) {
        diagnostics.push(
            &raw.item.self_ty,
            "the connector has neither `process_batch` nor `process`",
            "add `async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()>`, which writes one \
             batch and returns `Ok` when the target has it",
        );
    }
}
