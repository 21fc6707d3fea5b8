//! What the image on the disk holds after the records that describe the state.

use quorate_bft::Record;
use quorate_bft::message::{Base, CheckpointCertificate, CheckpointStatement, HashedCut};
use quorate_crypto::Certificate;
use quorate_runtime::RecordCodec;
use quorate_state::{Map, Tree};
use quorate_store::image::StateImage;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, NodeId, PublicKey, ReadMode,
    Resilience, Slot, SystemId, UnixTime,
};

use super::{Codec, load};

fn group() -> GroupConfiguration {
    let member = |byte| GroupMember {
        node: NodeId::new([byte; 32]),
        key: PublicKey::new([byte; PublicKey::BYTES]),
    };
    GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::ZERO,
        members: [1, 2, 3, 4].map(member).to_vec(),
        resilience: Resilience::new(1).unwrap(),
        authority_key: PublicKey::new([9; PublicKey::BYTES]),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::new([3; 32]),
    }
}

fn statement(slot: u64) -> CheckpointStatement {
    let (cut, root) = (Digest::new([4; 32]), Digest::new([5; 32]));
    CheckpointStatement { slot: Slot::new(slot), cut, time: UnixTime::ZERO, root, is_last: false }
}

fn entry(key: &str, value: Option<&str>) -> quorate_state::Change {
    (key.as_bytes().into(), value.map(|value| value.as_bytes().into()))
}

#[test]
fn a_checkpoint_changes_entries_of_the_image_and_a_state_that_was_got_replaces_all() {
    let folder = std::env::temp_dir().join(format!("quorate-image-{}", std::process::id()));
    let path = folder.join("state");
    let mut codec = Codec { image: StateImage::open(&path).unwrap() };
    let held = |codec: &Codec| {
        let (image, map) = load(&codec.image, &Tree::default()).unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let pairs = map.iter().map(|(key, value)| format!("{}={}", text(key), text(value)));
        (image.statement.slot.get(), pairs.collect::<Vec<_>>())
    };
    let cut = HashedCut::origin(&group());
    let checkpoint = |slot, changes| Record::Checkpoint {
        statement: statement(slot),
        cut: cut.clone(),
        proof: Base::Start,
        changes,
    };
    codec.apply(&checkpoint(4, vec![entry("a", Some("1")), entry("b", Some("2"))])).unwrap();
    codec.apply(&checkpoint(8, vec![entry("a", None), entry("c", Some("3"))])).unwrap();
    assert_eq!(held(&codec), (8, vec![String::from("b=2"), String::from("c=3")]));

    let mut before = Map::new();
    before.insert(b"b", b"2");
    before.insert(b"c", b"before");
    let (_, beside) = load(&codec.image, &before).unwrap().unwrap();
    let pairs: Vec<_> = beside.iter().map(|(key, value)| (key, &**value)).collect();
    assert_eq!(pairs, [(&b"b"[..], &b"2"[..]), (b"c", b"3")]);
    let place = |map: &Map| map.get_shared(b"b").map(|value| value.as_ptr());
    assert_eq!(place(&beside), place(&before), "what both hold is in memory once");

    let certificate =
        CheckpointCertificate { statement: statement(12), certificate: Certificate::new([]) };
    let mut got = Map::new();
    got.insert(b"d", b"4");
    let state = got.snapshot();
    codec.apply(&Record::Installed { certificate, cut: cut.clone(), state }).unwrap();
    assert_eq!(held(&codec), (12, vec![String::from("d=4")]), "nothing of its own state is left");
    drop(codec);
    std::fs::remove_dir_all(&folder).unwrap();
}
