//! A connection to a server of mail that reads no more than a conversation takes.
//!
//! Who answers may be anybody until TLS has begun, and a line of an answer is read whole before it is looked at: without a
//! bound below, one that never ends would fill the memory until the attempt is over.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use clusterkeep_core::Error;
#[expect(deprecated, reason = "there is no other way to begin TLS on a stream of one's own")]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Undelivered;

/// How much a server may say in all: a conversation takes a few KiB, and certificates some more.
const MOST: usize = 1 << 20;

/// When TLS begins.
pub(super) enum Begins {
    /// With the first byte.
    AtOnce(TlsParameters),
    /// Before anything else is said; a server that can't is left.
    BeforeAnythingElse(TlsParameters),
    /// Never: this machine itself.
    Never,
}

/// A connection on which nothing was said yet but who one is.
pub(super) async fn connect(host: &str, port: u16, tls: Begins) -> Result<AsyncSmtpConnection, Undelivered> {
    let away = |error: io::Error| Undelivered::Again(Error::caused("connect to the server of mail", error));
    let tcp = Bounded { tcp: TcpStream::connect((host, port)).await.map_err(away)?, left: MOST };
    let hello = ClientId::default();
    match tls {
        Begins::Never => AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &hello).await.map_err(failed),
        Begins::BeforeAnythingElse(parameters) => {
            let mut connection =
                AsyncSmtpConnection::connect_with_transport(Box::new(tcp), &hello).await.map_err(failed)?;
            connection.starttls(parameters, &hello).await.map_err(failed)?;
            Ok(connection)
        }
        Begins::AtOnce(parameters) => {
            let tls = Encrypted::begin(tcp, parameters).await.map_err(failed)?;
            AsyncSmtpConnection::connect_with_transport(Box::new(tls), &hello).await.map_err(failed)
        }
    }
}

/// Told by the server's code: what begins with 5 will be the same next time.
pub(super) fn failed(error: lettre::transport::smtp::Error) -> Undelivered {
    let permanent = error.is_permanent();
    let error = Error::caused("send a mail", error);
    if permanent { Undelivered::Never(error) } else { Undelivered::Again(error) }
}

/// A stream of which no more is read than a conversation takes.
#[derive(Debug)]
struct Bounded {
    tcp: TcpStream,
    left: usize,
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        let Some(left) = self.left.checked_sub(read) else {
            return Poll::Ready(Err(io::Error::other("it says more than belongs to sending a mail")));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// The same with TLS around it.
#[derive(Debug)]
#[expect(deprecated, reason = "see above")]
struct Encrypted(AsyncNetworkStream);

#[expect(deprecated, reason = "see above")]
impl Encrypted {
    async fn begin(tcp: Bounded, parameters: TlsParameters) -> Result<Self, lettre::transport::smtp::Error> {
        let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(tcp));
        stream.upgrade_tls(parameters).await?;
        Ok(Self(stream))
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let place = buffer.initialize_unfilled();
        let read = ready!(futures::AsyncRead::poll_read(Pin::new(&mut self.0), cx, place))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        futures::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures::AsyncWrite::poll_close(Pin::new(&mut self.0), cx)
    }
}
