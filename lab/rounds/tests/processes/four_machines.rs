//! The page that sets up four machines, followed word for word: what it says is what is done here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use quorate_rounds::host;
use quorate_rounds::network::{Machine, Network, missing};
use quorate_rounds::page::{Page, Place, Step};
use quorate_rounds::programs::Programs;
use quorate_rounds::scratch::Scratch;
use quorate_rounds::telling::skip;

const PAGE: &str = include_str!("../../../../docs/four-machines.md");
/// The command that stays in the foreground.
const SERVER: &str = "quorate node run ";
/// Longest time until a server that was started says that it serves.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Somebody who follows a page.
struct Reader {
    page: Page,
    /// What was started and goes on; ended when the reader stops.
    servers: BTreeMap<String, Child>,
    network: Network,
    /// Where the programs lie.
    programs: PathBuf,
    /// What was printed so far.
    printed: String,
    /// What `blob put` printed first.
    id: Option<String>,
}

/// Is this the id of a file?
fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Reader {
    fn follow(&mut self, step: &Step) {
        match step {
            Step::Run { place, script } => {
                let machines = self.page.machines_of(place);
                for machine in &machines {
                    let script = match place {
                        Place::EachServer => self.page.written_for(machine, script),
                        Place::Machine(_) => script.clone(),
                    };
                    self.run(machine, &script);
                }
                if script.starts_with(SERVER) {
                    // The first time none serves before all are there.
                    machines.iter().for_each(|machine| self.await_health(machine));
                }
            }
            Step::Carry { file, from, to, name } => self.carry((file, from), (name, to)),
        }
    }

    fn run(&mut self, machine: &Machine, script: &str) {
        if script.starts_with(SERVER) {
            self.start(machine, script);
        } else if let Some((begin, _)) = script.split_once("\nquorate blob get ID ")
            && self.id.is_none()
        {
            // Only a reader who has seen the id can go on with it.
            let printed = self.call(machine, begin);
            self.id = printed.split_whitespace().find(|word| is_id(word)).map(str::to_owned);
            assert!(self.id.is_some(), "no id was printed: {printed}");
            let rest = script.lines().filter(|line| !line.contains("blob put"));
            let rest = self.with_seen(&rest.collect::<Vec<_>>().join("\n"));
            self.call(machine, &rest);
        } else {
            let script = self.with_seen(script);
            self.call(machine, &script);
        }
    }

    fn start(&mut self, machine: &Machine, script: &str) {
        let script = format!("exec {script}");
        let mut command = self.network.command(&machine.name, &script, &self.programs);
        let log = self.network.path(&machine.name, "log");
        let log = std::fs::File::create(log).expect("a log");
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("a server starts");
        if let Some(mut before) = self.servers.insert(machine.name.clone(), child) {
            let ended = before.try_wait().expect("its end");
            assert!(ended.is_some(), "the server on {} ran already", machine.name);
        }
    }

    /// A reader waits a moment before asking whether a server serves.
    fn await_health(&self, machine: &Machine) {
        let ask = "curl --silent 127.0.0.1:9700/health";
        assert!(PAGE.contains(ask), "the page asks otherwise");
        let end = Instant::now() + START_TIMEOUT;
        let serves = || {
            let output = self.network.command(&machine.name, ask, &self.programs).output();
            output.expect("curl can be called").stdout == b"ok\n"
        };
        while !serves() {
            assert!(Instant::now() < end, "{} does not serve", machine.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn call(&mut self, machine: &Machine, script: &str) -> String {
        let command = self.network.command(&machine.name, script, &self.programs).output();
        let output = command.expect("a shell");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "on {}: {script}\n{complaint}", machine.name);
        let printed = String::from_utf8(output.stdout).expect("text");
        self.printed.push_str(&printed);
        printed
    }

    /// The script with what was printed before: the id by `blob put`, the system by `init`.
    fn with_seen(&self, script: &str) -> String {
        let system = self.printed.lines().find_map(|line| line.strip_prefix("system "));
        let script = system.map_or_else(|| script.to_owned(), |it| script.replace("SYSTEM", it));
        let id = self.id.as_ref();
        id.map_or_else(|| script.clone(), |id| script.replace(" ID ", &format!(" {id} ")))
    }

    fn carry(&self, (file, from): (&str, &Place), (name, to): (&str, &Place)) {
        for source in self.page.machines_of(from) {
            for target in self.page.machines_of(to) {
                // One of the two is the server that the line is about.
                let about = if *from == Place::EachServer { &source } else { &target };
                let from = self.network.path(&source.name, file);
                let to = self.network.path(&target.name, &self.page.written_for(about, name));
                let copied = std::fs::copy(&from, &to);
                assert!(copied.is_ok(), "{from:?} to {to:?}: {copied:?}");
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for server in self.servers.values_mut() {
            // One that has ended is as gone as one that is killed.
            drop(server.kill());
            drop(server.wait());
        }
    }
}

#[test]
fn the_page_about_four_machines_can_be_followed_word_for_word() {
    let absent = (!host::has("curl")).then(|| String::from("there is no program `curl`"));
    if let Some(why) = missing().or(absent) {
        return skip("following docs/four-machines.md in network namespaces", &why);
    }
    let page = Page::parse(PAGE).expect("the page can be followed");
    assert_eq!((page.machines.len(), page.servers), (5, 4));
    let scratch = Scratch::new("four-machines").expect("a directory");
    let network = Network::new(scratch.path(), &page.machines).expect("a network");
    let some_file: Vec<u8> = (0..2_500_000_u32).map(|number| number.to_be_bytes()[2]).collect();
    std::fs::write(network.path("office", "some-file"), some_file).expect("a file");
    let programs = Programs::beside_this().expect("the programs");
    let programs = programs.quorate.parent().map(Path::to_path_buf).expect("they are in a folder");
    let steps = page.steps.clone();
    let servers = BTreeMap::new();
    let mut reader = Reader { page, servers, network, programs, printed: String::new(), id: None };
    for step in &steps {
        reader.follow(step);
    }
    // What `status` said before a machine failed, and while it was down.
    for reached in ["4 of 4", "3 of 4"] {
        assert!(reader.printed.contains(reached), "{}", reader.printed);
    }
}
