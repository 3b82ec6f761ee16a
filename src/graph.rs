//! The network as the app knows it: whether an announced channel of ours is in it.

use crate::protocol::ShortChannelId;

/// Why the app could not say; a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GraphError(pub String);

/// The app's view of the network's graph. Needed by apps that keep one; the others announce a channel once.
pub trait GraphView: Send + Sync {
    /// Whether the graph holds the channel of this name. Asked once for each announced channel after the database was opened.
    ///
    /// # Errors
    /// When the graph is not to be had: asked again after the next opening.
    fn has_channel(&self, id: ShortChannelId) -> Result<bool, GraphError>;
}
