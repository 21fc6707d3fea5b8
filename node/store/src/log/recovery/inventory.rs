//! What the directory of a log holds: segments with a header, and files without one.

use super::super::LogOptions;
use super::super::error::LogError;
use super::super::format::{BLOCK_BYTES, HeaderBlock, SegmentHeader};
use super::super::scan;
use super::super::segment::{self, SPARE_SEGMENTS_MAX, SegmentPool, SpareSegment};
use super::listing;
use crate::medium::Medium;

/// A segment file whose header holds.
pub(super) struct Headed<F> {
    pub(super) name: String,
    pub(super) file: F,
    pub(super) header: SegmentHeader,
}

/// A segment file without a header that holds.
pub(super) struct Unheaded<F> {
    name: String,
    file: F,
}

/// What the directory holds.
pub(super) struct Inventory<F> {
    /// In the order of their sequence.
    pub(super) headed: Vec<Headed<F>>,
    pub(super) unheaded: Vec<Unheaded<F>>,
    pub(super) next_index: u64,
}

pub(super) fn take_inventory<M: Medium>(
    medium: &M,
    options: &LogOptions,
) -> Result<Inventory<M::File>, LogError> {
    let mut names = medium.list().map_err(|error| listing(medium, error))?;
    names.retain(|name| segment::segment_index(name).is_some());
    names.sort_unstable();

    let mut inventory = Inventory { headed: Vec::new(), unheaded: Vec::new(), next_index: 1 };
    for name in names {
        let index = segment::segment_index(&name).expect("only such names were kept");
        inventory.next_index = inventory.next_index.max(index.saturating_add(1));
        let display = medium.display(&name);
        let fail = |error| LogError::io("open", display.clone(), error, 0);
        let file = medium.open(&name).map_err(fail)?;
        let block = scan::read(&file, &display, 0, BLOCK_BYTES)?;
        match SegmentHeader::decode(&block) {
            HeaderBlock::Valid(header) if header.identity == options.identity => {
                inventory.headed.push(Headed { name, file, header });
            }
            HeaderBlock::Valid(_) | HeaderBlock::OtherVersion => {
                return Err(LogError::Foreign { file: display });
            }
            HeaderBlock::Blank | HeaderBlock::Unreadable => {
                inventory.unheaded.push(Unheaded { name, file });
            }
        }
    }
    inventory.headed.sort_by_key(|segment| segment.header.sequence);
    Ok(inventory)
}

/// Without any header, a file with content is a log whose only header was damaged.
pub(super) fn check_never_used<M: Medium>(
    medium: &M,
    segment: &Unheaded<M::File>,
) -> Result<(), LogError> {
    let display = medium.display(&segment.name);
    let mut offset = BLOCK_BYTES as u64;
    loop {
        let block = scan::read(&segment.file, &display, offset, BLOCK_BYTES)?;
        if block.is_empty() {
            return Ok(());
        }
        if block.iter().any(|byte| *byte != 0) {
            let reason = "the header of a used segment is damaged";
            return Err(LogError::Corrupt { file: display, offset: 0, reason });
        }
        offset += block.len() as u64;
    }
}

/// Keeps released segments to use again, up to a number, and removes the other files.
///
/// A file that was never used is removed too: the process that filled it may have ended before
/// its sync, or because of it, and then its length is only in the page cache.
pub(super) fn fill_pool<M: Medium>(
    medium: &M,
    pool: &mut SegmentPool<M::File>,
    unheaded: Vec<Unheaded<M::File>>,
    unneeded: Vec<Headed<M::File>>,
) -> Result<(), LogError> {
    let mut names: Vec<String> = unheaded.into_iter().map(|segment| segment.name).collect();
    for Headed { name, file, header } in unneeded {
        if header.segment_bytes == pool.segment_bytes() && pool.len() < SPARE_SEGMENTS_MAX {
            pool.add(SpareSegment { file, name });
        } else {
            names.push(name);
        }
    }
    for name in names {
        medium
            .remove(&name)
            .map_err(|error| LogError::io("remove", medium.display(&name), error, 0))?;
    }
    medium.sync_dir().map_err(|error| listing(medium, error))
}
