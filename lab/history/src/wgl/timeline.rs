//! The calls and returns in the order of time, as a doubly linked ring from which a call is lifted
//! and put back at constant cost (Lowe 2017, section 3; Knuth's dancing links).

use super::Call;

/// The position of the sentinel, before the first entry and after the last.
const SENTINEL: usize = 0;

/// What stands at one position of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The end of the ring.
    End,
    /// This call was invoked.
    Invocation(usize),
    /// This call returned.
    Return(usize),
}

/// A ring of the invocations and returns that are not lifted.
#[derive(Debug)]
pub(super) struct Timeline {
    entries: Vec<Entry>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Per call the positions of its invocation and of its return.
    of_call: Vec<(usize, Option<usize>)>,
}

impl Timeline {
    /// The ring of these calls. At equal moments invocations stand before returns, so that equal
    /// moments are concurrent.
    pub(super) fn new<'a, I: 'a, O: 'a>(calls: impl Iterator<Item = &'a Call<I, O>>) -> Self {
        let mut events = Vec::new();
        for (number, call) in calls.enumerate() {
            events.push((call.invoked, false, number));
            events.extend(call.answer.as_ref().map(|answer| (answer.at, true, number)));
        }
        events.sort_unstable();

        let mut entries = vec![Entry::End];
        let mut of_call = vec![(SENTINEL, None); events.len()];
        for (_, is_return, number) in events {
            match is_return {
                false => of_call[number].0 = entries.len(),
                true => of_call[number].1 = Some(entries.len()),
            }
            entries.push(if is_return { Entry::Return(number) } else { Entry::Invocation(number) });
        }
        let count = entries.len();
        let next = (0..count).map(|position| (position + 1) % count).collect();
        let previous = (0..count).map(|position| (position + count - 1) % count).collect();
        Self { entries, next, previous, of_call }
    }

    /// The position of the first entry.
    pub(super) fn first(&self) -> usize {
        self.next[SENTINEL]
    }

    /// The position after this one.
    pub(super) fn after(&self, position: usize) -> usize {
        self.next[position]
    }

    /// The position after the invocation of this call.
    pub(super) fn after_invocation(&self, call: usize) -> usize {
        self.next[self.of_call[call].0]
    }

    pub(super) fn entry(&self, position: usize) -> Entry {
        self.entries[position]
    }

    /// Takes a call out.
    pub(super) fn lift(&mut self, call: usize) {
        let (invocation, answer) = self.of_call[call];
        self.unlink(invocation);
        if let Some(answer) = answer {
            self.unlink(answer);
        }
    }

    /// Puts back the call that was lifted last among those still out.
    pub(super) fn put_back(&mut self, call: usize) {
        let (invocation, answer) = self.of_call[call];
        if let Some(answer) = answer {
            self.relink(answer);
        }
        self.relink(invocation);
    }

    fn unlink(&mut self, position: usize) {
        let (before, after) = (self.previous[position], self.next[position]);
        self.next[before] = after;
        self.previous[after] = before;
    }

    fn relink(&mut self, position: usize) {
        let (before, after) = (self.previous[position], self.next[position]);
        self.next[before] = position;
        self.previous[after] = position;
    }
}
