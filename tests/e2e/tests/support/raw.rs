//! A connection that sends whatever it is given, right or wrong, and reads answers one by one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// Far beyond what any answer takes: a server that hangs fails its test.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
    /// Status line and headers of the last answer, lower case.
    pub(crate) head: String,
    /// The last answer's body, as it was sent.
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// `url` without a path.
    pub(crate) fn to(url: &str) -> Raw {
        let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        Raw::of(TcpStream::connect(address).expect("the server should accept connections"))
    }

    /// As `to`, from this address of the machine.
    pub(crate) fn from(from: [u8; 4], url: &str) -> Raw {
        let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("an address of this machine");
        socket.connect(&address.into()).expect("the server should accept connections");
        Raw::of(socket.into())
    }

    fn of(stream: TcpStream) -> Raw {
        stream.set_nodelay(true).expect("a socket option");
        for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            set(&stream, Some(TIMEOUT)).expect("a socket option");
        }
        Raw { stream: BufReader::new(stream), head: String::new(), body: Vec::new() }
    }

    /// Room for a few KB alone that nobody has read yet.
    pub(crate) fn with_little_room(self) -> Raw {
        SockRef::from(self.stream.get_ref()).set_recv_buffer_size(1).expect("a socket option");
        self
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The status of the next answer, once all of it is read; the answer to a HEAD has no body, whatever its headers say.
    pub(crate) fn answer(&mut self, to_head: bool) -> io::Result<u16> {
        let mut line = Vec::new();
        let mut length = 0;
        self.head.clear();
        loop {
            line.clear();
            self.stream.read_until(b'\n', &mut line)?;
            let text = std::str::from_utf8(&line).map_err(io::Error::other)?;
            if !text.ends_with('\n') {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if text == "\r\n" {
                break;
            }
            let start = self.head.len();
            self.head.push_str(text);
            self.head[start..].make_ascii_lowercase();
            if let Some(value) = self.head[start..].strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            assert!(!self.head[start..].starts_with("transfer-encoding:"), "nothing that is asked here is chunked");
        }
        let status = self.head.get("http/1.1 ".len()..).and_then(|rest| rest.get(..3)?.parse().ok());
        self.body.resize(if to_head { 0 } else { length }, 0);
        self.stream.read_exact(&mut self.body)?;
        status.ok_or_else(|| io::Error::other(format!("no status: {}", self.head)))
    }

    /// One byte, whatever it belongs to.
    pub(crate) fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A byte if there is one: where there is little room, the next may be long in coming.
    pub(crate) fn byte_if_there(&mut self) -> io::Result<()> {
        if self.stream.buffer().is_empty() {
            self.stream.get_ref().set_nonblocking(true)?;
            let filled = self.stream.fill_buf().map(<[u8]>::is_empty);
            self.stream.get_ref().set_nonblocking(false)?;
            match filled {
                Ok(true) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.stream.consume(1);
        Ok(())
    }

    /// Says that nothing more is sent; answers can still be read.
    pub(crate) fn end(&mut self) {
        // Fails where the server has closed already.
        let _ = self.stream.get_ref().shutdown(std::net::Shutdown::Write);
    }

    /// Leaves with an RST in place of a FIN.
    pub(crate) fn reset(self) {
        SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO)).expect("a socket option");
    }
}
