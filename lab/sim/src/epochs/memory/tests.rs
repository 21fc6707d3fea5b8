//! Each question has one answer, computed once, and no more are kept than the bound says.

use std::cell::Cell;

use super::{ANSWERS_MAX, Memory, named};

#[test]
fn a_question_is_answered_once_and_another_by_itself() {
    let (memory, computed) = (Memory::new(), Cell::new(0));
    let ask = |question: &[&[u8]]| {
        memory.recall(question, || {
            computed.set(computed.get() + 1);
            question.concat()
        })
    };
    assert_eq!((ask(&[b"ab", b"c"]), computed.get()), (b"abc".to_vec(), 1));
    assert_eq!((ask(&[b"ab", b"c"]), computed.get()), (b"abc".to_vec(), 1));
    assert_eq!((ask(&[b"a", b"bc"]), computed.get()), (b"abc".to_vec(), 2));
    assert_ne!(named(&[b"ab", b"c"]), named(&[b"abc"]));
}

#[test]
fn a_memory_that_is_full_begins_anew() {
    let memory = Memory::new();
    for number in 0..=ANSWERS_MAX {
        assert_eq!(memory.recall(&[&number.to_be_bytes()], || number), number);
    }
    assert_eq!(memory.lock().len(), 1);
}
