//! What a label may be: its declaration, the types that can be its value, and a family's set of them.

use std::fmt;

use super::user_label;

/// One label of a family, as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Every value there is, where the label's type knows them.
    pub values: Option<&'static [&'static str]>,
    /// How many distinct values are kept before the rest reads `_overflow`.
    pub max: Option<u32>,
    /// Whether its values name users, whose number the process's policy bounds: [`UserLabel`](super::UserLabel).
    pub user: bool,
}

impl Label {
    /// How many distinct values are kept, by whatever bounds them.
    pub(super) fn most(&self) -> Option<u32> {
        if self.user { user_label::max() } else { self.max }
    }
}

/// Room for a value that has to be written out before it can be read as text.
#[derive(Default)]
pub struct LabelBuffer(itoa::Buffer);

impl LabelBuffer {
    /// Fresh room.
    #[inline]
    pub fn new() -> Self {
        LabelBuffer(itoa::Buffer::new())
    }
}

impl fmt::Debug for LabelBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LabelBuffer")
    }
}

/// A type whose values can stand in a label.
///
/// Strings, `bool` and integers are; an enum becomes one with `#[derive(LabelValue)]`, and then all its series exist
/// from the start:
///
/// ```
/// use monitor_runtime::LabelValue;
///
/// #[derive(Clone, Copy, LabelValue)]
/// enum Plan {
///     Free,
///     #[label("gold")]
///     Paid,
/// }
/// assert_eq!(Plan::VALUES, Some(&["free", "gold"][..]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a label",
    label = "not a label value",
    note = "a label takes `&'static str`, `bool`, an integer, an enum with `#[derive(LabelValue)]`, or `&str` with `#[label(max = ..)]`"
)]
pub trait LabelValue {
    /// Every text that a value of this type can have, where that is known.
    const VALUES: Option<&'static [&'static str]> = None;

    /// The value as the page shows it.
    fn text<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str;
}

impl LabelValue for str {
    #[inline]
    fn text<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self
    }
}

impl LabelValue for String {
    #[inline]
    fn text<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self
    }
}

impl<T: LabelValue + ?Sized> LabelValue for &T {
    const VALUES: Option<&'static [&'static str]> = T::VALUES;

    #[inline]
    fn text<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        (**self).text(buffer)
    }
}

impl LabelValue for bool {
    const VALUES: Option<&'static [&'static str]> = Some(&["false", "true"]);

    #[inline]
    fn text<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        if *self { "true" } else { "false" }
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl LabelValue for $integer {
            #[inline]
            fn text<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                buffer.0.format(*self)
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// The label values of one series; [`metrics!`](crate::metrics) makes such a type for every family.
pub trait LabelSet {
    /// Hands over the values' texts, in the order of the declaration.
    fn with_texts(&self, visit: &mut dyn FnMut(&[&str]));
}

/// A label set with nothing in it: its family has one series.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has labels, so it has more than one series",
    label = "name the series first: `{Self}.with({Self} {{ .. }})`"
)]
pub trait NoLabels: LabelSet {
    /// The empty set.
    const NONE: Self;
}
