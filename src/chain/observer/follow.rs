//! From our tip to the server's: by linked headers where a fact needs them, by a jump where none does, over to its branch
//! when that has more work than ours, and not at all when it has less.

use bitcoin::constants::genesis_block;
use bitcoin::BlockHash;

use super::super::block::{BlockHeight, BlockRef};
use super::super::branch::{sum_of_work, PAGE};
use super::super::error::ChainError;
use super::super::source::{BlockStatus, PlacedHeader};
use super::{Observer, ServerStanding, SyncOutcome};

/// How the server's newest headers relate to our tip.
enum Step {
    /// We have no tip yet.
    Begin,
    /// Our tip is theirs.
    Arrived,
    /// These stand on our tip.
    Extend(Vec<PlacedHeader>),
    /// They lie above our tip with a gap between, which facts need linked at least up to where this page ends.
    Link(BlockHeight),
    /// They lie above our tip with a gap between, which nothing needs.
    Jump(BlockRef),
    /// Our tip is not below theirs.
    Fork,
}

/// Where the server's branch leaves ours.
enum Fork {
    /// Right above this block, which we hold.
    At(BlockRef),
    /// Further down than the headers compared so far.
    Deeper,
    /// Below everything that we hold.
    BelowAll,
}

impl Observer<'_> {
    /// Moves our tip to the server's, or finds that the server is behind. Each step is stored.
    pub(super) async fn follow(
        &mut self,
        read: BlockHash,
        outcome: &mut SyncOutcome,
    ) -> Result<ServerStanding, ChainError> {
        if self.view.tip().is_some_and(|tip| tip.hash == read) {
            return Ok(ServerStanding::Current);
        }
        if let Some(server_tip) = self.behind.filter(|behind| behind.hash == read) {
            return Ok(ServerStanding::Behind { server_tip });
        }
        let standing = self.move_towards_server(outcome).await?;
        self.behind = match standing {
            ServerStanding::Behind { server_tip } => Some(server_tip),
            ServerStanding::Current | ServerStanding::Unknown => None,
        };
        Ok(standing)
    }

    async fn move_towards_server(
        &mut self,
        outcome: &mut SyncOutcome,
    ) -> Result<ServerStanding, ChainError> {
        let newest = self.source.newest_headers(self.budget).await?;
        let newest = self.work_rules().check_branch(newest)?;
        let Some(server_tip) = newest.last().map(PlacedHeader::block) else {
            return Err(malformed("newest headers", "none given"));
        };
        // Whatever the tip was when it was read: these headers are newer, and their top is what must be read again.
        self.tip_read = Some(server_tip.hash);
        loop {
            match self.step_towards(&newest) {
                Step::Arrived => return Ok(ServerStanding::Current),
                Step::Begin => {
                    self.check_network().await?;
                    self.keep(self.view.extended(&newest), outcome)?;
                }
                Step::Extend(headers) => self.keep(self.view.extended(&headers), outcome)?,
                Step::Jump(ours) => {
                    if self.server_holds(ours).await? {
                        self.keep(self.view.jumped(&newest), outcome)?;
                    } else if !self.change_branch(&newest, outcome).await? {
                        return Ok(ServerStanding::Behind { server_tip });
                    }
                }
                Step::Link(end) => {
                    let page = self.page(end).await?;
                    let change = self
                        .standing_on_our_tip(&page)
                        .map(|above| self.view.extended(above));
                    match change {
                        Some(change) => self.keep(change, outcome)?,
                        None if self.change_branch(&newest, outcome).await? => {}
                        None => return Ok(ServerStanding::Behind { server_tip }),
                    }
                }
                Step::Fork => {
                    if !self.change_branch(&newest, outcome).await? {
                        return Ok(ServerStanding::Behind { server_tip });
                    }
                }
            }
        }
    }

    fn step_towards(&self, newest: &[PlacedHeader]) -> Step {
        let Some(ours) = self.view.tip() else {
            return Step::Begin;
        };
        let (Some(lowest), Some(top)) = (newest.first(), newest.last()) else {
            return Step::Fork;
        };
        if top.block() == ours {
            return Step::Arrived;
        }
        if let Some(above) = self.standing_on_our_tip(newest) {
            return Step::Extend(above.to_vec());
        }
        if lowest.height <= ours.height.saturating_add(1) {
            return Step::Fork;
        }
        match self.view.must_link_up_to(self.policy.final_depth) {
            Some(needed) if needed > ours.height => {
                let end = ours.height.saturating_add(PAGE);
                Step::Link(end.min(lowest.height.saturating_sub(1)))
            }
            Some(_) | None => Step::Jump(ours),
        }
    }

    /// The part of verified headers that stands on our tip, if they reach it.
    fn standing_on_our_tip<'h>(&self, headers: &'h [PlacedHeader]) -> Option<&'h [PlacedHeader]> {
        let ours = self.view.tip()?;
        let start = headers
            .iter()
            .position(|placed| placed.height == ours.height.saturating_add(1))?;
        let above = headers.get(start..)?;
        above
            .first()
            .filter(|first| first.header.prev_blockhash == ours.hash)
            .map(|_| above)
    }

    /// Asks for the first block of our network. Needed only where nothing that we hold links us to the server's branch:
    /// other networks have valid headers too, and some of them more work.
    async fn check_network(&self) -> Result<(), ChainError> {
        let first = BlockRef {
            height: BlockHeight::new(0),
            hash: genesis_block(self.network).block_hash(),
        };
        match self.server_holds(first).await? {
            true => Ok(()),
            false => Err(ChainError::WrongNetwork {
                network: self.network,
            }),
        }
    }

    async fn server_holds(&self, block: BlockRef) -> Result<bool, ChainError> {
        match self.source.block_status(block.hash, self.budget).await? {
            BlockStatus::Best { height } if height == block.height => Ok(true),
            BlockStatus::Best { .. } => Err(malformed(
                "block status",
                "another height than its header has",
            )),
            BlockStatus::Stale | BlockStatus::Unknown => Ok(false),
        }
    }

    /// Goes over to the server's branch if it shows, by linked headers, more work than ours from the fork on. False when
    /// it does not.
    async fn change_branch(
        &mut self,
        newest: &[PlacedHeader],
        outcome: &mut SyncOutcome,
    ) -> Result<bool, ChainError> {
        let (Some(ours), Some(lowest), Some(top)) =
            (self.view.tip(), self.view.lowest_linked(), newest.last())
        else {
            return Ok(false);
        };
        if top.height < lowest || self.view.hash_at(top.height) == Some(top.header.block_hash()) {
            return Ok(false);
        }
        let reaches_down = newest
            .first()
            .is_some_and(|first| first.height <= ours.height);
        let mut branch = if reaches_down {
            newest.to_vec()
        } else {
            self.page(ours.height).await?
        };
        let fork = loop {
            match self.fork_below(&branch, lowest) {
                Fork::At(fork) => break Some(fork),
                Fork::BelowAll => break None,
                Fork::Deeper => branch = self.with_page_below(branch).await?,
            }
        };
        let first_above = fork.map_or(lowest, |fork| fork.height.saturating_add(1));
        branch.retain(|placed| placed.height >= first_above);
        let our_work = self.view.work_from(first_above);
        while sum_of_work(branch.iter().copied()) <= our_work {
            if branch.last().is_some_and(|last| last.height >= top.height) {
                return Ok(false);
            }
            branch = self.with_page_above(branch, fork, top.height).await?;
        }
        let change = match fork {
            Some(fork) => self.view.reorganised(fork, &branch),
            None => {
                self.check_network().await?;
                self.view.restarted(&branch, self.policy.final_depth)
            }
        };
        self.keep(change, outcome)?;
        Ok(true)
    }

    fn fork_below(&self, branch: &[PlacedHeader], lowest: BlockHeight) -> Fork {
        let is_ours = |block: &BlockRef| {
            block.height >= lowest && self.view.hash_at(block.height) == Some(block.hash)
        };
        if let Some(common) = branch.iter().rev().map(PlacedHeader::block).find(is_ours) {
            return Fork::At(common);
        }
        let Some(first) = branch.first() else {
            return Fork::BelowAll;
        };
        let below = BlockRef {
            height: first.height.saturating_sub(1),
            hash: first.header.prev_blockhash,
        };
        match first.height <= lowest {
            true => Fork::BelowAll,
            false if is_ours(&below) => Fork::At(below),
            false => Fork::Deeper,
        }
    }

    async fn with_page_below(
        &self,
        branch: Vec<PlacedHeader>,
    ) -> Result<Vec<PlacedHeader>, ChainError> {
        let Some(first) = branch.first() else {
            return Ok(branch);
        };
        let mut longer = self.page(first.height.saturating_sub(1)).await?;
        longer.extend(branch);
        Ok(self.work_rules().check_branch(longer)?)
    }

    async fn with_page_above(
        &self,
        branch: Vec<PlacedHeader>,
        fork: Option<BlockRef>,
        top: BlockHeight,
    ) -> Result<Vec<PlacedHeader>, ChainError> {
        let reached = branch
            .last()
            .map(|last| last.height)
            .or(fork.map(|fork| fork.height));
        let Some(reached) = reached else {
            return Err(malformed("headers", "none given"));
        };
        let page = self.page(reached.saturating_add(PAGE).min(top)).await?;
        let (before, mut longer) = (branch.len(), branch);
        longer.extend(page.into_iter().filter(|placed| placed.height > reached));
        if longer.len() == before {
            return Err(malformed(
                "headers",
                "a page does not reach down to the one before",
            ));
        }
        let stands_on_fork = match (before, fork, longer.first()) {
            (0, Some(fork), Some(first)) => first.header.prev_blockhash == fork.hash,
            (_, _, _) => true,
        };
        if !stands_on_fork {
            return Err(malformed("headers", "the branch changed between two pages"));
        }
        Ok(self.work_rules().check_branch(longer)?)
    }

    /// Verified headers, from low to high, the last of them at `end`.
    pub(super) async fn page(&self, end: BlockHeight) -> Result<Vec<PlacedHeader>, ChainError> {
        let page = self.source.headers_ending_at(end, self.budget).await?;
        let page = self.work_rules().check_branch(page)?;
        match page.last() {
            Some(last) if last.height == end => Ok(page),
            Some(_) | None => Err(malformed(
                "headers",
                "the page does not end where it was asked to",
            )),
        }
    }
}

fn malformed(endpoint: &str, what: &str) -> ChainError {
    ChainError::Malformed {
        endpoint: endpoint.to_owned(),
        what: what.to_owned(),
    }
}
