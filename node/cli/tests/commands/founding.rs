//! Server processes make the key of their system: killed in the midst of it, and too few at first.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::Scratch;

pub(crate) const SERVERS: usize = 4;

/// Founders, each a process or none.
pub(crate) struct Founders {
    pub(crate) scratch: Scratch,
    metrics: Vec<String>,
    listen: Vec<String>,
    children: Vec<Option<Child>>,
}

/// Ports of loopback that nobody uses; below those that the system gives to whoever asks for any.
fn free_ports(count: usize) -> Vec<String> {
    let start = u16::try_from(std::process::id() % 500).expect("small") * 16;
    let ports = (32_000 - 8_000 + start..32_000).chain(24_000 - 4_000..24_000);
    let is_free = |port: &u16| {
        let address = ("127.0.0.1", *port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    ports.filter(is_free).take(count).map(|port| format!("127.0.0.1:{port}")).collect()
}

impl Founders {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        scratch.succeed(&["authority", "new", "--out", "authority"]);
        let ports = free_ports(2 * SERVERS);
        let (listen, metrics) = ports.split_at(SERVERS);
        let key = "authority/authority.key";
        let init = ["init", "--authority", key, "--f", "1", "--f-ms", "1", "--out", "system"];
        let mut init = init.map(String::from).to_vec();
        for (number, (listen, metrics)) in listen.iter().zip(metrics).enumerate() {
            let out = format!("node-{number}");
            let words = ["node", "new", "--out", &out, "--failure-domain", &out];
            let where_it_is = ["--listen", listen, "--metrics", metrics];
            scratch.succeed(&[&words[..], &where_it_is].concat());
            init.push(format!("{out}/admission"));
        }
        scratch.succeed(&init);
        for number in 0..SERVERS {
            let to = scratch.join(format!("node-{number}/genesis"));
            std::fs::copy(scratch.join("system/genesis"), to).expect("carried");
        }
        let [listen, metrics] = [listen, metrics].map(<[String]>::to_vec);
        Self { scratch, metrics, listen, children: (0..SERVERS).map(|_| None).collect() }
    }

    fn start(&mut self, number: usize) {
        let log = self.scratch.join(format!("node-{number}/log"));
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
        let mut command = self.scratch.program();
        command.args(["node", "run", "--config", &format!("node-{number}/node.toml")]);
        let child = command.stderr(log).stdout(Stdio::null()).spawn();
        self.children[number] = Some(child.expect("the program can be called"));
    }

    fn start_all(&mut self) {
        (0..SERVERS).for_each(|number| self.start(number));
    }

    /// Ends all of them as `kill -9` does.
    fn kill_all(&mut self) {
        for child in self.children.iter_mut().flatten() {
            child.kill().expect("it ran");
        }
        for mut child in self.children.iter_mut().filter_map(Option::take) {
            child.wait().expect("its end");
        }
    }

    /// What a server says about its health, if it answers.
    pub(crate) fn health(&self, number: usize) -> Option<String> {
        self.page(number, "/health")
    }

    fn page(&self, number: usize, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.metrics[number]).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Waits until the health of a server is like this; gives it.
    fn wait(&self, number: usize, is_so: impl Fn(&str) -> bool) -> String {
        loop {
            if let Some(answer) = self.health(number).filter(|answer| is_so(answer)) {
                return answer;
            }
            std::thread::yield_now();
        }
    }

    fn log(&self, number: usize) -> String {
        let log = self.scratch.join(format!("node-{number}/log"));
        std::fs::read_to_string(log).expect("a log")
    }

    fn pinned(&self, number: usize) -> PathBuf {
        self.scratch.join(format!("node-{number}/keys/founding"))
    }

    /// The key that the servers name.
    fn key(&self) -> String {
        let call = ["system-key", "system/genesis", "--json"];
        let said: Value = serde_json::from_str(&self.scratch.succeed(&call)).expect("JSON");
        said["system_key"].as_str().expect("a key").to_owned()
    }
}

impl Drop for Founders {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // One that has ended is as gone as one that is killed.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn is_founding(health: &str) -> bool {
    health.starts_with("HTTP/1.1 503 ") && health.contains("\r\n\r\nfounding: ")
}

#[test]
fn founders_killed_in_the_midst_of_the_making_end_with_one_and_the_same_key() {
    let mut founders = Founders::new();
    // When they are there; when all keys are in the log; when one has executed its last slot.
    founders.start_all();
    founders.wait(0, is_founding);
    founders.kill_all();
    assert!((0..SERVERS).all(|number| !founders.pinned(number).exists()), "nobody was done");

    founders.start_all();
    founders.wait(1, |health| health.contains("all founders are there") || !is_founding(health));
    founders.kill_all();
    founders.start_all();
    while !founders.log(2).contains("executed the last slot") {
        std::thread::yield_now();
    }
    founders.kill_all();

    founders.start_all();
    (0..SERVERS).for_each(|number| drop(founders.wait(number, |it| it.ends_with("\r\n\r\nok\n"))));
    let key = founders.key();
    founders.kill_all();
    let kept = |number| std::fs::read(founders.pinned(number)).expect("it has founded");
    assert!((1..SERVERS).all(|number| kept(number) == kept(0)), "one key, and one epoch 1");
    founders.start_all();
    assert_eq!(founders.key(), key, "it is the same for ever");
}

#[test]
fn with_more_than_f_founders_missing_the_making_waits_says_for_whom_and_ends_when_they_come() {
    let mut founders = Founders::new();
    founders.start(0);
    founders.start(1);
    let [late, last] = [2, 3].map(|number| founders.listen[number].clone());
    let says =
        |text: &str| text.contains("too few") && text.contains(&late) && text.contains(&last);
    assert!(is_founding(&founders.wait(0, says)));
    while !founders.page(0, "/metrics").is_some_and(|it| it.contains("founders_missing 2\n")) {
        std::thread::yield_now();
    }
    let (code, text) = founders.scratch.fail(&["system-key", "system/genesis", "--wait", "1"]);
    assert_eq!(code, 9, "{text}");
    assert!(text.starts_with("error[not-founded]: "), "{text}");
    while !says(&founders.log(1)) {
        std::thread::yield_now();
    }
    assert!(is_founding(&founders.wait(1, |_| true)), "it still waits");

    founders.start(2);
    founders.start(3);
    let key = founders.key();
    let out = ["system-key", "system/genesis", "--out", "cluster.toml"];
    assert!(founders.scratch.succeed(&out).contains(&key));
    let shown = founders.scratch.succeed(&["config", "show", "cluster.toml"]);
    assert!(shown.contains(&key), "{shown}");
    founders.wait(0, |health| health.ends_with("\r\n\r\nok\n"));
    let page = founders.page(0, "/metrics").expect("it answers");
    assert!(page.contains("quorate_founding 0\n"), "{page}");
}
