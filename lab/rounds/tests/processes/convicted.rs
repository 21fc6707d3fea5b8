//! A server that contradicts itself is convicted by the others, without anybody's help, and for
//! good.

use quorate_rounds::cluster::{Cluster, Terms};
use quorate_rounds::metrics;
use quorate_rounds::round::on_loopback;
use quorate_rounds::scratch::Scratch;

const SERVERS: usize = 6;
const LIAR: usize = 2;
const CLIENT: [&str; 3] = ["--json", "--cluster", "client-0/cluster.toml"];

/// What a command says, once it says this.
fn wait_for(
    (scratch, cluster): (&Scratch, &Cluster),
    words: &[&str],
    is_so: impl Fn(&str) -> bool,
) -> String {
    loop {
        // Nobody can be asked for a moment while an epoch ends.
        let said = cluster.operate(scratch.path(), &[words, &CLIENT[..]].concat());
        if let Some(said) = said.ok().filter(|said| is_so(said)) {
            return said;
        }
    }
}

fn sum(cluster: &Cluster, what: &str) -> u64 {
    let honest = (0..SERVERS).filter(|server| *server != LIAR);
    let pages = honest.filter_map(|server| cluster.page(server, "/metrics"));
    pages.map(|page| metrics::sum(&page, &[what])).sum()
}

#[test]
fn a_member_that_votes_twice_is_proved_to_lie_and_loses_its_duties_for_good() {
    let scratch = Scratch::new("convicted").expect("a directory");
    let terms = Terms { epoch_seconds: Some(5), ..Terms::default() };
    let mut cluster = on_loopback(&scratch, SERVERS, terms).expect("a system");
    cluster.start_all().expect("it serves");
    cluster.kill(LIAR);
    cluster.start_liar(LIAR, "double-voter").expect("a liar");
    let proved =
        |said: &str| said.contains("\"proved_in_epoch\":") && !said.contains("_epoch\":null");
    let shown = wait_for((&scratch, &cluster), &["status"], proved);
    let liar = cluster.listens_at(LIAR).to_string();
    let whole = |said: &str| said.contains("\"proofs\":[{");
    let proof = wait_for((&scratch, &cluster), &["node", "evidence", &liar], whole);
    assert!(proof.contains("\"is_verified\":true"), "whoever asks can check it: {proof}");
    assert_eq!(proof.matches("\"signature\":\"").count(), 2, "both statements: {proof}");
    let out = |said: &str| said.contains("\"inactive\":1");
    let listed = wait_for((&scratch, &cluster), &["node", "list"], out);
    assert!(sum(&cluster, "bft.double_vote") > 0, "they saw it: {shown}");

    cluster.kill(LIAR);
    cluster.start(LIAR).expect("it is honest from now on");
    let epoch = |said: &str| -> u64 {
        let behind = said.split_once("\"epoch\":").expect("it names one").1;
        let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let later = |said: &str| epoch(said) >= epoch(&listed) + 3;
    let listed = wait_for((&scratch, &cluster), &["node", "list"], later);
    assert!(out(&listed), "MEM-48: it does not come back: {listed}");
    let record = listed.split('{').find(|part| part.contains(&liar)).expect("it keeps its record");
    assert!(record.contains("\"state\":\"inactive\""), "and it is the liar: {listed}");
    assert!(sum(&cluster, "quorate_convicted ") > 0, "members count it: {listed}");
}
