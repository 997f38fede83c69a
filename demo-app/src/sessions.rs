//! Open sessions: an opaque token each, in memory, the oldest leaves when there are too many. Cookies are the routes'.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::SESSIONS_OPEN;

/// So many sessions are kept; looking through them all costs less than a hash of the token would explain.
const SESSIONS_MAX: usize = 1_000;

/// The open sessions, the oldest first.
#[derive(Default)]
pub(crate) struct Sessions {
    tokens: Mutex<VecDeque<String>>,
}

impl Sessions {
    /// Opens a session and gives its token.
    pub(crate) fn open(&self) -> Result<String, getrandom::Error> {
        let token = random_token()?;
        let mut tokens = self.lock();
        if tokens.len() == SESSIONS_MAX {
            tokens.pop_front();
            SESSIONS_OPEN.dec();
        }
        tokens.push_back(token.clone());
        SESSIONS_OPEN.inc();
        Ok(token)
    }

    /// Closes the session of this token; false when there is none.
    pub(crate) fn close(&self, token: &str) -> bool {
        let mut tokens = self.lock();
        let Some(place) = tokens.iter().position(|open| open == token) else {
            return false;
        };
        tokens.remove(place);
        SESSIONS_OPEN.dec();
        true
    }

    /// A panic elsewhere leaves the list whole: every change to it is one call.
    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits in hexadecimal.
fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let mut token = String::with_capacity(32);
    for byte in bytes {
        // Writing to a `String` does not fail.
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_leaves_when_there_are_too_many() {
        let sessions = Sessions::default();
        let open = |_| sessions.open().expect("random bytes");
        let first = open(0);
        let others: Vec<String> = (0..SESSIONS_MAX).map(open).collect();
        assert!(!sessions.close(&first), "the first should have left");
        assert!(others.iter().all(|token| sessions.close(token)));
        assert!(!sessions.close(&others[0]), "closed already");
    }

    #[test]
    fn the_gauge_follows_the_sessions() {
        let sessions = Sessions::default();
        let open = || sessions.open().expect("random bytes");
        let (first, _second) = (open(), open());
        monitor_runtime::assert_delta!(SESSIONS_OPEN {}, -1, sessions.close(&first));
        monitor_runtime::assert_delta!(SESSIONS_OPEN {}, 0, sessions.close(&first));
        monitor_runtime::assert_delta!(SESSIONS_OPEN {}, 1, open());
    }
}
