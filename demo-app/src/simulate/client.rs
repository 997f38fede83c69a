//! A client of the service itself, over its socket: as much of HTTP as its own answers need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything that the simulation asks for.
const TIMEOUT: Duration = Duration::from_secs(15);
/// No answer that is wanted here has more.
const BODY_MAX: u64 = 1 << 20;

/// One connection, made when it is needed and again when it was lost.
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    cookie: Option<String>,
}

impl Client {
    pub(super) fn to(address: SocketAddr) -> Client {
        Client { address, stream: None, cookie: None }
    }

    /// The status of the answer; an error when there is none.
    pub(super) fn ask(&mut self, method: &str, path: &str, json: Option<&str>) -> io::Result<u16> {
        let answer = self.try_to_ask(method, path, json);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn try_to_ask(&mut self, method: &str, path: &str, json: Option<&str>) -> io::Result<u16> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: demo-simulation\r\n", self.address);
        if let Some(cookie) = &self.cookie {
            request += &format!("Cookie: {cookie}\r\n");
        }
        if json.is_some() {
            request += "Content-Type: application/json\r\n";
        }
        let body = json.unwrap_or_default();
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let stream = self.connected()?;
        stream.get_mut().write_all(request.as_bytes())?;
        let (status, cookie, closes) = read_answer(stream)?;
        if closes {
            self.stream = None;
        }
        if let Some(cookie) = cookie {
            self.cookie = Some(cookie);
        }
        Ok(status)
    }

    fn connected(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        match &mut self.stream {
            Some(stream) => Ok(stream),
            none => {
                let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                Ok(none.insert(BufReader::new(stream)))
            }
        }
    }
}

/// The status, the cookie that is set, and whether the connection ends; the body is read and left.
fn read_answer(stream: &mut impl BufRead) -> io::Result<(u16, Option<String>, bool)> {
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| odd("no status"))?;
    let (mut length, mut cookie, mut closes) = (0, None, false);
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| odd("no header"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| odd("no length"))?,
            "transfer-encoding" => return Err(odd("an answer in chunks")),
            "connection" => closes = value.eq_ignore_ascii_case("close"),
            "set-cookie" => cookie = value.split(';').next().map(str::to_owned),
            _ => {}
        }
    }
    if length > BODY_MAX || io::copy(&mut stream.take(length), &mut io::sink())? < length {
        return Err(odd("no whole body"));
    }
    Ok((status, cookie, closes))
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.take(16 * 1024).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_to_its_end_and_no_further() {
        let two = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=abc; Path=/\r\nContent-Length: 5\r\n\r\nfirst\
                    HTTP/1.1 402 Payment Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let mut stream = two.as_slice();
        let first = read_answer(&mut stream).expect("an answer");
        assert_eq!(first, (200, Some("session=abc".to_owned()), false));
        assert_eq!(read_answer(&mut stream).expect("an answer"), (402, None, true));
        assert!(stream.is_empty());
        for broken in
            [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", b"SSH-2.0\r\n"]
        {
            read_answer(&mut &*broken).expect_err("no answer");
        }
    }
}
