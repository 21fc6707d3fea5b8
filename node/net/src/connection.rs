//! A connection that is up: one reader and one writer in one task, until either ends.
//!
//! # Invariants
//! - NET-16: a frame that has begun is complete within its deadline or the connection ends; time
//!   in which we did not read does not count.
//! - NET-17: a refusal is only ever written between two frames.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, split};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::counters::count;
use crate::error::DownReason;
use crate::frame::{Class, Decoder, FrameError, FrameKind, header};
use crate::handshake::{Established, farewell};
use crate::hello::parse_refuse;
use crate::limits::{FLUSH_BYTES_MAX, FRAME_COST_BYTES, READ_BUFFER_BYTES, READ_BYTES_MAX};
use crate::outbound::{Flush, link_of};
use crate::shared::{Registration, Shared};
use crate::state::{Admission, Ticket};

/// Runs a connection to its end.
pub(crate) async fn run(established: Established) -> DownReason {
    let Established { registration, mut stream } = established;
    let between_frames = AtomicBool::new(true);
    let reason = {
        let (mut read, mut write) = split(&mut stream);
        let mut reader = Reader::new(&registration);
        let mut writer = Writer::new(&registration, &between_frames);
        tokio::select! {
            biased;
            reason = registration.stop.wait() => reason,
            reason = writer.run(&mut write) => reason,
            reason = reader.run(&mut read) => reason,
        }
    };
    registration.end(reason.clone());
    if let Some(code) = reason.refusal()
        && between_frames.load(Relaxed)
    {
        // NET-17.
        farewell(&mut stream, code, &reason.to_string()).await;
    }
    reason
}

fn reason_of(error: &io::Error) -> DownReason {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => DownReason::PeerClosed,
        false => DownReason::Io(error.kind()),
    }
}

struct Writer<'a> {
    shared: &'a Shared,
    ticket: &'a Ticket,
    between_frames: &'a AtomicBool,
}

impl<'a> Writer<'a> {
    fn new(registration: &'a Registration, between_frames: &'a AtomicBool) -> Self {
        let Registration { shared, ticket, .. } = registration;
        Self { shared, ticket, between_frames }
    }

    /// Writes what is queued, one flush at a time, and a keep-alive when nothing is.
    async fn run<W: AsyncWrite + Unpin>(&mut self, stream: &mut W) -> DownReason {
        let mut buffer = Vec::new();
        loop {
            let taken = self.shared.state().take_flush(self.ticket, std::mem::take(&mut buffer));
            let outcome = match taken {
                Ok(flush) => {
                    let outcome = self.write_flush(stream, &flush).await;
                    self.shared.state().flush_written(self.ticket, &flush);
                    buffer = flush.head;
                    outcome
                }
                // Nothing waits, so nothing is held for it.
                Err(_unused) => self.wait_or_ping(stream).await,
            };
            if let Err(reason) = outcome {
                return reason;
            }
        }
    }

    async fn write_flush<W: AsyncWrite + Unpin>(
        &self,
        stream: &mut W,
        flush: &Flush,
    ) -> Result<(), DownReason> {
        self.between_frames.store(false, Relaxed);
        self.write_bytes(stream, &flush.head).await?;
        for piece in flush.tail.iter().flat_map(|tail| tail.chunks(FLUSH_BYTES_MAX)) {
            self.write_bytes(stream, piece).await?;
        }
        self.make_progress(stream.flush()).await?;
        self.between_frames.store(true, Relaxed);
        Ok(())
    }

    /// Writes all of a piece; each step has to make progress in time.
    async fn write_bytes<W: AsyncWrite + Unpin>(
        &self,
        stream: &mut W,
        mut bytes: &[u8],
    ) -> Result<(), DownReason> {
        while !bytes.is_empty() {
            let written = self.make_progress(stream.write(bytes)).await?;
            if written == 0 {
                return Err(DownReason::Io(io::ErrorKind::WriteZero));
            }
            self.shared.counters.bytes_out.fetch_add(written as u64, Relaxed);
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    async fn make_progress<T>(
        &self,
        step: impl Future<Output = io::Result<T>>,
    ) -> Result<T, DownReason> {
        match timeout(self.shared.deadlines().stall, step).await {
            Ok(result) => result.map_err(|error| reason_of(&error)),
            Err(_elapsed) => Err(DownReason::Stalled),
        }
    }

    async fn wait_or_ping<W: AsyncWrite + Unpin>(&self, stream: &mut W) -> Result<(), DownReason> {
        let idle = self.shared.deadlines().ping_idle;
        if timeout(idle, self.ticket.writer.notified()).await.is_ok() {
            return Ok(());
        }
        let ping = Flush { head: header(FrameKind::Ping, 0).to_vec(), ..Flush::default() };
        self.write_flush(stream, &ping).await
    }
}

struct Reader<'a> {
    shared: &'a Shared,
    ticket: &'a Ticket,
    decoder: Decoder,
    /// When the frame that is not complete began.
    partial_since: Option<Instant>,
}

impl<'a> Reader<'a> {
    fn new(registration: &'a Registration) -> Self {
        let Registration { shared, ticket, .. } = registration;
        Self { shared, ticket, decoder: Decoder::new(), partial_since: None }
    }

