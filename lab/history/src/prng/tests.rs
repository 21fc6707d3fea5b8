//! The generator against published vectors, and the promises the simulator stands on.

use super::*;

#[test]
fn split_mix_gives_the_published_numbers() {
    let mut source = 1_234_567;
    let numbers: [u64; 5] = std::array::from_fn(|_| split_mix(&mut source));
    let published = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(numbers, published);
}

#[test]
fn xoshiro_gives_the_published_numbers() {
    let mut prng = Prng { seed: 0, state: [1, 2, 3, 4] };
    let numbers: [u64; 6] = std::array::from_fn(|_| prng.next_u64());
    let published = [
        11_520,
        0,
        1_509_978_240,
        1_215_971_899_390_074_240,
        1_216_172_134_540_287_360,
        607_988_272_756_665_600,
    ];
    assert_eq!(numbers, published);
}

#[test]
fn one_seed_gives_one_stream_and_two_seeds_give_two() {
    let draw = |seed| {
        let mut prng = Prng::from_seed(seed);
        [prng.next_u64(), prng.next_u64()]
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    assert_ne!(draw(0), [0, 0]);
}

#[test]
fn a_fork_does_not_depend_on_what_its_parent_drew() {
    let fresh = Prng::from_seed(11);
    let mut used = fresh.clone();
    for _ in 0..100 {
        used.next_u64();
    }
    assert_eq!(fresh.fork("network"), used.fork("network"));
    assert_eq!(fresh.fork("disk").fork("node/1"), used.fork("disk").fork("node/1"));
}

#[test]
fn forks_differ_by_purpose_by_path_and_from_their_parent() {
    let root = Prng::from_seed(11);
    let streams = [
        root.clone(),
        root.fork(""),
        root.fork("a"),
        root.fork("b"),
        root.fork("ab"),
        root.fork("ba"),
        root.fork("a").fork("b"),
        root.fork("b").fork("a"),
        root.fork("a\0"),
        Prng::from_seed(12).fork("a"),
    ];
    let mut firsts: Vec<u64> = streams.into_iter().map(|mut stream| stream.next_u64()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), 10);
}

#[test]
fn below_reaches_every_number_about_equally_often_and_none_beyond() {
    let mut prng = Prng::from_seed(3);
    let mut counts = [0_u32; 7];
    for _ in 0..70_000 {
        counts[prng.index(7)] += 1;
    }
    assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    assert_eq!(prng.below(1), 0);
    assert!((0..1_000).all(|_| prng.below(u64::MAX) < u64::MAX));
    assert!((0..1_000).all(|_| prng.below((1 << 63) + 1) <= 1 << 63));
}

#[test]
#[should_panic(expected = "no number is below zero")]
fn below_zero_is_refused() {
    Prng::from_seed(3).below(0);
}

#[test]
fn chance_is_never_at_zero_always_at_a_thousand_and_near_its_rate_between() {
    let mut prng = Prng::from_seed(4);
    let mut hits = |per_mille| (0..10_000).filter(|_| prng.chance(per_mille)).count();
    assert_eq!(hits(0), 0);
    assert_eq!(hits(1_000), 10_000);
    assert!((2_200..2_800).contains(&hits(250)));
}

#[test]
fn shuffle_keeps_the_items_and_reaches_every_order() {
    let mut prng = Prng::from_seed(5);
    let mut orders = std::collections::BTreeMap::new();
    for _ in 0..24_000 {
        let mut items = [1, 2, 3, 4];
        prng.shuffle(&mut items);
        *orders.entry(items).or_insert(0_u32) += 1;
    }
    assert_eq!(orders.len(), 24);
    assert!(orders.keys().all(|items| items.iter().sum::<i32>() == 10));
    assert!(orders.values().all(|&count| (800..1_200).contains(&count)));
}
