//! What the refusals of the log say to an operator.

use quorate_membership::Refusal;

use crate::explanation::{Explanation, Kind};

/// The failure in the form that all commands print; `place` is the certificate or the server.
#[must_use]
pub fn explain(refusal: Refusal, place: impl Into<String>) -> Explanation {
    let (kind, code) = sort(refusal);
    let (what, remedy) = text(refusal);
    Explanation { kind, code, what, place: place.into(), remedy: String::from(remedy) }
}

const fn sort(refusal: Refusal) -> (Kind, &'static str) {
    match refusal {
        Refusal::Foreign => (Kind::Configuration, "other-system"),
        Refusal::NotYetValid => (Kind::Unauthorised, "certificate-not-yet-valid"),
        Refusal::Expired => (Kind::Unauthorised, "certificate-expired"),
        Refusal::Replayed { .. } => (Kind::Unauthorised, "certificate-replayed"),
        Refusal::Removed { .. } => (Kind::Unauthorised, "server-removed"),
        Refusal::BadSignature => (Kind::Unauthorised, "certificate-signature"),
        Refusal::BadServer => (Kind::Configuration, "admission-refused"),
        Refusal::Full => (Kind::TooLarge, "too-many-servers"),
        Refusal::TooFewServers => (Kind::Usage, "too-few-servers"),
        Refusal::Founding => (Kind::NotServing, "founding"),
        Refusal::TooLarge => (Kind::Usage, "group-too-large"),
        Refusal::NoCouncil => (Kind::Usage, "no-council"),
        Refusal::NoGroup => (Kind::Usage, "no-group"),
        Refusal::NeighboursGone => (Kind::Usage, "too-many-neighbours"),
    }
}

fn text(refusal: Refusal) -> (String, &'static str) {
    let again = "make and sign another one";
    let (what, remedy) = match refusal {
        Refusal::Foreign => {
            ("the certificate is for another system", "name the cluster.toml of its system")
        }
        Refusal::NotYetValid => {
            ("the first epoch of the certificate has not begun", "submit it again later")
        }
        Refusal::Expired => ("the last epoch of the certificate has passed", again),
        Refusal::Replayed { highest } => {
            let what = format!(
                "a certificate with this number or a higher one, {highest}, was executed already"
            );
            return (what, again);
        }
        Refusal::Removed { last_epoch } => {
            let until = match last_epoch.get() {
                u64::MAX => String::from("for good"),
                epoch => format!("until epoch {epoch} has passed"),
            };
            let what = format!("the server was removed, {until}");
            let remedy = "make another server with `quorate node new`: it gets keys of its own";
            return (what, remedy);
        }
        Refusal::BadSignature => (
            "too few of those who sign for the authority have signed, or somebody else has",
            "see `quorate authority show`, and collect their signatures with `quorate authority \
             sign`",
        ),
        Refusal::BadServer => (
            "the address or the failure domain in the certificate is malformed",
            "make another admission with `quorate node new`",
        ),
        Refusal::Full => {
            ("the system keeps records of no more servers", "remove servers, or found another one")
        }
        Refusal::TooFewServers => (
            "too few active servers would be left for a group, with all that waits counted",
            "add a server first: `quorate node replace` does both",
        ),
        Refusal::Founding => {
            ("the system is still making its key", "try again when its first epoch has ended")
        }
        Refusal::TooLarge => ("no group of this size can be run", "give a smaller number"),
        Refusal::NoCouncil => {
            ("these keys are no council", "name each key once, and no more signatures than keys")
        }
        Refusal::NoGroup => (
            "no group of this size can be drawn by this rule, with all that waits counted",
            "name more servers of the pool with `quorate group rotate --pool`, or a smaller size, \
             or let more seats change",
        ),
        Refusal::NeighboursGone => (
            "as many of its neighbours on the ring have gone, or are to be removed, as a group can \
             bear",
            "bring others back first; with --override it is removed all the same",
        ),
    };
    (String::from(what), remedy)
}

#[cfg(test)]
mod tests {
    //! Each refusal is told apart from the others, and says what helps.
    use std::collections::BTreeSet;

    use quorate_membership::Refusal;
    use quorate_types::Epoch;

    use super::explain;

    #[test]
    fn each_refusal_has_a_code_and_a_remedy_of_its_own_kind() {
        let refusals = [
            Refusal::Foreign,
            Refusal::NotYetValid,
            Refusal::Expired,
            Refusal::Replayed { highest: 7 },
            Refusal::Removed { last_epoch: Epoch::new(9) },
            Refusal::BadSignature,
            Refusal::BadServer,
            Refusal::Full,
            Refusal::TooFewServers,
            Refusal::Founding,
            Refusal::TooLarge,
            Refusal::NoCouncil,
            Refusal::NoGroup,
            Refusal::NeighboursGone,
        ];
        let explained = refusals.map(|refusal| explain(refusal, "here"));
        let codes: BTreeSet<_> = explained.iter().map(|it| it.code).collect();
        assert_eq!(codes.len(), refusals.len());
        assert!(explained.iter().all(|it| !it.remedy.is_empty() && it.place == "here"));
        assert!(explained[3].what.contains("7"), "{}", explained[3]);
        assert!(explained[4].what.contains("until epoch 9 has passed"), "{}", explained[4]);
        let for_ever = explain(Refusal::Removed { last_epoch: Epoch::new(u64::MAX) }, "it");
        assert!(for_ever.what.ends_with("for good"), "{for_ever}");
    }
}
