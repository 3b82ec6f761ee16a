//! Dust: HTLCs that are too small for an output. Going to the chain does nothing for them.

use std::collections::BTreeSet;

use super::Dossier;
use crate::channel::HtlcRef;

/// The HTLCs that have an output on a commitment that may confirm. On one that cannot be built all of its HTLCs may
/// have one.
pub(super) fn with_an_output(dossier: &Dossier) -> BTreeSet<HtlcRef> {
    let mut found = BTreeSet::new();
    for candidate in dossier.candidates.iter().filter(|it| !it.htlcs.is_empty()) {
        match candidate.build(&dossier.terms, &dossier.htlcs) {
            Ok(built) => found.extend(
                built
                    .htlc_outputs()
                    .filter_map(|(_, index)| candidate.htlcs.get(index).copied()),
            ),
            Err(_) => found.extend(candidate.htlcs.iter().copied()),
        }
    }
    found
}
