//! What users do, by name, and how many users do it.

use std::sync::OnceLock;

use super::windows::Windows;
use crate::metrics::{LabelBuffer, LabelValue};

/// Counts something that users do, by a name that the program wrote down.
///
/// ```
/// use monitor_runtime::{LabelValue, track_event};
///
/// #[derive(Clone, Copy, LabelValue)]
/// enum Event {
///     SignUp,
///     ContentCreated,
/// }
///
/// track_event!("purchase"); // counted
/// track_event!("purchase", "ada"); // counted, and its user
/// track_event!(Event::ContentCreated, "ada");
/// ```
///
/// The name is a string literal, or a value of an enum with `#[derive(LabelValue)]`; a string made at run time is
/// refused, because names without end would fill the page:
///
/// ```compile_fail
/// let name = String::from("purchase");
/// monitor_runtime::track_event!(name);
/// ```
///
/// A user is an id, as for [`seen`](crate::activity::seen); it is marked as seen too. To count the calls of a function that
/// succeed, annotate it: `#[instrument(counter = monitor_runtime::activity::USER_EVENTS, event = "purchase")]`.
#[macro_export]
macro_rules! track_event {
    ($event:expr $(,)?) => {
        $crate::activity::global().event($crate::__event_name!($event))
    };
    ($event:expr, $user:expr $(,)?) => {
        $crate::activity::global().event_by($crate::__event_name!($event), $user)
    };
}

pub use crate::track_event;

/// A string as it is, an enum's value by its name: a method of the value comes before one of a reference to it.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_name {
    ($event:expr) => {{
        #[allow(unused_imports, reason = "one of the two names the event")]
        use $crate::private::{EventOfEnum as _, EventOfStr as _};
        (&$crate::private::Event($event)).event_name()
    }};
}

/// The name of an event that is an enum's value, for [`Activity::event`](super::Activity::event); [`track_event!`] finds it by
/// itself.
///
/// The type has to know its values, as one with `#[derive(LabelValue)]` does; another is refused when the program is
/// compiled.
#[inline]
pub fn event_name<E: LabelValue>(event: E) -> &'static str {
    let names = const {
        match E::VALUES {
            Some(names) => names,
            None => panic!("an event is named by a string literal, or by an enum with `#[derive(LabelValue)]`"),
        }
    };
    let mut buffer = LabelBuffer::new();
    let text = event.text(&mut buffer);
    // A type that writes what is not among its values is wrong by its own words.
    names.iter().find(|name| **name == text).copied().unwrap_or(OVERFLOW)
}

/// Events with users of their own. Those that come later share the last windows.
const MOST: usize = 50;
const OVERFLOW: &str = "_overflow";
const EXACT_UP_TO: usize = 10_000;
const PRECISION: u32 = 12;

pub(super) struct Events {
    widest: u32,
    /// Filled from the front, each with the windows of one event.
    slots: Box<[OnceLock<(&'static str, Windows)>]>,
}

impl Events {
    pub(super) fn new(widest: u32) -> Events {
        Events { widest, slots: (0..=MOST).map(|_| OnceLock::new()).collect() }
    }

    /// The users of an event, and its number.
    pub(super) fn of(&self, event: &'static str) -> (usize, &Windows) {
        let mut found = None;
        for (at, slot) in self.slots.iter().enumerate() {
            let name = if at < MOST { event } else { OVERFLOW };
            let (known, users) = slot.get_or_init(|| (name, Windows::new(EXACT_UP_TO, PRECISION, self.widest)));
            found = Some((at, users));
            if *known == event {
                break;
            }
        }
        found.expect("there is a slot for what overflows")
    }

    /// The event of a number.
    #[cfg(feature = "redis")]
    pub(super) fn name(&self, number: usize) -> Option<&'static str> {
        self.slots.get(number)?.get().map(|(event, _)| *event)
    }

    /// The users of an event that another process named.
    pub(super) fn of_another(&self, event: &str) -> &Windows {
        match self.iter().find(|(known, _)| *known == event) {
            Some((_, users)) => users,
            // As many names as there are slots are kept for ever, at most.
            None if self.slots[MOST - 1].get().is_none() => self.of(String::leak(event.to_owned())).1,
            None => self.of(OVERFLOW).1,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Windows)> {
        self.slots.iter().map_while(|slot| slot.get().map(|(event, users)| (*event, users)))
    }

    pub(super) fn bytes(&self) -> usize {
        self.iter().map(|(_, users)| users.bytes()).sum()
    }
}
