//! A place in the source, for whoever says where something was declared.

use std::fmt;
use std::panic::Location;

/// A place in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line.
    pub line: u32,
}

impl Place {
    /// Where the function that tracks its caller was called.
    pub(crate) const fn of(caller: &'static Location<'static>) -> Place {
        Place { file: caller.file(), line: caller.line() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
