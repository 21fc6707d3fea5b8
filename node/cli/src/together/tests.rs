//! Who is woken is polled, nobody else, and all are waited for.
use std::cell::Cell;
use std::task::Poll;

use quorate_client::block_on;
use tokio::sync::oneshot;

use super::together;

#[test]
fn outputs_come_in_the_order_of_the_futures() {
    let outputs = block_on(together((0..5).map(|number| async move {
        for _ in number..5 {
            tokio::task::yield_now().await;
        }
        number
    })));
    assert_eq!(outputs.unwrap(), [0, 1, 2, 3, 4]);
    assert!(block_on(together(Vec::<std::future::Ready<()>>::new())).unwrap().is_empty());
}

#[test]
fn a_future_is_polled_only_when_it_was_woken() {
    let polls: [Cell<u32>; 3] = Default::default();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
    let waiting = receivers.into_iter().zip(&polls).map(|(mut receiver, polls)| {
        std::future::poll_fn(move |context| {
            polls.set(polls.get() + 1);
            std::pin::Pin::new(&mut receiver).poll(context).map(Result::unwrap)
        })
    });
    let answering = async {
        for (number, sender) in senders.into_iter().enumerate().rev() {
            // One after the other, so that each wakes by itself.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            sender.send(number).unwrap();
        }
    };
    let (outputs, ()) = block_on(async { tokio::join!(together(waiting), answering) }).unwrap();
    assert_eq!(outputs, [0, 1, 2]);
    assert_eq!(polls.each_ref().map(Cell::get), [2, 2, 2], "once to begin, once when woken");
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    let mut left = 3;
    let counting = std::future::poll_fn(move |context| {
        left -= 1;
        context.waker().wake_by_ref();
        if left == 0 { Poll::Ready("done") } else { Poll::Pending }
    });
    assert_eq!(block_on(together([counting])).unwrap(), ["done"]);
}
