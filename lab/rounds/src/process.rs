//! The process of a server: started here, or by the `quorate dev` that runs its system.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::dev::Ward;

/// Longest time in which `quorate dev` must say that a server has ended that was killed.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Length of a tick of processor time, microseconds.
const TICK_MICROS: u64 = 10_000;

/// What a process uses, as the system shows it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// The memory that it holds.
    pub rss_kib: u64,
    /// What of that is of no file.
    pub anon_kib: u64,
    /// What of that is of files: the program itself, for the most part.
    pub file_kib: u64,
    /// The most memory that it ever held, or since that was forgotten.
    pub peak_kib: u64,
    /// Processor time of all of its threads.
    pub cpu_micros: u64,
}

impl Usage {
    /// That of a process that runs.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            rss_kib: kib("VmRSS:")?,
            anon_kib: kib("RssAnon:")?,
            file_kib: kib("RssFile:")?,
            peak_kib: kib("VmHWM:")?,
            cpu_micros: (ticks(11)? + ticks(12)?) * TICK_MICROS,
        })
    }
}

/// Has the peak of a process begin with what it holds now, where the system can.
pub(crate) fn forget_memory_peak(pid: u32) {
    drop(std::fs::write(format!("/proc/{pid}/clear_refs"), "5"));
}

/// Who started it, and with that who knows how it ended.
#[derive(Debug)]
pub(crate) enum Process {
    /// Started here.
    Own(Child),
    /// Started by `quorate dev`, which says what becomes of it.
    Devs(Ward),
}

impl Process {
    /// Its number, while it is known to run.
    pub(crate) fn id(&self) -> Option<u32> {
        match self {
            Self::Own(child) => Some(child.id()),
            Self::Devs(ward) => ward.pid(),
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// That nobody knows how.
    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>, String> {
        match self {
            Self::Own(child) => child.try_wait().map_err(|error| error.to_string()),
            Self::Devs(ward) => ward.why_down().map(|why| status(&why)).transpose(),
        }
    }

    /// Tells it to end at once, and does not wait.
    pub(crate) fn begin_to_kill(&mut self) {
        match self {
            // A process that has ended by itself is found out by its status.
            Self::Own(child) => drop(child.kill()),
            Self::Devs(ward) => ward.pid().into_iter().for_each(|pid| signal(pid, "KILL")),
        }
    }

    /// Ends it with SIGKILL; tells whether that is what ended it.
    pub(crate) fn kill(mut self) -> bool {
        self.begin_to_kill();
        let status = match &mut self {
            Self::Own(child) => child.wait().ok(),
            Self::Devs(_) => self.await_end(),
        };
        status.is_some_and(|status| status.signal() == Some(9))
    }

    fn await_end(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + END_TIMEOUT;
        while Instant::now() < end {
            match self.try_wait() {
                Ok(None) => std::thread::sleep(LOOK_INTERVAL),
                Ok(ended) => return ended,
                Err(_) => return None,
            }
        }
        None
    }
}

/// Sends a signal to a process. Whether it has an effect is for others to see.
pub(crate) fn signal(pid: u32, name: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]);
    drop(command.stdin(Stdio::null()).stderr(Stdio::null()).status());
}

/// The status of which `quorate dev` speaks in these words.
fn status(why: &str) -> Result<ExitStatus, String> {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i32>().ok()
    };
    let code = why.strip_prefix("exit code ").and_then(number).map(|code| code << 8);
    let signal = why.strip_prefix("killed by signal ").and_then(number);
    let raw = code.or(signal).or_else(|| (why == "stopped").then_some(0));
    raw.map(ExitStatus::from_raw).ok_or_else(|| format!("nobody knows how it ended: {why}"))
}

#[cfg(test)]
mod tests {
    //! The words of `quorate dev` give the status of which they speak.
    use std::os::unix::process::ExitStatusExt;

    use super::status;

    #[test]
    fn codes_and_signals_are_told_apart_and_other_words_are_no_status() {
        let removed = status("exit code 16: this server was removed from its system").unwrap();
        assert_eq!((removed.code(), removed.signal()), (Some(16), None));
        let killed = status("killed by signal 9").unwrap();
        assert_eq!((killed.code(), killed.signal()), (None, Some(9)));
        assert!(status("stopped").unwrap().success());
        assert!(status("ended").is_err());
        assert!(status("exit code many").is_err());
    }
}
