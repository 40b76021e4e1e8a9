//! A compiled expression, and its value for a record.

use std::sync::{Arc, LazyLock};

use cel::{
    Context, Env, ExecutionError, IdedExpr, Value,
    common::{
        ast::SourceInfo,
        types::{CelBool, CelInt, CelMap, CelMapKey, CelNull, CelString},
        value::{CowVal, Val},
    },
    context::VariableResolver,
};

use super::{
    InvalidExpression,
    loop_limit::{LoopLimit, Loops},
    patterns, payload,
    references::{self, References},
};
use crate::record::{Metadata, SinkRecord};

/// The longest expression, in bytes.
const MOST_BYTES: usize = 8 * 1024;
/// How deep brackets nest, and the stack of the parser, which recurses for each.
const MOST_BRACKETS: u16 = 32;
const PARSER_STACK: usize = 16 * 1024 * 1024;

/// Why an expression is not evaluated.
pub(super) const TOO_MANY: &str = "there are too many values, or too long ones, for the loops of the expression";

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    patterns::add(&mut environment);
    Arc::new(environment)
});

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Filter {
    expression: IdedExpr,
    references: References,
    /// The most values of a payload, so that loops end in time.
    most_values: usize,
    text: String,
}

impl Filter {
    pub(super) fn compile(text: &str) -> Result<Self, InvalidExpression> {
        let wrong = |message: String| InvalidExpression { offset: None, message };
        if text.len() > MOST_BYTES {
            return Err(wrong(format!("the expression has more than {MOST_BYTES} bytes")));
        }
        let depth = text.bytes().scan(0, |depth, byte| {
            *depth +=
                i32::from(matches!(byte, b'(' | b'[' | b'{' | b'?')) - i32::from(matches!(byte, b')' | b']' | b'}'));
            Some(*depth)
        });
        if depth.max() > Some(MOST_BRACKETS.into()) {
            return Err(wrong(format!("brackets nest deeper than {MOST_BRACKETS} levels")));
        }
        // A string that is not CEL may take more stack than a worker thread has.
        let failed = || wrong("the parser failed".to_owned());
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(PARSER_STACK);
            let compiled = thread.spawn_scoped(scope, || Self::parse(text)).map_err(|_| failed())?;
            compiled.join().unwrap_or_else(|_| Err(failed()))
        })
    }

    fn parse(text: &str) -> Result<Self, InvalidExpression> {
        let wrong = |message: String| InvalidExpression { offset: None, message };
        let parser = ENVIRONMENT.parser().max_recursion_depth(MOST_BRACKETS);
        let (expression, source) = parser.parse_with_source_info(text).map_err(|errors| {
            let Some(error) = errors.errors.first() else {
                return wrong("it is not CEL".to_owned());
            };
            let (line, column) = error.pos;
            let offset = references::offset(text, line, column);
            InvalidExpression { offset, message: format!("it is not CEL: {}", error.msg.trim()) }
        })?;
        let located =
            |references::Problem { id, message }| InvalidExpression { offset: at(&source, id, text), message };
        let references = References::of(&expression).map_err(located)?;
        let most_values = references.loops.most_values().ok_or_else(|| wrong(TOO_MANY.to_owned()))?;
        let filter = Self { expression, references, most_values, text: text.to_owned() };
        filter.has_possible_value().map_err(wrong)?;
        Ok(filter)
    }

    /// Checks the value of an expression that reads nothing of a record, since it is that of every record; not if loops within
    /// each other could take long.
    fn has_possible_value(&self) -> Result<(), String> {
        if !self.references.is_constant() || self.references.loops.depth > 1 {
            return Ok(());
        }
        let context = Context::with_env(Arc::clone(&ENVIRONMENT));
        match Value::resolve_val(&self.expression, &context) {
            Ok(value) if value.downcast_ref::<CelBool>().is_none() => Err(not_boolean(value.get_type().name())),
            Ok(_) => Ok(()),
            Err(error) => Err(self.reason(&error)),
        }
    }

    /// Whether the expression reads the payload, so that a record must be decoded first.
    pub(crate) fn reads_payload(&self) -> bool {
        self.references.payload.is_some()
    }

    /// Whether the expression is true for a record.
    ///
    /// # Errors
    /// Why it has no value for the record, or none that is true or false. The text shows no value of the record.
    pub(crate) fn keeps(&self, record: &SinkRecord) -> Result<bool, String> {
        let failed = |reason: &str| format!("`where` failed: {reason}");
        let (limit, loops) = (LoopLimit::new(self.most_values), &self.references.loops);
        let payload = match &self.references.payload {
            Some(wanted) => Some(payload::of(record, wanted, &loops.payload, &limit).map_err(failed)?),
            None => None,
        };
        let attributes = self.references.reads_attributes.then(|| attributes(record, loops, &limit));
        if loops.read_metadata {
            [record.producer(), record.key().unwrap_or_default()].iter().for_each(|text| limit.string(text));
        }
        if !limit.suffices(loops) {
            return Err(failed(TOO_MANY));
        }
        let variables = Variables { record, payload, attributes };
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(&variables);
        let value = Value::resolve_val(&self.expression, &context).map_err(|error| failed(&self.reason(&error)))?;
        match value.downcast_ref::<CelBool>() {
            Some(keeps) => Ok(*keeps.inner()),
            None => Err(failed(&not_boolean(value.get_type().name()))),
        }
    }

    /// The reason of an error, without values of the record.
    fn reason(&self, error: &ExecutionError) -> String {
        match error {
            ExecutionError::NoSuchKey(name) if self.text.contains(name.as_str()) => format!("there is no `{name}`"),
            ExecutionError::NoSuchKey(_) => "a field is missing".to_owned(),
            ExecutionError::NoSuchOverload(error) => error.to_string(),
            ExecutionError::UnexpectedType { got, want } => format!("found {got}, expected {want}"),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
            ExecutionError::Overflow(..) => "an integer is out of range".to_owned(),
            ExecutionError::IndexOutOfBounds(_) => "a list is shorter than its index".to_owned(),
            ExecutionError::FunctionError { function, .. } => format!("`{function}` refuses its arguments"),
            ExecutionError::UndeclaredReference(name) if self.text.contains(name.as_str()) => {
                format!("`{name}` is unknown")
            }
            _ => "its operands have types that it does not accept".to_owned(),
        }
    }
}

