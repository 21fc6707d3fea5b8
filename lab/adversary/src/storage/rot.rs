//! An honest server whose disk rots: in the value, in what stands before it, in the index (S11).

use quorate_dht::ObjectKey;
use quorate_history::Prng;
use quorate_types::Duration;

use super::{Context, Deeds, Holdings, ROT, Villain};

const PERIOD: Duration = Duration::from_millis(400);
/// Bytes of an object's encoding that are not its value: its kind, its end, its stamp.
const METADATA_BYTES: usize = 8;
/// Objects that rot in one run.
const ROTTEN_MAX: u64 = 40;

/// Changes bytes of a disk, for a while.
pub(super) struct Rot {
    left: u64,
}

impl Rot {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { left: 4 + prng.below(ROTTEN_MAX) }
    }
}

fn flip(bytes: &mut [u8], from: usize, prng: &mut Prng) {
    if let Some(rotting) = bytes.get_mut(from..).filter(|part| !part.is_empty()) {
        let place = prng.index(rotting.len());
        rotting[place] ^= 1 << prng.below(8);
    }
}

/// What is found under the name afterwards, and what that is called.
fn rotten(
    context: &mut Context<'_>,
    mut bytes: Vec<u8>,
    names: &[ObjectKey],
) -> (Option<Vec<u8>>, &'static str) {
    match context.prng.below(5) {
        0 | 1 => {
            flip(&mut bytes, METADATA_BYTES, context.prng);
            (Some(bytes), "liar.rot_value")
        }
        2 => {
            let head = bytes.len().min(METADATA_BYTES);
            flip(&mut bytes[..head], 0, context.prng);
            (Some(bytes), "liar.rot_metadata")
        }
        3 => {
            bytes.truncate(context.prng.index(bytes.len().max(1)));
            (Some(bytes), "liar.rot_metadata")
        }
        _ => {
            // The index leads nowhere, or to another object.
            let other = names[context.prng.index(names.len())];
            let leads = context.prng.chance(500);
            let disk = context.holdings.disk.as_ref();
            (disk.filter(|_| leads).and_then(|disk| disk.bytes(&other)), "liar.rot_index")
        }
    }
}

impl Villain<Holdings> for Rot {
    fn name(&self) -> &'static str {
        ROT
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let names = context.holdings.disk.as_ref().map(|disk| disk.names()).unwrap_or_default();
        if self.left == 0 || names.is_empty() {
            return;
        }
        self.left -= 1;
        let key = names[context.prng.index(names.len())];
        let bytes = context.holdings.disk.as_ref().and_then(|disk| disk.bytes(&key));
        let Some(bytes) = bytes else { return };
        let (bytes, mark) = rotten(context, bytes, &names);
        if let Some(disk) = &mut context.holdings.disk {
            disk.overwrite(key, bytes);
            deeds.mark(mark);
        }
    }
}
