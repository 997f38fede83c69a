//! A step of a paid call on its way to its account: what is asked, until when, and who waits for what comes of it.

use std::time::{Duration, Instant};

use super::super::error::CreditsError;
use super::super::ledger::{Captured, Extended, HoldRequest, Placed, Voided};
use super::super::name::{AccountId, HoldId};

/// What is asked of an account.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) account: AccountId,
    pub(super) ask: Ask,
}

#[derive(Clone, Debug)]
pub(super) enum Ask {
    Hold(HoldRequest),
    Capture(HoldId, i64),
    Void(HoldId),
    Extend(HoldId, Duration),
}

impl Ask {
    pub(super) fn id(&self) -> HoldId {
        match self {
            Ask::Hold(request) => request.id,
            Ask::Capture(id, _) | Ask::Void(id) | Ask::Extend(id, _) => *id,
        }
    }

    pub(super) fn is_hold(&self) -> bool {
        matches!(self, Ask::Hold(_))
    }
}

/// What comes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Placed(Placed),
    Captured(Captured),
    Voided(Voided),
    Extended(Extended),
}

type Reply = Box<dyn FnOnce(Result<Said, CreditsError>) + Send>;

/// Who waits for it.
pub(super) struct Waiter {
    pub(super) deadline: Instant,
    reply: Option<Reply>,
}

impl Waiter {
    pub(super) fn new(deadline: Instant, reply: impl FnOnce(Result<Said, CreditsError>) + Send + 'static) -> Waiter {
        Waiter { deadline, reply: Some(Box::new(reply)) }
    }

    /// Tells it, once.
    pub(super) fn tell(&mut self, result: Result<Said, CreditsError>) {
        if let Some(reply) = self.reply.take() {
            reply(result);
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.reply.is_none()
    }
}

pub(super) struct Step {
    pub(super) asked: Asked,
    pub(super) waiter: Waiter,
}
