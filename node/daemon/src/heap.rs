//! One heap for all threads of the process, and large blocks outside of it.
//!
//! The allocator of glibc gives each thread a heap of its own, up to eight for each core, and what
//! is freed in one of them serves no other thread. A server has some fifteen threads, and at the
//! end of an epoch most of them hold something of every member for a moment: what they left behind
//! was a third of the memory of a member of the membership group. The heap is searched under a
//! lock, which costs nothing that can be measured: small blocks come from a cache of each thread.
//!
//! It also raises, with each large block that is freed, the size from which a block is mapped by
//! itself and given back when it is freed, up to 32 MiB, and keeps twice as much free memory at the
//! end of the heap. A configuration of 100,000 servers has 10 MB, and they would stay.
//!
//! What is free between blocks that are held is given back when asked for alone: a server does so
//! once in an epoch, when the hand-over to it is over.
//!
//! Sources: mallopt(3), "M_ARENA_MAX", "M_MMAP_THRESHOLD" and "M_TRIM_THRESHOLD"; malloc_trim(3).

use std::fs;

/// Shortest block that is mapped by itself, in bytes, and how much is kept free at the end of the
/// heap: above all that storing and reading objects asks for, below a configuration of 25,000.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES_MIN: libc::c_int = 2 << 20;

/// Has this process keep one heap. To be called before it has threads: with others running, or with
/// another allocator than glibc's, nothing changes.
pub fn keep_one() {
    if is_alone() {
        set();
    }
}

/// Gives free pages of the heap back to the system, those between blocks that are held too. With
/// another allocator than glibc's nothing changes. Other threads that ask for memory wait
/// meanwhile.
pub fn give_back() {
    trim();
}

/// Whether the calling thread is the only one; no, where that cannot be seen.
fn is_alone() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator of the C library is set in C only")]
fn set() {
    let settings = [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN),
        (libc::M_TRIM_THRESHOLD, MAPPED_BYTES_MIN),
    ];
    for (setting, value) in settings {
        // SAFETY: `mallopt` takes two numbers and follows no pointer of ours. It writes settings
        // that other threads would read without a lock; `keep_one` has seen that there is none, and
        // while the only thread is here nobody starts another.
        // An allocator in the place of glibc's may take no settings, and the server runs as well.
        unsafe { libc::mallopt(setting, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn set() {}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator of the C library is called in C only")]
fn trim() {
    // SAFETY: `malloc_trim` takes a number and follows no pointer of ours. It locks each heap while
    // it is at work there (malloc_trim(3): "MT-Safe"), and what it gives back is free.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn trim() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    //! What is given back is not held any more.

    use super::give_back;

    /// Memory of this process that is no file's, in bytes.
    fn held_bytes() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("the status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.and_then(|line| line.split_whitespace().next()).expect("a number");
        number.parse::<usize>().expect("a number") * 1024
    }

    #[test]
    fn what_is_free_between_blocks_that_are_held_goes_back() {
        const BLOCKS: usize = 512;
        const BYTES: usize = 64 << 10;
        let mut blocks: Vec<_> = (0..BLOCKS).map(|_| vec![1_u8; BYTES]).collect();
        let kept: Vec<_> = (0..BLOCKS).step_by(2).rev().map(|at| blocks.swap_remove(at)).collect();
        drop(blocks);
        let before = held_bytes();
        give_back();
        let after = held_bytes();
        assert!(before > after + BLOCKS / 4 * BYTES, "{before} bytes, then {after}");
        assert!(kept.iter().flatten().all(|byte| *byte == 1));
    }
}
