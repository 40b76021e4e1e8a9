//! The format of fields for times.

use danube_sink::prelude::*;
use serde_json::{Map, Value, json};

/// Dates, and times as RFC 3339 writes them, also without an offset. `strict_date_optional_time` is more: it takes the numbers 2018 and
/// -86400 for years.
const TEXTS: &str = "strict_date_time||strict_date_time_no_millis||strict_date||strict_date_hour_minute_second_fraction||\
                     strict_date_hour_minute_second";
/// The types of fields for times. A server reads their numbers as milliseconds if their format does not say something else.
const TYPES: [&str; 3] = ["date", "date_nanos", "date_range"];

/// The format of fields whose numbers count this unit; without one, they take no numbers.
pub(crate) fn format(unit: Option<TimeUnit>) -> String {
    match unit {
        None => TEXTS.to_owned(),
        Some(TimeUnit::Seconds) => format!("{TEXTS}||epoch_second"),
        Some(_) => format!("{TEXTS}||epoch_millis"),
    }
}

/// Whether servers know numbers in this unit.
pub(crate) fn is_known(unit: TimeUnit) -> bool {
    matches!(unit, TimeUnit::Seconds | TimeUnit::Milliseconds)
}

/// Gives the fields for times in the `properties` of an index mapping their format, also those in objects.
pub(crate) fn set_formats(properties: &mut Map<String, Value>, unit: Option<TimeUnit>) {
    for kind in properties.values_mut() {
        if TYPES.iter().any(|name| kind["type"] == *name) {
            kind["format"] = json!(format(unit));
        } else if let Some(fields) = kind.get_mut("properties").and_then(Value::as_object_mut) {
            set_formats(fields, unit);
        }
    }
}