fn not_boolean(kind: &str) -> String {
    format!("it is a {kind}, not true or false")
}

/// The byte at which a part of an expression begins.
fn at(source: &SourceInfo, id: u64, text: &str) -> Option<usize> {
    let (start, _) = source.offset_for(id)?;
    text.char_indices().nth(start as usize).map(|(offset, _)| offset)
}

fn attributes<'r>(record: &'r SinkRecord, loops: &Loops, limit: &LoopLimit) -> CelMap<'r> {
    let attributes = record.attributes().iter().map(|(name, value)| {
        limit.count();
        if loops.read_attributes {
            [name, value].iter().for_each(|text| limit.string(text));
        }
        let value: Box<dyn Val + '_> = Box::new(CelString::from(value.as_str()));
        (CelMapKey::from(name.as_str()), value)
    });
    CelMap::from(attributes.collect::<std::collections::HashMap<_, _>>())
}

/// The variables of an expression: those of one record.
struct Variables<'r> {
    record: &'r SinkRecord,
    payload: Option<Box<dyn Val + 'r>>,
    attributes: Option<CelMap<'r>>,
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        match name {
            references::PAYLOAD => Some(CowVal::Borrowed(self.payload.as_deref()?)),
            references::ATTRIBUTES => Some(CowVal::Borrowed(self.attributes.as_ref()?)),
            _ => Some(metadata(self.record, Metadata::from_name(name)?)),
        }
    }
}

fn metadata(record: &SinkRecord, which: Metadata) -> CowVal<'_, '_> {
    let number = |number: u64| CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)));
    match which {
        Metadata::Topic => CowVal::owned(CelString::from(record.topic())),
        Metadata::Producer => CowVal::owned(CelString::from(record.producer())),
        Metadata::Offset => number(record.offset()),
        Metadata::Partition => {
            record.partition().map_or_else(|| CowVal::owned(CelNull), |partition| number(partition.into()))
        }
        Metadata::Key => record.key().map_or_else(|| CowVal::owned(CelNull), |key| CowVal::owned(CelString::from(key))),
        Metadata::Id => CowVal::owned(CelString::from(record.id().to_string())),
        Metadata::PublishTime => CowVal::owned(CelString::from(record.published())),
    }
}

#[cfg(test)]
mod tests;