    /// Reads and delivers frames for as long as the peer keeps the rules.
    async fn run<R: AsyncRead + Unpin>(&mut self, stream: &mut R) -> DownReason {
        let mut since_yield = 0;
        loop {
            let waited = self.wait_for_admission().await;
            self.partial_since = self.partial_since.map(|since| since + waited);
            let read = match self.read(stream).await {
                Ok(read) => read,
                Err(reason) => return reason,
            };
            since_yield += read;
            if since_yield >= READ_BYTES_MAX {
                since_yield = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits while the caller or a budget forbids to read; returns how long.
    async fn wait_for_admission(&self) -> Duration {
        let start = Instant::now();
        let mut now = start;
        loop {
            let admission = self.shared.state().admission(self.ticket, now);
            match admission {
                Admission::Open => return now - start,
                Admission::Pending => {
                    count(&self.shared.counters.pauses_pending);
                    self.ticket.reader.notified().await;
                }
                Admission::Pause(pause) => {
                    count(&self.shared.counters.pauses_budget);
                    sleep(pause).await;
                }
                // Our task is being stopped.
                Admission::Gone => std::future::pending().await,
            }
            now = Instant::now();
        }
    }

    /// Reads once what there is and delivers it; returns how many bytes that was.
    async fn read<R: AsyncRead + Unpin>(&mut self, stream: &mut R) -> Result<usize, DownReason> {
        let deadlines = self.shared.deadlines();
        let silent = Instant::now() + deadlines.dead;
        let late = self.partial_since.map(|since| since + deadlines.frame);
        let (deadline, reason) = match late {
            Some(late) if late < silent => (late, DownReason::FrameDeadline),
            Some(_) | None => (silent, DownReason::Silent),
        };
        let reading = poll_fn(|cx| {
            // On the stack: a connection that waits holds no buffer.
            let mut bytes = [MaybeUninit::uninit(); READ_BUFFER_BYTES];
            let mut read = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))
                .map_err(|error| reason_of(&error))?;
            Poll::Ready(self.take(read.filled()))
        });
        timeout_at(deadline, reading).await.unwrap_or(Err(reason))
    }

    /// Cuts what was read into frames and delivers them, also those before a bad one.
    fn take(&mut self, mut input: &[u8]) -> Result<usize, DownReason> {
        let read = input.len();
        if read == 0 {
            return Err(DownReason::PeerClosed);
        }
        self.shared.counters.bytes_in.fetch_add(read as u64, Relaxed);
        let mut frames = Vec::new();
        let mut outcome = Ok(());
        let mut frames_seen = 0;
        while !input.is_empty() && outcome.is_ok() {
            match self.decoder.next(&mut input) {
                Ok(Some(frame)) => {
                    frames_seen += 1;
                    outcome = check_frame(self.ticket, frame.kind, frame.body, &mut frames);
                }
                Ok(None) => {}
                Err(error) => outcome = Err(reason_of_frame(error)),
            }
        }
        self.note_partial(frames_seen > 0);
        let charged = read + frames_seen * FRAME_COST_BYTES;
        self.shared.state().deliver(self.ticket, frames, charged);
        self.shared.events.notify_one();
        outcome.map(|()| read)
    }

    fn note_partial(&mut self, completed: bool) {
        if completed || !self.decoder.is_partial() {
            self.partial_since = None;
        }
        if self.decoder.is_partial() && self.partial_since.is_none() {
            self.partial_since = Some(Instant::now());
        }
        assert_eq!(
            self.decoder.is_partial(),
            self.partial_since.is_some(),
            "NET-16: a partial frame without a deadline"
        );
    }
}

/// Keeps a frame of the caller, passes over a keep-alive, ends the connection for anything else.
fn check_frame(
    ticket: &Ticket,
    kind: FrameKind,
    body: Vec<u8>,
    frames: &mut Vec<(Class, Vec<u8>)>,
) -> Result<(), DownReason> {
    match kind {
        FrameKind::Data(class) if link_of(class) == ticket.link => {
            frames.push((class, body));
            Ok(())
        }
        FrameKind::Ping => Ok(()),
        FrameKind::Refuse => {
            let (code, text) = parse_refuse(&body);
            Err(DownReason::Refused { code, text })
        }
        FrameKind::Data(_) | FrameKind::Hello => Err(DownReason::FrameKind(kind.to_byte())),
    }
}

const fn reason_of_frame(error: FrameError) -> DownReason {
    match error {
        FrameError::TooLarge { claimed } => DownReason::FrameTooLarge { claimed },
        FrameError::UnknownKind(kind) => DownReason::FrameKind(kind),
    }
}
