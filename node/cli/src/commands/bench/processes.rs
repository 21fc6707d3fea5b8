//! What processes say of themselves: processor time, memory, and their page of metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::page::page;

/// Length of a tick of processor time, microseconds.
const TICK_MICROS: u64 = 10_000;

/// Processor time of a process, microseconds; 0 if there is none.
pub(super) fn cpu_micros(pid: u32) -> u64 {
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    ticks().unwrap_or(0) * TICK_MICROS
}

/// Processor time of all threads of a process that are alive, nanoseconds: exact, where
/// [`cpu_micros`] counts in ticks.
pub(super) fn cpu_nanos(pid: u32) -> u64 {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let nanos = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    tasks.flatten().filter_map(nanos).sum()
}

/// The memory that a process holds now, KiB; 0 if it is not known.
pub(super) fn memory_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:")
}

/// The most memory that a process ever held, KiB; 0 if it is not known.
pub(super) fn memory_peak_kib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:")
}

/// Has [`memory_peak_kib`] of this process begin with what it holds now, where the system can.
pub(super) fn forget_memory_peak() {
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

fn status_kib(pid: u32, key: &str) -> u64 {
    let found = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    found().unwrap_or(0)
}

/// The counters of a node's page of metrics, by name and labels as the page has them; those that
/// are whole numbers.
pub(super) fn counters(address: SocketAddr) -> BTreeMap<String, u64> {
    let page = page(address, "/metrics").unwrap_or_default();
    let lines = page.lines().filter_map(|line| line.rsplit_once(' '));
    lines.filter_map(|(name, value)| Some((name.to_owned(), micros_or_count(value)?))).collect()
}

/// A whole number as it is; seconds with six decimals as microseconds.
fn micros_or_count(value: &str) -> Option<u64> {
    match value.split_once('.') {
        None => value.parse().ok(),
        Some((seconds, micros)) => {
            Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
        }
    }
}
