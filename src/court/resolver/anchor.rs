//! Our anchor on a commitment that confirmed. It was there to raise that commitment's fee; alone it is worth less than
//! the transaction that would sweep it, at any feerate that nodes relay. Anyone may have it after 16 blocks.
//!
//! | nobody has spent it | then                          |
//! |---------------------|-------------------------------|
//! | always              | `Uneconomic`                  |

use super::{ContractRole, Next, Progress, Reason};

pub(super) fn next() -> Next {
    let reason = Reason::AnchorAlone;
    (ContractRole::Anchor, Progress::Uneconomic { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_left_whenever_it_is_looked_at() {
        let reason = Reason::AnchorAlone;
        let left = (ContractRole::Anchor, Progress::Uneconomic { reason });
        assert_eq!(next(), left);
    }
}
