//! A proof outlives a restart in its epoch, and is one for each liar.
use quorate_crypto::{Domain, real::RealSigner};
use quorate_crypto::{Signer, hash};
use quorate_membership::monitor::Evidence;
use quorate_membership::monitor::evidence::{
    Contradiction, Misdeed, SignedStatement, StatementKind, framed,
};
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_types::{Epoch, GroupId, NodeId, SystemId};

use super::Accusing;

const EPOCH: Epoch = Epoch::new(3);

fn proof(server: u8) -> Evidence {
    let frame = (SystemId::new([1; 32]), GroupId::new([2; 32]), EPOCH);
    let said = |digest: u8| {
        let bytes = framed(frame, &(7_u64, (8_u64, digest)));
        let signature = RealSigner::from_seed(&[server; 32]).sign(&hash(Domain::Commit, &bytes));
        SignedStatement { kind: StatementKind::Commit, bytes, signature }
    };
    let both = Contradiction { first: said(1), second: said(2) };
    Evidence { server: NodeId::new([server; 32]), misdeed: Misdeed::Contradiction(both) }
}

#[test]
fn a_proof_is_announced_after_a_restart_too_until_the_epoch_behind_its_own_is_over() {
    let path = std::env::temp_dir().join(format!("quorate-evidence-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    let data = DataDirectory::open(&path, &[1; 32], Expectation::Fresh).expect("a directory");
    std::fs::create_dir_all(data.join(super::PART)).expect("its part for epochs");
    let waiting = |accusing: &Accusing| accusing.waiting.values().cloned().collect::<Vec<_>>();
    let open = |epoch| Accusing::open(&data, epoch).expect("what is kept can be read");

    let mut accusing = open(EPOCH);
    assert!(accusing.take(proof(1)).expect("it is durable"));
    assert!(!accusing.take(proof(1)).expect("it is known"), "one for each liar");
    assert!(accusing.take(proof(2)).expect("it is durable"));
    drop(accusing);

    let (next, behind) = (EPOCH.next(), EPOCH.next().next());
    assert_eq!(waiting(&open(behind)), [], "signed with keys that the log does not know");
    let mut again = open(EPOCH);
    assert_eq!(waiting(&again), [proof(1), proof(2)]);
    again.begin(next).expect("it is durable");
    assert_eq!(waiting(&again), [proof(1), proof(2)], "MEM-55: the next log knows them too");
    assert!(again.take(proof(3)).expect("it is durable"), "found when its epoch was over");
    again.begin(behind).expect("it is durable");
    assert_eq!(waiting(&again), []);
    assert!(!again.take(proof(4)).expect("nothing"), "no log hears of it any more");
    assert_eq!(waiting(&open(EPOCH)), [], "nothing is left on the disk");
    std::fs::remove_dir_all(&path).expect("it was there");
}
