//! The stages of a channel's life. What puts a channel into them is the court's to say.

/// How far a channel's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lifecycle {
    /// The funding transaction is not on the chain as the terms say.
    Pending,
    /// The channel may be used.
    Open,
    /// It takes no more updates, and its end is under way.
    Closing,
    /// It has ended, irrevocably.
    Closed,
}
