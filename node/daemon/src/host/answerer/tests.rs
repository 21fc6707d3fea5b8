//! Over loopback: a thousand servers in one process, garbage, floods, and servers that are gone.
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quorate_membership::monitor::{
    Answer, Claim, ProbeRule, ProberOutput, ProberRequest, Question, Shown, Ticket, Verdict, Wanted,
};
use quorate_net::allowance::Rate;
use quorate_runtime::OnDeath;
use quorate_types::{Digest, NodeId, Slot};
use quorate_wire::{decode, encode};

use super::{AnswerRates, RunningAnswerer};
use crate::addresses::Addresses;
use crate::crowd::{self, Crowd};
use crate::host::prober::RunningProber;

const DEADLINE: Duration = Duration::from_secs(60);

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Nobody is told of a death.
fn nobody() -> OnDeath {
    Arc::new(|| {})
}

/// As much as anybody wants.
fn unlimited() -> AnswerRates {
    let plenty = Rate { burst: 1_000_000, per_second: 1_000_000 };
    AnswerRates { plain: (plenty, plenty), dear: (plenty, plenty) }
}

fn rule() -> ProbeRule {
    ProbeRule {
        tick: quorate_types::Duration::from_millis(10),
        ..ProbeRule::of_period(quorate_types::Duration::from_millis(400))
    }
}

fn wait_until(is_so: impl Fn() -> bool, what: &str) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// No name is looked up.
fn literals() -> Addresses {
    Addresses::new(Arc::new(|name| panic!("{name} is looked up")), || {})
}

type Told = Arc<Mutex<Vec<ProberOutput>>>;

fn start(crowd: &Crowd, rule: ProbeRule) -> (RunningProber, Told) {
    let told = Told::default();
    let outlet = Arc::clone(&told);
    let prober = crowd.prober(rule, Digest::new([9; 32]));
    let outlet = Box::new(move |output| outlet.lock().unwrap().push(output));
    (RunningProber::start(loopback(), (prober, &literals()), (outlet, nobody())).unwrap(), told)
}

fn claims(told: &Told) -> Vec<Claim> {
    let claim = |output: &ProberOutput| match output {
        ProberOutput::State(said) => Some(said.observation.claim),
        ProberOutput::Rebutted(_) => None,
    };
    told.lock().unwrap().iter().filter_map(claim).collect()
}

#[test]
fn a_thousand_servers_in_one_process_are_all_found_alive_and_show_their_keys() {
    let answerer =
        RunningAnswerer::start(loopback(), crowd::answerers(1_000), (unlimited(), &[]), nobody())
            .unwrap();
    let crowd = Crowd::new(1_000, answerer.address());
    // On a busy machine answers may be late; nobody is late so often.
    let (prober, told) = start(&crowd, ProbeRule { n_propose: 100, ..rule() });
    wait_until(|| prober.status().answered >= 3_000, "three rounds are answered");
    let status = prober.status();
    assert!(status.sent_signed >= 100, "{status:?}");
    assert_eq!(status.suspects, 0, "{status:?}");
    assert_eq!(claims(&told), []);
    assert!(answerer.counters().signed.load(Ordering::Relaxed) >= 100);
}

#[test]
fn the_one_that_is_gone_is_suspected_and_the_one_that_is_accused_rebuts() {
    let numbers = crowd::answerers(20).enumerate();
    let (mut gone, mut present) = (None, Vec::new());
    for (number, answerer) in numbers {
        if number == 19 {
            gone = Some(answerer.server());
        } else {
            present.push(answerer);
        }
    }
    let (gone, accused) = (gone.unwrap(), present[7].server());
    let answerer =
        RunningAnswerer::start(loopback(), present, (unlimited(), &[]), nobody()).unwrap();
    let crowd = Crowd::new(20, answerer.address());
    let (prober, told) = start(&crowd, rule());
    let suspicion = Claim { server: gone, verdict: Verdict::Suspect };
    wait_until(|| claims(&told).contains(&suspicion), "who is gone is suspected");
    prober.request(ProberRequest::Evicted(accused, Slot::new(5))).unwrap();
    let is_rebuttal = |output: &ProberOutput| match output {
        ProberOutput::Rebutted(rebuttal) => rebuttal.server == accused,
        ProberOutput::State(_) => false,
    };
    wait_until(|| told.lock().unwrap().iter().any(is_rebuttal), "the accused rebuts");
    let is_gone = |claim: &Claim| claim.server == gone || claim.verdict == Verdict::Alive;
    assert!(claims(&told).iter().all(is_gone), "{:?}", claims(&told));
}

