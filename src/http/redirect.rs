//! The end of a login in the browser: the service sends it back to an address of this machine, with a code.
//!
//! Listens on the loopback interface only, answers every visitor with a page that can be closed, and takes the
//! first one that brings a code or an error. What the code is good for is not known here.

use super::Failure;
use crate::stop::Stop;
use secrecy::SecretString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Waits for the browser.
#[derive(Debug)]
pub struct Redirect {
    listener: TcpListener,
    port: u16,
}

/// What the browser brought back.
#[derive(Debug)]
pub enum Returned {
    /// A code, and the state where the service gave it back.
    Code {
        /// Good for one exchange.
        code: SecretString,
        /// Compared with the one that was sent.
        state: Option<String>,
    },
    /// The user or the service refused; its own words.
    Refused(String),
}

/// How often it is looked for a visitor.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The longest that a visitor may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest request line that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

impl Redirect {
    /// Listens on this port of the loopback interface; on any free one for 0.
    ///
    /// # Errors
    /// When the port is in use.
    pub fn listen(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits at most `time` for the browser to come back.
    ///
    /// # Errors
    /// [`Failure::Stopped`]; [`Failure::GaveUp`] when nobody came in time.
    pub fn wait(&self, time: Duration, stop: &Stop) -> Result<Returned, Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            // A visitor that breaks off has brought nothing; the next may.
            if let Ok((stream, _)) = self.listener.accept() {
                if let Some(returned) = visit(stream) {
                    return Ok(returned);
                }
            } else if stop.wait(LOOK_EVERY) {
                return Err(Failure::Stopped);
            }
        }
        Err(Failure::GaveUp(format!("nobody came back from the browser in {} s", time.as_secs())))
    }
}

/// What an address that the browser was sent to has brought back, if anything.
#[must_use]
pub fn returned(address: &str) -> Option<Returned> {
    let query = address.split_once('?')?.1.split('#').next()?;
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let find = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    if let Some(error) = find("error") {
        // The documentation has the description in two spellings (facts, section 2).
        let words = find("error_description").or_else(|| find("error_descripton"));
        return Some(Returned::Refused(words.map_or(error.clone(), |words| format!("{error}: {words}"))));
    }
    let code = find("code").filter(|code| !code.is_empty())?;
    Some(Returned::Code { code: SecretString::from(code), state: find("state") })
}

fn visit(stream: TcpStream) -> Option<Returned> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream).take(LONGEST);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    // The rest of the head is read, so that closing does not cut the answer off.
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {
        rest.clear();
    }
    let address = line.strip_prefix("GET ")?.split(' ').next()?;
    let found = returned(address);
    let (status, text) = match &found {
        Some(Returned::Code { .. }) => ("200 OK", "Ferry is logged in. This page can be closed."),
        Some(Returned::Refused(_)) => ("200 OK", "The login was refused. This page can be closed."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    );
    let mut stream = reader.into_inner().into_inner();
    // Whether the page arrives or not, the code has.
    let _ = stream.write_all(answer.as_bytes());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn an_address_brings_a_code_an_error_or_nothing() {
        match returned("/?code=a%20b&state=s").unwrap() {
            Returned::Code { code, state } => {
                assert_eq!((code.expose_secret(), state.as_deref()), ("a b", Some("s")));
            }
            other => panic!("{other:?}"),
        }
        match returned("http://127.0.0.1:1/?error=access_denied&error_descripton=No").unwrap() {
            Returned::Refused(why) => assert_eq!(why, "access_denied: No"),
            other => panic!("{other:?}"),
        }
        for address in ["/", "/favicon.ico", "/?code=", "/?x=y"] {
            assert!(returned(address).is_none(), "{address}");
        }
    }

    #[test]
    fn visitors_without_a_code_are_passed_over() {
        let redirect = Redirect::listen(0).unwrap();
        let port = redirect.port();
        let visitors = std::thread::spawn(move || {
            for path in ["/favicon.ico", "/?code=c1"] {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            }
        });
        let returned = redirect.wait(Duration::from_secs(30), &Stop::default()).unwrap();
        assert!(matches!(returned, Returned::Code { state: None, .. }));
        visitors.join().unwrap();
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let stop = Stop::default();
        stop.request();
        let redirect = Redirect::listen(0).unwrap();
        let ended = redirect.wait(Duration::from_secs(30), &stop);
        assert!(matches!(ended, Err(Failure::Stopped)));
    }
}
