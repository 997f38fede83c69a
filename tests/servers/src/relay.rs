//! An address that leads to another server from a moment on, as after a failover: connections that stand stay where they are.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};

/// Passes connections on to a port of this machine.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    to: Arc<AtomicU16>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes them on to this port.
    ///
    /// # Panics
    /// When the system has no free port.
    #[must_use]
    pub fn start(to: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (to, ends) = (Arc::new(AtomicU16::new(to)), Arc::new(AtomicBool::new(false)));
        let (leads_to, is_over) = (to.clone(), ends.clone());
        let thread = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                // One that is not there refuses: so does this one, by closing.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, leads_to.load(Ordering::SeqCst))) {
                    pass(&client, &server);
                    pass(&server, &client);
                }
            }
        });
        Relay { port, to, ends, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections go to this port.
    pub fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // So that it looks.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Passes on what comes, on a thread that ends when either side does.
fn pass(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
