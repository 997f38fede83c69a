//! Which process opened a ledger: a child that was forked afterwards has its memory, and none of its threads.

use super::error::CreditsError;

/// The process that opened something which a forked child cannot use: threads, connections, locks.
///
/// Whatever has one asks [`check`](Self::check) before it hands something to its threads, and
/// [`is_this`](Self::is_this) before it waits for them. Both are one system call of some 50 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process(u32);

impl Process {
    /// The process that calls this.
    pub(super) fn this() -> Process {
        Process(std::process::id())
    }

    /// Whether it is the process that calls this.
    pub(super) fn is_this(self) -> bool {
        self == Process::this()
    }

    /// # Errors
    /// [`Unavailable`](CreditsError::Unavailable) in every other process, with what to do about it.
    pub(super) fn check(self) -> Result<(), CreditsError> {
        if self.is_this() {
            return Ok(());
        }
        let why = format!("it was opened before a fork, by process {}; open it again in the child", self.0);
        Err(CreditsError::Unavailable { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other() {
        let this = Process::this();
        assert!(this.is_this());
        assert_eq!(this.check(), Ok(()));
        let words = Process(0).check().expect_err("another process").to_string();
        assert!(words.contains("opened before a fork") && words.contains("open it again in the child"), "{words}");
    }
}
