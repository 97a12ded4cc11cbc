//! Connections that can be damaged on purpose: cut before an answer, cut inside one, or slowed down.
//!
//! A fault below HTTP cannot be made by an HTTP library, which rightly refuses to send half an answer. So the
//! listener hands it sockets that do the damage themselves, and each request gets a [`Wire`] to order it with.
//! Requests on a connection come one after the other, so an order never hits the answer of another request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

/// What is to happen to the next bytes written on a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Nothing: every byte goes out.
    #[default]
    None,
    /// Not one byte goes out, the connection is closed.
    Cut,
    /// The head and so many bytes of the body go out, then the connection is closed.
    CutBody(usize),
    /// So many bytes at a time, with a pause after each piece.
    Slow(usize, Duration),
}

/// The handle by which a request orders damage to the connection it came on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    damage: Damage,
    /// How much of the blank line after the head has gone by: 0 to 4 bytes of `\r\n\r\n`.
    blank_line: usize,
    body_sent: usize,
}

impl Wire {
    /// Orders `damage` for the answer that is written next, in place of what was ordered before.
    pub(crate) fn order(&self, damage: Damage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State { damage, ..State::default() };
    }
}

impl State {
    /// How many of `bytes` may go out now.
    fn allowed(&self, bytes: &[u8]) -> usize {
        match self.damage {
            Damage::None => bytes.len(),
            Damage::Cut => 0,
            Damage::Slow(piece, _) => bytes.len().min(piece.max(1)),
            Damage::CutBody(keep) => {
                let head = bytes.len() - self.body_bytes(bytes);
                (head + keep.saturating_sub(self.body_sent)).min(bytes.len())
            }
        }
    }

    /// How many of `bytes` come after the blank line that ends the head.
    fn body_bytes(&self, bytes: &[u8]) -> usize {
        let mut blank_line = self.blank_line;
        for (index, byte) in bytes.iter().enumerate() {
            if blank_line == 4 {
                return bytes.len() - index;
            }
            blank_line = advance(blank_line, *byte);
        }
        0
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.body_sent += self.body_bytes(bytes);
        for byte in bytes {
            if self.blank_line == 4 {
                break;
            }
            self.blank_line = advance(self.blank_line, *byte);
        }
    }
}

fn advance(blank_line: usize, byte: u8) -> usize {
    match (blank_line, byte) {
        (0 | 2, b'\r') => blank_line + 1,
        (1 | 3, b'\n') => blank_line + 1,
        (_, b'\r') => 1,
        _ => 0,
    }
}

/// A socket that carries out the damage ordered through its [`Wire`].
pub(crate) struct Socket {
    stream: TcpStream,
    wire: Wire,
    pause: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let wire = self.wire.clone();
        let mut state = wire.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = state.allowed(bytes);
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(count)) = written {
            state.sent(&bytes[..count]);
            if let Damage::Slow(_, pause) = state.damage {
                self.pause = Some(Box::pin(sleep(pause)));
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A listener whose sockets can be damaged.
pub(crate) struct Doorway(pub(crate) TcpListener);

impl Listener for Doorway {
    type Io = Socket;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Socket, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await {
                // Small answers must not wait for the acknowledgement of earlier ones.
                let _ = stream.set_nodelay(true);
                return (Socket { stream, wire: Wire::default(), pause: None }, address);
            }
            // Out of file descriptors, mostly: give others the time to close theirs.
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Doorway>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Doorway>) -> Self {
        stream.io().wire.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_body_lets_the_head_and_so_many_bytes_pass_however_they_are_split() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
        let head = answer.len() - 10;
        for split in 1..answer.len() {
            let mut state = State { damage: Damage::CutBody(4), ..State::default() };
            let mut out = 0;
            for piece in [&answer[..split], &answer[split..]] {
                let allowed = state.allowed(piece);
                state.sent(&piece[..allowed]);
                out += allowed;
                if allowed < piece.len() {
                    break;
                }
            }
            assert_eq!(out, head + 4, "split at {split}");
        }
    }
}
