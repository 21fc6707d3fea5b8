//! What waits to be written to one peer: three bounded queues, emptied in order of priority.
//!
//! # Invariants
//! - NET-7: the bytes of a class, waiting or being written, never pass its limit.
//! - NET-8: no frame is put into a flush while one of an earlier class waits on that connection.
//! - NET-9: a flush is at most `FLUSH_BYTES_MAX` bytes, or one frame.
//!
//! From NET-8 and NET-9: a control frame waits for what is being written, one flush at the most,
//! and for control frames that were queued before it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::QueueLimits;
use crate::frame::{Class, FrameKind, header};
use crate::hello::Link;
use crate::limits::{FLUSH_BYTES_MAX, FRAME_COST_BYTES, FRAME_HEADER_BYTES};

/// The three queues of one peer.
#[derive(Debug)]
pub(crate) struct Outbound {
    queues: [ClassQueue; 3],
    flushes_begun: u64,
    flushes_done: u64,
}

#[derive(Debug)]
struct ClassQueue {
    frames: VecDeque<Queued>,
    /// Waiting and being written.
    bytes: usize,
    writing: usize,
    limit: usize,
}

#[derive(Debug)]
struct Queued {
    body: Arc<Vec<u8>>,
    /// Flushes of the main connection that were done when this was queued.
    flushes_done: u64,
}

/// What one write takes: coalesced small frames, or one frame whose rest is not copied.
#[derive(Debug, Default)]
pub(crate) struct Flush {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Option<Arc<Vec<u8>>>,
    /// Frames in it by class.
    pub(crate) frames: [u64; 3],
    /// The most flushes that a control frame in it has waited for.
    pub(crate) control_waited: u64,
}

/// The queue of this class has no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

pub(crate) const fn classes_of(link: Link) -> &'static [Class] {
    match link {
        Link::Main => &[Class::Control, Class::Ordered],
        Link::Bulk => &[Class::Bulk],
    }
}

pub(crate) const fn link_of(class: Class) -> Link {
    match class {
        Class::Control | Class::Ordered => Link::Main,
        Class::Bulk => Link::Bulk,
    }
}

/// What a frame is charged in a queue.
pub(crate) const fn cost(body_bytes: usize) -> usize {
    body_bytes.saturating_add(FRAME_COST_BYTES)
}

impl Outbound {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let queue = |limit| ClassQueue { frames: VecDeque::new(), bytes: 0, writing: 0, limit };
        Self {
            queues: [
                queue(limits.control_bytes),
                queue(limits.ordered_bytes),
                queue(limits.bulk_bytes),
            ],
            flushes_begun: 0,
            flushes_done: 0,
        }
    }

    /// Queues a frame, or drops it if its class is full.
    pub(crate) fn push(&mut self, class: Class, body: Arc<Vec<u8>>) -> Result<(), Full> {
        let cost = cost(body.len());
        let flushes_done = self.flushes_done;
        let queue = &mut self.queues[class.index()];
        if queue.bytes.saturating_add(cost) > queue.limit {
            return Err(Full);
        }
        queue.bytes += cost;
        queue.frames.push_back(Queued { body, flushes_done });
        assert!(
            queue.bytes <= queue.limit,
            "NET-7: {} bytes of {class:?} queued, limit {}",
            queue.bytes,
            queue.limit
        );
        Ok(())
    }

    /// Bytes of a class, waiting and being written.
    pub(crate) const fn bytes(&self, class: Class) -> usize {
        self.queues[class.index()].bytes
    }

    /// The limit of a class.
    pub(crate) const fn limit(&self, class: Class) -> usize {
        self.queues[class.index()].limit
    }

    /// Bytes of all classes.
    pub(crate) fn bytes_total(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes).sum()
    }

    /// The next write of a connection; `buffer` is reused for it.
    pub(crate) fn take(&mut self, link: Link, buffer: Vec<u8>) -> Result<Flush, Vec<u8>> {
        let mut flush = Flush { head: buffer, ..Flush::default() };
        flush.head.clear();
        for class in classes_of(link) {
            while self.take_frame(*class, &mut flush) {}
            if self.queues[class.index()].frames.front().is_some() {
                break;
            }
        }
        if flush.head.is_empty() {
            return Err(flush.head);
        }
        self.flushes_begun += u64::from(link == Link::Main);
        Ok(flush)
    }

    /// Moves the first frame of a class into the flush if it fits; false if not.
    fn take_frame(&mut self, class: Class, flush: &mut Flush) -> bool {
        let (begun, index) = (self.flushes_begun, class.index());
        let Some(first) = self.queues[index].frames.front() else { return false };
        let size = first.body.len() + FRAME_HEADER_BYTES;
        if flush.tail.is_some()
            || (!flush.head.is_empty() && flush.head.len() + size > FLUSH_BYTES_MAX)
        {
            return false;
        }
        let queue = &mut self.queues[index];
        let Some(queued) = queue.frames.pop_front() else { return false };
        queue.writing += cost(queued.body.len());
        flush.frames[index] += 1;
        if class == Class::Control {
            flush.control_waited = flush.control_waited.max(begun - queued.flushes_done);
        }
        assert!(
            link_of(class) == Link::Bulk
                || class == Class::Control
                || self.queues[0].frames.is_empty(),
            "NET-8: {class:?} before a waiting control frame"
        );
        flush.head.extend_from_slice(&header(FrameKind::Data(class), queued.body.len()));
        if size > FLUSH_BYTES_MAX {
            flush.tail = Some(queued.body);
        } else {
            flush.head.extend_from_slice(&queued.body);
        }
        assert!(flush.head.len() <= FLUSH_BYTES_MAX, "NET-9: {} bytes", flush.head.len());
        true
    }

    /// The write taken last on this connection is done (or its connection is gone).
    pub(crate) fn written(&mut self, link: Link) {
        for class in classes_of(link) {
            let queue = &mut self.queues[class.index()];
            queue.bytes -= queue.writing;
            queue.writing = 0;
        }
        if link == Link::Main {
            self.flushes_done = self.flushes_begun;
        }
    }

    /// Forgets what waits; what is being written stays charged until `written`.
    pub(crate) fn clear(&mut self) {
        for queue in &mut self.queues {
            queue.frames = VecDeque::new();
            queue.bytes = queue.writing;
        }
    }
}

#[cfg(test)]
mod tests;
