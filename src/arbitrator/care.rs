//! Care of the file: backups and what opening one means, the integrity check, wiping.

use std::path::PathBuf;

use bitcoin::OutPoint;
use futures::channel::oneshot;

use super::core::Core;
use super::ChainArbitrator;
use crate::channel::Refusal;
use crate::court;
use crate::error::ArbitratorError;
use crate::protocol::CommitmentNumber;
use crate::store::{ChannelRow, Finding, Restored, Store};

/// What may be wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WipeScope {
    /// Only a database all of whose channels are fully resolved.
    Resolved,
    /// Whatever there is. Money in channels that are not resolved is lost, unless there is a backup.
    Everything,
}

/// What an integrity check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegrityReport {
    /// How many channels were looked at.
    pub channels: u32,
    /// What is wrong; nothing, if all is well.
    pub findings: Vec<Finding>,
    /// What could not be looked at, because the signer or the wallet did not answer.
    pub unchecked: Vec<String>,
}

impl ChainArbitrator {
    /// Writes a consistent copy of the database to `path`, while it is in use. The copy is complete and on the disk when
    /// it appears under that name.
    ///
    /// Opening the copy marks every channel that is not fully resolved as restored: nothing of ours is broadcast, and no
    /// commitment is taken, until the peer's `channel_reestablish` ([`ChainArbitrator::peer_message`]) shows that it is the
    /// newest. It is opened where it is, or moved to a place where no file of another database lies beside it.
    ///
    /// # Errors
    /// [`StoreError::BackupExists`](crate::store::StoreError::BackupExists), or as the disk has it.
    pub async fn backup(&self, path: impl Into<PathBuf>) -> Result<(), ArbitratorError> {
        let path = path.into();
        self.beside(move |reader| Ok(reader.back_up(&path)?)).await
    }

    /// Looks at every row: whether SQLite finds the file sound, whether each value is one that could have been
    /// written, whether stored commitments are what both sides signed, and whether signer and wallet know their own.
    /// Commands go on meanwhile.
    ///
    /// # Errors
    /// When the file cannot be read at all. What is wrong in it is in the report.
    pub async fn integrity_check(&self) -> Result<IntegrityReport, ArbitratorError> {
        let (channels, findings) = self.beside(|reader| Ok(reader.check()?)).await?;
        let mut report = IntegrityReport {
            channels,
            findings,
            unchecked: Vec::new(),
        };
        let (findings, unchecked) = self
            .executor
            .run(|core| Box::pin(async move { core.check_with_app().await }))
            .await?;
        report.findings.extend(findings);
        report.unchecked = unchecked;
        Ok(report)
    }

    /// Overwrites and deletes the database and everything beside it. Every later call gives
    /// [`ArbitratorError::ShutDown`], and the next open makes a new database. Killed in the middle, the next open finds
    /// all of the old one, or finishes the wipe.
    ///
    /// Flash storage and file systems that copy on write may keep the old content where only a laboratory finds it.
    ///
    /// # Errors
    /// [`ArbitratorError::Unresolved`] and rows that cannot be read, with [`WipeScope::Resolved`]: nothing has changed.
    /// When a file cannot be deleted: the arbitrator is shut down, and the next open finishes the wipe.
    pub async fn wipe(&self, scope: WipeScope) -> Result<(), ArbitratorError> {
        let quiet = self.file.clone().lock_owned().await;
        let reader = self.reader.clone();
        let (answer, answered) = oneshot::channel();
        self.executor
            .end(move |core| match core.check_may_wipe(scope) {
                Err(error) => {
                    let _ = answer.send(Err(error));
                    None
                }
                Ok(()) => Some(Box::new(move |core: Core| {
                    reader.stop();
                    let wiped = core.store.wipe();
                    drop(quiet);
                    let _ = answer.send(wiped.map_err(ArbitratorError::from));
                })),
            })?;
        answered.await.map_err(|_| ArbitratorError::ShutDown)?
    }

