//! Logging to standard error, as text or as JSON lines.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    ffi::OsString,
    fmt,
    io::{IsTerminal, stderr},
    panic::{self, PanicHookInfo},
};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, ParseError, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    config::LogFormat,
    error::{ConnectorError, ConnectorResult},
};

/// The variable that overrides `log_level`. Empty, it counts as not set: that is how compose files pass on variables that are
/// not set.
const LEVEL_VARIABLE: &str = "RUST_LOG";

/// The value of `RUST_LOG`.
pub(crate) fn level_variable() -> Option<OsString> {
    std::env::var_os(LEVEL_VARIABLE)
}

/// Starts logging at a level, or at levels by target as in `info,danube_sink=debug`. The value of `RUST_LOG`, `variable`,
/// overrides it.
///
/// A plain level up to `info` is that of the runtime and of the connector's crate, `own`; their libraries log at most warnings:
/// some log each connection that they open, or each file that they read.
///
/// Panics are logged, too, without their message. Does nothing if the program has set up its own logging.
///
/// # Errors
/// [`ConnectorError::Configuration`] if the level is invalid.
pub(crate) fn start_logs(level: &str, variable: Option<OsString>, format: LogFormat, own: &str) -> ConnectorResult<()> {
    let (level, source) = effective_level(level, variable)?;
    let targets = targets(&level, own).map_err(|error| {
        ConnectorError::configuration(format!(
            "{source} = {level:?}: {error}; write error, warn, info, debug or trace, or targets as in \
             \"info,danube_sink=debug\""
        ))
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match format {
        LogFormat::Json => lines.event_format(JsonLines).boxed(),
        _ => lines.with_ansi(stderr().is_terminal()).with_target(false).boxed(),
    };
    if tracing_subscriber::registry().with(targets).with(lines).try_init().is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Logs where the program panicked. The message may show values of a payload, as that of `unwrap` does.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => {
            tracing::error!("panicked at {place}: {}\n{backtrace}", panic.payload_as_str().unwrap_or("no message"));
        }
        _ => tracing::error!(
            "panicked at {place}; RUST_BACKTRACE=1 shows its message, which may have values of a payload"
        ),
    }
}

/// Whether the log shows the errors of the runtime.
pub(crate) fn logs_errors() -> bool {
    tracing::enabled!(target: "danube_sink", tracing::Level::ERROR)
}

/// The level, and the name of its source.
fn effective_level(level: &str, variable: Option<OsString>) -> ConnectorResult<(String, &'static str)> {
    match variable.map(OsString::into_string) {
        Some(Ok(text)) if !text.trim().is_empty() => Ok((text, "variable RUST_LOG")),
        Some(Err(_)) => Err(ConnectorError::configuration("variable RUST_LOG is not UTF-8: set it to text in UTF-8")),
        _ => Ok((level.to_owned(), "log_level")),
    }
}

fn targets(level: &str, own: &str) -> Result<Targets, ParseError> {
    let trimmed: Vec<_> = level.split(',').map(str::trim).collect();
    let level = trimmed.join(",");
    match level.parse::<LevelFilter>() {
        Ok(plain) if plain <= LevelFilter::INFO => {
            let libraries = plain.min(LevelFilter::WARN);
            Ok(Targets::new().with_default(libraries).with_targets([("danube_sink", plain), (own, plain)]))
        }
        _ => level.parse(),
    }
}

/// JSON lines: `timestamp`, `level`, `target`, `message`, and the fields of the event under their own names.
struct JsonLines;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for JsonLines {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = fields.0;
        // Events of the crate `log` have their target in a field.
        let target = line.remove("log.target").unwrap_or_else(|| event.metadata().target().into());
        line.retain(|name, _| !name.starts_with("log."));
        line.insert("timestamp".to_owned(), timestamp.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), target);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Fields of one event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = match field.name() {
            name @ ("timestamp" | "level" | "target") => format!("field.{name}"),
            name => name.to_owned(),
        };
        self.0.insert(name, value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::Level;

    use super::*;

    #[test]
    fn a_plain_level_applies_to_the_connector_and_the_runtime() {
        let shown = |level: &str, target: &str, at: Level| targets(level, "users").unwrap().would_enable(target, &at);
        for own in ["users::table", "danube_sink::pipeline"] {
            assert!(shown("info", own, Level::INFO) && !shown("info", own, Level::DEBUG));
            assert!(shown("warn", own, Level::WARN) && !shown("warn", own, Level::INFO));
        }
        assert!(shown("info", "library", Level::WARN) && !shown("info", "library", Level::INFO));
        assert!(shown("error", "library", Level::ERROR) && !shown("error", "library", Level::WARN));
        assert!(shown("debug", "library", Level::DEBUG));
        assert!(shown("info,library=debug", "library", Level::DEBUG));
        assert!(shown("info,library=debug", "another", Level::INFO));
        assert!(shown("info, library=debug", "library", Level::DEBUG));
        assert!(!shown(" warn ", "library", Level::INFO) && shown(" info ", "users", Level::INFO));
        assert!(targets("loud=very", "users").is_err());
    }

    #[test]
    fn an_empty_variable_leaves_the_level_of_the_file() {
        let source = |variable: Option<&str>| effective_level("info", variable.map(OsString::from)).unwrap();
        for unset in [None, Some(""), Some(" ")] {
            assert_eq!(source(unset), ("info".to_owned(), "log_level"));
        }
        assert_eq!(source(Some("debug")), ("debug".to_owned(), "variable RUST_LOG"));
    }

    /// What is logged as JSON lines.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
            let writer = self.clone();
            let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).event_format(JsonLines);
            tracing_subscriber::registry().with(layer)
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_has_the_fields_as_keys() {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.subscriber(), || {
            let topic = "/default/\"a\"";
            tracing::warn!(
                topic,
                records = 3,
                ratio = 0.5,
                again = true,
                level = "low",
                "not written: {}",
                "line\nbreak"
            );
            tracing::info!(target: "users", "second");
        });
        let text = lines.text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(lines.len(), 2, "{text}");
        let mut first = lines[0].clone();
        let timestamp = first.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(timestamp.as_str().is_some_and(|time| time.ends_with('Z') && time.contains('T')), "{timestamp}");
        let expected = serde_json::json!({
            "level": "WARN", "target": module_path!(), "message": "not written: line\nbreak",
            "topic": "/default/\"a\"", "records": 3, "ratio": 0.5, "again": true, "field.level": "low",
        });
        assert_eq!(first, expected);
        assert_eq!((&lines[1]["target"], &lines[1]["message"]), (&"users".into(), &"second".into()));
    }
}
