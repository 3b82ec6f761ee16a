//! Care of the file, as apps see it: backups, the integrity check, wiping.

use super::{ArbitratorError, ChainArbitrator, OutPoint};
use crate::{arbitrator, store};

/// What may be wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum WipeScope {
    /// Only a database all of whose channels are fully resolved.
    Resolved,
    /// Whatever there is. Money in channels that are not resolved is lost, unless there is a backup.
    Everything,
}

impl From<WipeScope> for arbitrator::WipeScope {
    fn from(scope: WipeScope) -> Self {
        match scope {
            WipeScope::Resolved => arbitrator::WipeScope::Resolved,
            WipeScope::Everything => arbitrator::WipeScope::Everything,
        }
    }
}

/// Something in the database that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct IntegrityFinding {
    /// The channel it concerns, if it concerns one.
    pub channel: Option<OutPoint>,
    /// The table, or `file`.
    pub table: String,
    /// The column, as far as it can be said.
    pub column: Option<String>,
    /// What is wrong, for people.
    pub what: String,
}

impl From<store::Finding> for IntegrityFinding {
    fn from(finding: store::Finding) -> Self {
        IntegrityFinding {
            channel: finding.channel.map(OutPoint::from),
            table: finding.table,
            column: finding.column,
            what: finding.what,
        }
    }
}

/// What an integrity check came to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct IntegrityReport {
    /// How many channels were looked at.
    pub channels: u32,
    /// What is wrong; nothing, if all is well.
    pub findings: Vec<IntegrityFinding>,
    /// What could not be looked at, because the signer or the wallet did not answer.
    pub unchecked: Vec<String>,
}

impl From<arbitrator::IntegrityReport> for IntegrityReport {
    fn from(report: arbitrator::IntegrityReport) -> Self {
        let findings = report.findings.into_iter();
        IntegrityReport {
            channels: report.channels,
            findings: findings.map(IntegrityFinding::from).collect(),
            unchecked: report.unchecked,
        }
    }
}

#[uniffi::export]
impl ChainArbitrator {
    /// Writes a consistent copy of the database to a file that must not exist, while the database is in use. The copy is
    /// complete and on the disk when it appears under that name.
    ///
    /// Opening the copy marks every channel that is not fully resolved as restored, until the peer's `channel_reestablish`
    /// (`peer_message`) shows that it is the newest. It is opened where it is, or moved to a place where no file of another
    /// database lies beside it.
    pub async fn backup(&self, path: String) -> Result<(), ArbitratorError> {
        Ok(self.core.backup(path).await?)
    }

    /// Looks at every row: whether the file is sound, each value one that could have been written, each commitment what
    /// both sides signed. Commands go on meanwhile. What is wrong is in the report.
    pub async fn integrity_check(&self) -> Result<IntegrityReport, ArbitratorError> {
        Ok(self.core.integrity_check().await?.into())
    }

    /// Overwrites and deletes the database and everything beside it. Every later call gives `ShutDown`, and the next open
    /// makes a new database. Refused with `Unresolved` while a channel is not fully resolved, unless `Everything` is to go.
    ///
    /// Flash storage may keep the old content where only a laboratory finds it.
    pub async fn wipe(&self, scope: WipeScope) -> Result<(), ArbitratorError> {
        Ok(self.core.wipe(scope.into()).await?)
    }
}