    /// Runs `work` on a thread of its own, with a reading connection of its own.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(Store) -> Result<T, ArbitratorError> + Send + 'static,
    ) -> Result<T, ArbitratorError> {
        let reading = self.file.clone().lock_owned().await;
        let reader = self
            .executor
            .run(|core| Box::pin(async move { Ok(core.store.reader()?) }))
            .await?;
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("lightning-care".into())
            .spawn(move || {
                let done = work(reader);
                drop(reading);
                let _ = answer.send(done);
            })
            .map_err(|error| ArbitratorError::Thread(error.to_string()))?;
        answered.await.map_err(|_| ArbitratorError::ShutDown)?
    }
}

impl Core {
    /// Turns the mark of a backup into a latch on each of its channels.
    pub(super) fn latch_restored(&self) -> Result<(), ArbitratorError> {
        let Some(backup) = self.store.backup_mark()? else {
            return Ok(());
        };
        let tip = self.tip_height()?;
        let mut channels = Vec::new();
        for (row, channel) in self.store.channels()?.channels {
            // Without its case a channel broadcasts nothing, and every tick reports it.
            match self.store.case(row) {
                Ok(before) => channels.push(Restored {
                    row,
                    channel,
                    step: court::restored(&before, channel, &backup, tip),
                    before,
                }),
                Err(error) => log::error!("channel {channel}: not marked as restored: {error}"),
            }
        }
        Ok(self.store.put_restored(&channels)?)
    }

    fn check_may_wipe(&self, scope: WipeScope) -> Result<(), ArbitratorError> {
        match scope {
            WipeScope::Everything => return Ok(()),
            WipeScope::Resolved => {}
        }
        let docket = self.store.channels()?;
        if let Some(error) = docket.unreadable.into_iter().next() {
            return Err(error.into());
        }
        for (row, channel) in docket.channels {
            if self.refusal(row)? != Some(Refusal::Ended) {
                return Err(ArbitratorError::Unresolved { channel });
            }
        }
        Ok(())
    }

    /// What only signer and wallet can say: whether keys and scripts are theirs.
    async fn check_with_app(&self) -> Result<(Vec<Finding>, Vec<String>), ArbitratorError> {
        let mut findings = Vec::new();
        let mut unchecked = Vec::new();
        for (row, channel) in self.store.channels()?.channels {
            match self.check_keys(row, channel).await {
                Ok(found) => findings.extend(found),
                Err(error) => unchecked.push(format!("channel {channel}: {error}")),
            }
        }
        Ok((findings, unchecked))
    }

    async fn check_keys(
        &self,
        row: ChannelRow,
        channel: OutPoint,
    ) -> Result<Vec<Finding>, ArbitratorError> {
        // A row that cannot be read was found already.
        let Ok(terms) = self.store.terms(row) else {
            return Ok(Vec::new());
        };
        let mut findings = Vec::new();
        let mut expect = |table: &str, column: &str, holds: bool, what: &str| {
            if !holds {
                findings.push(Finding {
                    channel: Some(channel),
                    table: table.into(),
                    column: Some(column.into()),
                    what: what.into(),
                });
            }
        };
        let keys_id = terms.keys_id;
        let (keys, point) = self
            .ask_signer(channel, move |signer| {
                let point = signer.per_commitment_point(&keys_id, CommitmentNumber::ZERO)?;
                Ok((signer.channel_keys(&keys_id)?, point))
            })
            .await?;
        expect(
            "channel",
            "keys_id",
            keys == terms.local.keys,
            "the signer has other keys under this name",
        );
        expect(
            "party",
            "first_per_commitment_point",
            point == terms.local.first_per_commitment_point,
            "the signer has another",
        );
        if let Some(script) = self.store.sweep_script(row)? {
            let is_ours = self
                .ask_wallet(move |wallet| wallet.is_our_address(&script))
                .await?;
            expect("sweep_script", "script", is_ours, "not the wallet's");
        }
        Ok(findings)
    }
}