/// One that is answered, so that all that was sent before it has been seen.
fn is_served(socket: &UdpSocket, to: SocketAddr, server: NodeId) -> bool {
    let ticket = Ticket { place: 1, token: 2 };
    let epoch = quorate_types::Epoch::new(1);
    let question = Question { to: server, epoch, ticket, wanted: Wanted::Plain };
    let mut buffer = [0; 2_000];
    (0..100).any(|_| {
        socket.send_to(&encode(&question), to).unwrap();
        // What a full buffer lost is asked again.
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { return false };
        let answer = decode::<Answer>(&buffer[..length]);
        answer == Ok(Answer { ticket, epoch, shown: Shown::Life })
    })
}

#[test]
fn garbage_has_no_answer_and_ends_nothing() {
    let answerer =
        RunningAnswerer::start(loopback(), crowd::answerers(7), (unlimited(), &[]), nobody())
            .unwrap();
    let server = crowd::answerers(1).next().unwrap().server();
    let socket = UdpSocket::bind(loopback()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut state = 1_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..3_000_usize {
        let length = usize::try_from(next() % 1_500).unwrap();
        let mut bytes: Vec<u8> = (0..length).map(|_| next().to_be_bytes()[0]).collect();
        if round % 2 == 0 && length >= 2 {
            // As far as the kind it is a question.
            (bytes[0], bytes[1]) = (1, bytes[1] % 4);
        }
        drop(socket.send_to(&bytes, answerer.address()));
        if round % 64 == 0 {
            assert!(is_served(&socket, answerer.address(), server));
        }
    }
    assert!(is_served(&socket, answerer.address(), server));
    assert!(answerer.counters().refused.load(Ordering::Relaxed) > 0);
    assert_eq!(answerer.counters().signed.load(Ordering::Relaxed), 0);
}

#[test]
fn who_asks_for_too_many_signatures_gets_no_more_and_plain_answers_still() {
    let few = Rate { burst: 5, per_second: 1 };
    let rates = AnswerRates { dear: (few, few), ..unlimited() };
    let answerer =
        RunningAnswerer::start(loopback(), crowd::answerers(7), (rates, &[]), nobody()).unwrap();
    let server = crowd::answerers(1).next().unwrap().server();
    let socket = UdpSocket::bind(loopback()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let wanted = Wanted::Accused { slot: Slot::new(1), certificate: true };
    let ticket = Ticket { place: 0, token: 0 };
    let question = Question { to: server, epoch: quorate_types::Epoch::new(1), ticket, wanted };
    for _ in 0..50 {
        socket.send_to(&encode(&question), answerer.address()).unwrap();
    }
    let over = &answerer.counters().over_allowance;
    wait_until(|| over.load(Ordering::Relaxed) >= 40, "most are refused");
    let mut buffer = [0; 2_000];
    while socket.recv_from(&mut buffer).is_ok() {}
    assert!(is_served(&socket, answerer.address(), server));
}

/// A prober takes what is no answer for nothing.
#[test]
fn a_prober_survives_garbage() {
    let answerer =
        RunningAnswerer::start(loopback(), crowd::answerers(7), (unlimited(), &[]), nobody())
            .unwrap();
    let crowd = Crowd::new(7, answerer.address());
    let prober = crowd.prober(rule(), Digest::new([9; 32]));
    let prober =
        RunningProber::start(loopback(), (prober, &literals()), (Box::new(drop), nobody()))
            .unwrap();
    let socket = UdpSocket::bind(loopback()).unwrap();
    for length in 0..1_400_usize {
        let bytes: Vec<u8> = (0..length).map(|at| (at * length % 251).to_be_bytes()[7]).collect();
        drop(socket.send_to(&bytes, prober.address()));
    }
    let life = Answer {
        ticket: Ticket { place: u32::MAX, token: 0 },
        epoch: quorate_types::Epoch::new(1),
        shown: Shown::Life,
    };
    let answered = prober.status().answered;
    wait_until(
        || {
            drop(socket.send_to(&encode(&life), prober.address()));
            prober.status().refused > 0 && prober.status().answered > answered + 20
        },
        "it goes on",
    );
}
