//! Name collisions between the fields of a payload and the columns of a table.

use std::collections::{HashMap, HashSet};

use danube_sink::json;

/// The column names of a table whose columns are filled by the payload's fields of the same names.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// By lower-case name: a column, and whether a field of the payload fills it.
    columns: HashMap<String, (String, bool)>,
    /// Whether a field without a column collides, too.
    rejects_new: bool,
}

/// A field of a payload that is not written.
#[derive(Debug)]
pub(super) struct Collision {
    pub(super) reason: String,
    /// The name of the field, if the table has no column for it.
    pub(super) new_field: Option<String>,
}

/// The name of a field is data of the payload, and is not shown.
const NEW: &str = "it has a field that the table has no column for: add the column, or set `on_new_field`";

impl Names {
    pub(super) fn new<'n>(columns: impl IntoIterator<Item = (&'n str, bool)>, rejects_new: bool) -> Self {
        let entry = |(name, is_filled): (&str, bool)| (name.to_lowercase(), (name.to_owned(), is_filled));
        Self { columns: columns.into_iter().map(entry).collect(), rejects_new }
    }

    /// Whether fields without a column are rejected.
    pub(super) fn rejects_new(&self) -> bool {
        self.rejects_new
    }

    /// The first field of the payload that collides with a column, or has none; `None` if all of them fit.
    pub(super) fn collision(&self, payload: &str) -> Option<Collision> {
        json::fields(payload)?.find_map(|(name, value)| self.of_field(&name, value != "null"))
    }

    fn of_field(&self, name: &str, has_value: bool) -> Option<Collision> {
        let Some((column, is_filled)) = self.columns.get(name).or_else(|| self.columns.get(&name.to_lowercase()))
        else {
            let new = || Collision { reason: NEW.to_owned(), new_field: Some(name.to_owned()) };
            return (self.rejects_new && has_value).then(new);
        };
        let reason = match (is_filled, column == name) {
            (true, true) => return None,
            (true, false) => {
                format!(
                    "it has a field whose name differs from that of column `{column}` only by case; name the columns"
                )
            }
            (false, _) => {
                format!("it has a field with the name of column `{column}`, which metadata fills; name the columns")
            }
        };
        Some(Collision { reason, new_field: None })
    }
}

/// The first name that repeats an earlier one, ignoring case.
pub(super) fn repeated<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(name.to_lowercase()))
}
