//! Names are looked up in turns, and what is known of one stays until something else is.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Book, Lookup, News, Whereabouts};
use crate::limits::{LOOKUP_AGAIN, LOOKUP_FAILED_MAX, LOOKUP_FAILED_MIN, LOOKUPS_FAILING_MAX};

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 7_000))
}

fn book(now: Instant, names: &[&str]) -> Book {
    let mut book = Book::default();
    book.follow(now, names.iter().copied());
    book
}

fn take(book: &mut Book, now: Instant) -> Option<String> {
    book.take(now).map(|lookup| lookup.name.to_string())
}

/// Looks a name up whose turn it must be.
fn look_up(book: &mut Book, now: Instant, found: &[SocketAddr]) -> News {
    let lookup: Lookup = book.take(now).expect("its turn");
    book.note(now, &lookup, found)
}

#[test]
fn names_have_their_first_turns_in_the_order_in_which_they_are_wanted_and_once() {
    let now = Instant::now();
    let mut book = book(now, &["z:1", "a:1", "z:1", "m:1"]);
    let order = [take(&mut book, now), take(&mut book, now), take(&mut book, now)];
    assert_eq!(order.map(Option::unwrap), ["z:1", "a:1", "m:1"]);
    assert_eq!(take(&mut book, now), None, "each is being looked up already");
    assert!(!book.is_settled());
}

#[test]
fn the_last_address_stays_while_a_name_does_not_resolve() {
    let now = Instant::now();
    let mut book = book(now, &["a:1"]);
    assert_eq!(book.whereabouts("a:1"), Whereabouts::Unknown);
    assert_eq!(look_up(&mut book, now, &[address(1)]), News::At(address(1)));
    let later = now + LOOKUP_AGAIN;
    assert_eq!(take(&mut book, later.checked_sub(Duration::from_micros(1)).unwrap()), None);
    assert_eq!(look_up(&mut book, later, &[]), News::None);
    assert_eq!(book.whereabouts("a:1"), Whereabouts::At(address(1)));
    let again = later + LOOKUP_FAILED_MIN;
    let lookup = book.take(again).expect("soon");
    assert_eq!(book.whereabouts("a:1"), Whereabouts::At(address(1)), "under way");
    assert_eq!(book.note(again, &lookup, &[address(2)]), News::At(address(2)));
    assert_eq!(book.whereabouts("a:1"), Whereabouts::At(address(2)));
    // It follows a configuration that goes on with the name.
    book.follow(again, ["a:1", "b:1"].into_iter());
    assert_eq!(book.whereabouts("a:1"), Whereabouts::At(address(2)));
}

#[test]
fn a_name_of_several_addresses_keeps_the_one_in_use() {
    let now = Instant::now();
    let mut book = book(now, &["a:1"]);
    look_up(&mut book, now, &[address(1), address(2)]);
    let later = now + LOOKUP_AGAIN;
    assert_eq!(look_up(&mut book, later, &[address(2), address(1)]), News::None);
    assert_eq!(book.whereabouts("a:1"), Whereabouts::At(address(1)));
}

#[test]
fn a_name_that_never_resolved_is_nowhere_once_a_lookup_has_ended_and_is_tried_again() {
    let mut now = Instant::now();
    let mut book = book(now, &["a:1"]);
    assert_eq!(look_up(&mut book, now, &[]), News::Nowhere);
    assert!(book.is_settled());
    assert_eq!(book.whereabouts("a:1"), Whereabouts::Nowhere);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        let next = book.next().expect("a turn");
        pauses.push(next - now);
        now = next;
        assert_eq!(look_up(&mut book, now, &[]), News::None);
        assert_eq!(book.whereabouts("a:1"), Whereabouts::Nowhere, "said once");
    }
    assert_eq!(pauses[..2], [LOOKUP_FAILED_MIN, LOOKUP_FAILED_MIN * 2]);
    assert_eq!(pauses.last(), Some(&LOOKUP_FAILED_MAX));
    now += LOOKUP_FAILED_MAX;
    assert_eq!(look_up(&mut book, now, &[address(1)]), News::At(address(1)));
}

#[test]
fn names_that_fail_leave_room_for_the_others() {
    let now = Instant::now();
    let failing: Vec<String> = (0..30).map(|number| format!("f{number}:1")).collect();
    let names: Vec<&str> = failing.iter().map(String::as_str).collect();
    let mut book = book(now, &names);
    for _ in 0..30 {
        look_up(&mut book, now, &[]);
    }
    let later = now + LOOKUP_FAILED_MIN;
    let held: Vec<_> = std::iter::from_fn(|| book.take(later)).collect();
    assert_eq!(held.len(), LOOKUPS_FAILING_MAX, "all have their turn, and not at once");
    book.follow(later, names.iter().copied().chain(["new:1"]));
    assert_eq!(take(&mut book, later).as_deref(), Some("new:1"));
    book.note(later, &held[0], &[]);
    assert!(book.take(later).is_some_and(|lookup| lookup.name != held[0].name));
}

#[test]
fn nothing_is_kept_of_names_that_nobody_wants() {
    let now = Instant::now();
    let mut book = book(now, &["a:1", "b:1", "c:1"]);
    look_up(&mut book, now, &[address(1)]);
    let gone = book.take(now).expect("a turn");
    book.follow(now, ["d:1"].into_iter());
    assert_eq!(book.whereabouts("a:1"), Whereabouts::Unknown);
    assert_eq!((book.names.len(), book.sound.len(), book.failed.len()), (1, 1, 0));
    assert_eq!(book.note(now, &gone, &[address(2)]), News::None, "too late");
    // One that comes back is another: what was asked for the former is not taken for it.
    book.follow(now, ["b:1"].into_iter());
    assert_eq!(book.note(now, &gone, &[address(2)]), News::None);
    assert_eq!((book.names.len(), book.sound.len()), (1, 1));
    assert_eq!(look_up(&mut book, now, &[address(3)]), News::At(address(3)));
    assert!(book.is_settled());
}
