//! The byte stream of one connection: TCP or a Unix socket, with or without TLS, and a listener on what the server
//! sends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::sqlstate::{ErrorListener, Passing};

/// The state of a connection, for its owner.
#[derive(Debug, Default)]
pub struct ConnectionHealth {
    ended: AtomicBool,
    unfit: AtomicBool,
}

impl ConnectionHealth {
    /// Whether a statement can still succeed on the connection.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && !self.unfit.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn hear(&self, passing: Option<Passing>) {
        if passing.is_some_and(Passing::ends_connection) {
            self.unfit.store(true, Ordering::Release);
        }
    }
}

/// A stream whose incoming bytes are plain messages of the protocol.
#[derive(Debug)]
pub struct WatchedStream<S> {
    stream: S,
    listener: ErrorListener,
    health: Arc<ConnectionHealth>,
}

impl<S> WatchedStream<S> {
    pub fn new(stream: S, health: Arc<ConnectionHealth>) -> Self {
        Self { stream, listener: ErrorListener::default(), health }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let Self { stream, listener, health } = &mut *self;
        let read = Pin::new(stream).poll_read(cx, buf);
        if let Some(bytes) = buf.filled().get(before..) {
            health.hear(listener.hear(bytes));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for WatchedStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// Starts TLS below the listener, because the listener needs plain bytes.
#[derive(Debug)]
pub struct TlsBelow<T>(pub T);

impl<S, T> TlsConnect<WatchedStream<S>> for TlsBelow<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
    T::Stream: Send,
    T::Error: Send,
{
    type Stream = WatchedStream<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, watched: WatchedStream<S>) -> Self::Future {
        let WatchedStream { stream, health, .. } = watched;
        let connecting = self.0.connect(stream);
        Box::pin(async move { Ok(WatchedStream::new(connecting.await?, health)) })
    }
}

/// A socket of either kind.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
