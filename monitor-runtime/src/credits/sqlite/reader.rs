//! The threads that read: one after the other, what is asked of each.

use std::sync::mpsc::Receiver;

use rusqlite::Connection;

/// Something that reads.
pub(super) type Look = Box<dyn FnOnce(&mut Connection) + Send>;

/// Until nobody can ask any more.
pub(super) fn read(mut connection: Connection, wanted: &Receiver<Look>) {
    while let Ok(look) = wanted.recv() {
        look(&mut connection);
    }
}
