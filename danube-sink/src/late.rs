//! State that a connector has from `initialize` on.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// State that [`initialize`](crate::SinkConnector::initialize) fills, such as a client or a connection. It starts empty, as
/// `#[state]` requires, and is used like its value afterwards, without an error for "not initialized".
///
/// The runtime calls `process_batch` and `health_check` only after a successful `initialize`. `shutdown` is called in every
/// case: use [`get`](Self::get) or [`take`](Self::take) there.
///
/// ```
/// use danube_sink::Late;
///
/// let mut client = Late::default();
/// assert!(Late::get(&client).is_none());
/// client = Late::new("connected".to_owned());
/// assert_eq!(client.len(), 9);
/// assert_eq!(Late::take(&mut client).as_deref(), Some("connected"));
/// ```
///
/// # Panics
/// The use of an empty value as its content panics, which the runtime reports as a fatal error of the method.
pub struct Late<T>(Option<T>);

impl<T> Late<T> {
    /// State with its value.
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// The value; `None` before `initialize`.
    pub fn get(this: &Self) -> Option<&T> {
        this.0.as_ref()
    }

    /// Takes the value out, as for a client that has to be closed by value.
    pub fn take(this: &mut Self) -> Option<T> {
        this.0.take()
    }
}

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<T> for Late<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> Deref for Late<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => empty::<T>(),
        }
    }
}

impl<T> DerefMut for Late<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => empty::<T>(),
        }
    }
}

/// Prints the type alone: a client may show a credential.
impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.0.is_some() { "filled" } else { "empty" };
        write!(f, "Late<{}>({state})", danube_sink_config::short_name::<T>())
    }
}

#[track_caller]
fn empty<T>() -> ! {
    let name = danube_sink_config::short_name::<T>();
    panic!("`Late<{name}>` is empty: fill it in `initialize` with `Late::new`, before it is used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_value_is_used_as_itself() {
        let mut list = Late::from(vec![1]);
        list.push(2);
        assert_eq!(*list, [1, 2]);
        assert_eq!(format!("{list:?}"), "Late<Vec<i32>>(filled)");
    }

    #[test]
    #[should_panic(expected = "`Late<String>` is empty: fill it in `initialize`")]
    fn the_use_of_an_empty_value_panics() {
        let _ = Late::<String>::default().len();
    }
}
