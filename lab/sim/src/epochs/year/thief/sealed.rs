//! What the thief makes of dealings that it has recorded: the share of a recipient whose key it
//! has, and the share of a dealer whose seed it has.

use quorate_membership::handover::attempt::Occasion;
use quorate_membership::handover::dealing::sharing;
use quorate_membership::handover::{CommitmentBytes, Decided, PublishedDealing};
use quorate_threshold::{
    Commitment, Dealer, DecryptionKey, GroupKey, KeyShare, Opened, Parameters, Seed, Session,
    Subshare,
};
use quorate_types::{Epoch, NodeId};

use super::{Thief, broken};
use crate::checker::Verdict;
use crate::epochs::year::field::Number;

/// Where dealings were made: the attempt, and how many share.
type Place = (Session, Parameters);

impl Thief {
    /// Puts together the shares of an epoch whose dealings it can open, and keeps their parts.
    pub(super) fn open_sealed(&mut self, epoch: Epoch) -> Verdict {
        let Some(former) = epoch.get().checked_sub(1).map(Epoch::new) else { return Ok(()) };
        for (server, seed) in self.loot.openers.get(&epoch).cloned().unwrap_or_default() {
            if self.loot.opened.contains(&(epoch, server)) {
                continue;
            }
            let Some((share, parts)) = self.opened((server, &seed), epoch) else { continue };
            let public = self.group_key(epoch).map(|key| key.public_share(share.index()));
            if public != Some(Ok(share.public_share())) {
                return broken(&format!("the dealings for {epoch} make another share"));
            }
            self.tally.borrow_mut().opened += 1;
            self.loot.opened.insert((epoch, server));
            self.loot.put_share(epoch, &share);
            self.loot.parts.entry(former).or_default().extend(parts);
        }
        Ok(())
    }

    /// The share of a server in an epoch, and its parts, from what was sealed for it.
    fn opened(
        &self,
        (server, seed): (NodeId, &[u8; 32]),
        epoch: Epoch,
    ) -> Option<(KeyShare, Vec<Subshare>)> {
        let former = Epoch::new(epoch.get().checked_sub(1)?);
        let decided = self.decisions.get(&epoch)?;
        let index = decided.attempt.index_of(server)?;
        let (old, place) = (self.group_key(former), self.place(decided, epoch));
        let sharing = sharing(&decided.dealings, place, old.as_ref()).ok()?;
        let key = DecryptionKey::derive(&Seed::new(*seed));
        let recorded = self.dealings.get(&former)?;
        let mut subshares: Vec<Subshare> = Vec::new();
        for chosen in &decided.dealings {
            let is_it = |it: &&PublishedDealing| it.chosen() == *chosen;
            let published = recorded.iter().find(is_it)?;
            let checked = chosen.checked(place, old.as_ref()).ok()?;
            let sealed = published.sealed(place.1).ok()?;
            let Ok(Opened::Owed(subshare)) = key.open(&checked, &sealed, index) else {
                return None;
            };
            subshares.push(subshare);
        }
        Some((sharing.assemble_share(index, &subshares).ok()?, subshares))
    }

    fn place(&self, decided: &Decided, epoch: Epoch) -> Place {
        let system_key = Some(self.system_key);
        let occasion = Occasion { system: decided.header.system, epoch, system_key };
        (decided.attempt.session(&occasion), decided.attempt.parameters())
    }

    /// With the seed of a dealer any part of its dealing tells the share that it dealt. Where that
    /// was taken too, as the seed goes with it, this shows that the trial is one; where it was not,
    /// there is a share more.
    pub(super) fn try_dealers(&mut self) -> Verdict {
        for (former, parts) in std::mem::take(&mut self.loot.parts) {
            let ended = (self.configurations.get(&former), self.decisions.get(&former.next()));
            let (Some(configuration), Some(decided)) = ended else { continue };
            let group = configuration.configuration().membership_group.clone();
            let place = self.place(decided, former.next());
            let mut untold = Vec::new();
            for part in parts {
                let index = part.dealer().get();
                let dealer = group[usize::from(index) - 1];
                let Some(seed) = self.loot.dealers.get(&(former, dealer)) else {
                    untold.push(part);
                    continue;
                };
                let told = dealt(&Seed::new(*seed), place, &part);
                let known = self.loot.shares.get(&(former, index));
                if known.is_some_and(|known| *known != told) {
                    return broken(&format!(
                        "{dealer} dealt another share of {former} than its own"
                    ));
                }
                self.tally.borrow_mut().unmasked += 1;
                self.loot.put_value((former, index, told));
            }
            self.loot.parts.insert(former, untold);
        }
        Ok(())
    }

    /// The public side of the sharing of an epoch.
    pub(super) fn group_key(&self, epoch: Epoch) -> Option<GroupKey> {
        if epoch == Epoch::ZERO {
            return Some(self.founded.clone());
        }
        let decided = self.decisions.get(&epoch)?;
        Some(group_key(&decided.sharing, decided.attempt.parameters()))
    }
}

/// The public side of a sharing, from what is public of it.
pub(super) fn group_key(sharing: &CommitmentBytes, parameters: Parameters) -> GroupKey {
    let commitment = Commitment::decode(&sharing.0, parameters).expect("it was decided on");
    GroupKey::new(commitment).expect("there is a key")
}

/// The share that a dealer dealt, from its seed and a part: with the same seed, parts of two shares
/// differ by as much as the shares.
fn dealt(seed: &Seed, (session, parameters): Place, subshare: &Subshare) -> Number {
    let one = [&subshare.dealer().get().to_be_bytes()[..], &Number::ONE.write()].concat();
    let one = KeyShare::decode(&one).expect("one is a share");
    let of_one = Dealer { seed, session, parameters }.deal_again(&one);
    let is_same = |it: &&Subshare| it.recipient() == subshare.recipient();
    let of_one = of_one.subshares.iter().find(is_same).expect("each recipient has a part");
    value(subshare).sub(value(of_one)).add(Number::ONE)
}

fn value(subshare: &Subshare) -> Number {
    Number::read(subshare.encode().last_chunk().expect("a scalar has 32 bytes"))
}
