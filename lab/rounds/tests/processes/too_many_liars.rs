//! The judges of real processes are alive: where more servers lie than the system tolerates, a
//! promise breaks, and they say so.

use quorate_history::Kind;
use quorate_rounds::judge::{Fault, violations};
use quorate_rounds::load::{FEW, Shared, perform_register, session};
use quorate_rounds::round::behind_proxies;
use quorate_rounds::scratch::Scratch;

const LIARS: [usize; 2] = [0, 1];
const KNOWS: usize = 2;
const KNOWS_NOTHING: usize = 3;

/// A write is acknowledged by two liars and one honest server. That one dies, and another comes,
/// which was down: it never heard of the write, and the liars deny it.
///
/// ```text
///             liar  liar  knows  knows nothing
/// write(1)     ok    ok    ok       (down)
/// read        deny  deny  (down)    empty     -> never written
/// ```
#[test]
fn two_liars_among_four_servers_deny_an_acknowledged_write_and_the_judge_finds_it() {
    let scratch = Scratch::new("too-many-liars").expect("a directory");
    let (mut cluster, _proxies) = behind_proxies(&scratch, 4, 1).expect("a system");
    for liar in LIARS {
        cluster.start_liar(liar, "replayer").expect("a liar");
    }
    cluster.start(KNOWS).expect("an honest server");
    let shared = Shared::new(1, FEW);
    let file = cluster.clients()[0].clone();
    let perform = |kind: Kind| {
        let work = async |cluster| perform_register(&shared, &cluster, (1, 0), kind).await;
        session(&file, work).expect("a connection")
    };
    assert!(perform(Kind::Write(1)), "three servers are a quorum");
    assert_eq!(violations(&shared.recorder.history()), []);

    assert!(cluster.kill(KNOWS));
    cluster.start(KNOWS_NOTHING).expect("another honest server");
    assert!(perform(Kind::Read(None)), "three servers are a quorum");
    let found = violations(&shared.recorder.history());
    assert!(matches!(found[..], [Fault::Broken(_)]), "{found:?}");
}
