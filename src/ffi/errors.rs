//! Every error of the library, as apps catch it: one case per reason, with its data, and a sentence for people.

mod convert;

use super::{HtlcKey, OutPoint, Party, Refusal};

/// Everything that can go wrong. What the channel engine said was refused, and nothing has changed, in every case
/// that names a field, a commitment, an HTLC or a signature.
///
/// The sentence for people is `toString()` in Kotlin (`message` lists the data), and `localizedDescription` in Swift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum ArbitratorError {
    /// What was given cannot be: wrong length, not a point, a number out of range, a setting that cannot be used.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// Path of the field, such as `local.keys.funding`.
        field: String,
        /// Why, for people.
        reason: String,
    },

    /// The terms contradict themselves, BOLT 2 or the signer's keys.
    #[error("channel {channel}: terms refused: {field}: {reason}")]
    Terms {
        /// The channel.
        channel: OutPoint,
        /// The field at fault.
        field: String,
        /// Why, for people.
        reason: String,
    },
    /// The channel is registered already, with other terms.
    #[error("channel {channel}: registered already, with another {field}")]
    TermsDiffer {
        /// The channel.
        channel: OutPoint,
        /// The first field that differs.
        field: String,
    },
    /// No channel with that funding output is registered.
    #[error("channel {channel} is not registered")]
    UnknownChannel {
        /// The channel asked for.
        channel: OutPoint,
    },
    /// BOLT 2 lets only the next number, or the present one once more, be signed; or revoked.
    #[error("channel {channel}: {party} commitment {number} is out of order: {expected} is the next", party = whose(*party))]
    OutOfOrder {
        /// The channel.
        channel: OutPoint,
        /// Whose commitment.
        party: Party,
        /// The number given.
        number: u64,
        /// The number due.
        expected: u64,
    },
    /// That number is revoked: it can get no further alternative.
    #[error("channel {channel}: {party} commitment {number} is revoked already", party = whose(*party))]
    AlreadyRevoked {
        /// The channel.
        channel: OutPoint,
        /// Whose commitment.
        party: Party,
        /// The number given.
        number: u64,
    },
    /// One of several updates that were told in one call was refused; nothing of the call has changed anything.
    #[error("update {index} of the call: {refusal}")]
    UpdateRefused {
        /// Which one, counted from 0.
        index: u32,
        /// Why: what the call for this update alone would have given.
        refusal: Box<ArbitratorError>,
    },
    /// Balances and HTLCs claim more than the channel holds.
    #[error("channel {channel}: {claimed_msat} msat claimed of {capacity_sat} sat")]
    AboveCapacity {
        /// The channel.
        channel: OutPoint,
        /// What they add up to.
        claimed_msat: u64,
        /// What the channel holds.
        capacity_sat: u64,
    },
    /// Balances and HTLCs leave part of the channel to nobody.
    #[error("channel {channel}: only {claimed_msat} msat accounted for of {capacity_sat} sat")]
    Unbalanced {
        /// The channel.
        channel: OutPoint,
        /// What they add up to.
        claimed_msat: u64,
        /// What the channel holds.
        capacity_sat: u64,
    },
    /// One HTLC is impossible by itself, or contradicts what was said of it before.
    #[error("channel {channel}: HTLC {htlc}: {field} refused: {reason}", htlc = named(*htlc))]
    HtlcRefused {
        /// The channel.
        channel: OutPoint,
        /// The HTLC.
        htlc: HtlcKey,
        /// The field at fault.
        field: String,
        /// Why, for people.
        reason: String,
    },
    /// No HTLC with that key was ever on a commitment of the channel.
    #[error("channel {channel}: unknown HTLC {htlc}", htlc = named(*htlc))]
    UnknownHtlc {
        /// The channel.
        channel: OutPoint,
        /// The HTLC asked for.
        htlc: HtlcKey,
    },
    /// A short channel id or alias names another channel already.
    #[error("channel {channel}: {id} is the name of channel {taken_by}")]
    ShortChannelIdTaken {
        /// The channel that was to get it.
        channel: OutPoint,
        /// The id or alias.
        id: String,
        /// The channel that has it.
        taken_by: OutPoint,
    },
    /// No signatures were given for a funding output of the channel, or for one that it does not have.
    #[error("channel {channel}: signatures for funding {funding}: {reason}")]
    FundingSignatures {
        /// The channel.
        channel: OutPoint,
        /// The funding output.
        funding: OutPoint,
        /// Why, for people.
        reason: String,
    },
    /// The peer's signature over our commitment does not verify.
    #[error("channel {channel}: the peer's signature of commitment {number} does not verify")]
    CommitmentSignature {
        /// The channel.
        channel: OutPoint,
        /// The commitment.
        number: u64,
    },
    /// There must be one HTLC signature per untrimmed HTLC (BOLT 2: `num_htlcs`).
    #[error("channel {channel}: {given} HTLC signatures for {expected} untrimmed HTLCs")]
    HtlcSignatureCount {
        /// The channel.
        channel: OutPoint,
        /// How many were given.
        given: u64,
        /// How many there must be.
        expected: u64,
    },
    /// The peer's signature over one second-level transaction does not verify.
    #[error("channel {channel}: the peer's signature of HTLC {htlc} (signature {index}) does not verify", htlc = named(*htlc))]
    HtlcSignature {
        /// The channel.
        channel: OutPoint,
        /// Which of the HTLC signatures, from 0.
        index: u64,
        /// The HTLC it should be over.
        htlc: HtlcKey,
    },
    /// A commitment for the peer was built on another per-commitment point than the peer announced.
    #[error("channel {channel}: the per-commitment point of remote commitment {number} is not the announced one")]
    PerCommitmentPoint {
        /// The channel.
        channel: OutPoint,
        /// The commitment.
        number: u64,
    },
    /// The revealed secret does not belong to its point, or contradicts the secrets held.
    #[error("channel {channel}: the secret of commitment {number} does not match")]
    WrongSecret {
        /// The channel.
        channel: OutPoint,
        /// The commitment.
        number: u64,
    },
    /// The channel is closing, or has ended: it takes no more commitments, and once it has ended nothing at all.
    #[error("channel {channel}: refused: {reason}")]
    Closing {
        /// The channel.
        channel: OutPoint,
        /// Why.
        reason: Refusal,
    },
    /// The channel comes from a backup: until the peer's `channel_reestablish` confirms it, it takes no commitments, and nothing of
    /// ours is broadcast.
    #[error("channel {channel}: restored from a backup and not confirmed")]
    Restored {
        /// The channel.
        channel: OutPoint,
    },
    /// The peer expects a commitment beyond those that the database knows of, and proves nothing. BOLT 2: the channel fails.
    #[error("channel {channel}: the peer's next_commitment_number is {peers}, ours would be {ours} at most")]
    BehindPeer {
        /// The channel.
        channel: OutPoint,
        /// The greatest that we could explain.
        ours: u64,
        /// The peer's.
        peers: u64,
    },
    /// The transaction given as a cooperative close is none of this channel.
    #[error("channel {channel}: not a cooperative close: {reason}")]
    ClosingTransaction {
        /// The channel.
        channel: OutPoint,
        /// Why, for people.
        reason: String,
    },
    /// The peer's `channel_reestablish` holds another secret than ours of the commitment that it names. BOLT 2: the channel
    /// fails.
    #[error("channel {channel}: channel_reestablish holds another secret than ours of commitment {number}")]
    ReestablishSecret {
        /// The channel.
        channel: OutPoint,
        /// The commitment of ours.
        number: u64,
    },
    /// A figure cannot be used in a Lightning transaction.
    #[error("{reason}")]
    Protocol {
        /// The channel, if it concerns one.
        channel: Option<OutPoint>,
        /// Which figure and why, for people.
        reason: String,
    },

    /// What was said of the opening is impossible, or not what was said before; nothing has changed.
    #[error("channel {channel}: its opening is refused: {reason}")]
    OpeningRefused {
        /// The channel.
        channel: OutPoint,
        /// Why, for people.
        reason: String,
    },
    /// The peer's message is of a type that others read.
    #[error("a message of type {message_type}, which is not read here")]
    NotForUs {
        /// Its type.
        message_type: u16,
    },
    /// The peer's message is wrong; nothing has changed.
    #[error("the peer's message is refused: {reason}")]
    PeerMessageRefused {
        /// The channel, if it is one that we know.
        channel: Option<OutPoint>,
        /// Why, for people.
        reason: String,
    },

    /// There is no commitment of ours to broadcast.
    #[error("channel {channel}: there is no commitment of ours to broadcast")]
    NothingToBroadcast {
        /// The channel.
        channel: OutPoint,
    },
    /// The funding was cancelled: there is nothing to close.
    #[error("channel {channel}: its funding was cancelled")]
    FundingCancelled {
        /// The channel.
        channel: OutPoint,
    },
    /// The funding is on the chain: it cannot be cancelled any more.
    #[error("channel {channel}: its funding is on the chain")]
    FundingConfirmed {
        /// The channel.
        channel: OutPoint,
    },
    /// The channel is closed: there is nothing to preview.
    #[error("channel {channel}: it is closed")]
    AlreadyClosed {
        /// The channel.
        channel: OutPoint,
    },
    /// No claim of ours takes the output now, and no commitment with that anchor waits.
    #[error("channel {channel}: no transaction of ours claims {outpoint} now")]
    UnknownClaim {
        /// The channel.
        channel: OutPoint,
        /// The output.
        outpoint: OutPoint,
    },
    /// The transaction is as the peer signed it: its fee is fixed.
    #[error("channel {channel}: the transaction that claims {outpoint} is as the peer signed it")]
    NotReplaceable {
        /// The channel.
        channel: OutPoint,
        /// The output.
        outpoint: OutPoint,
    },
    /// The feerate is above the policy's cap.
    #[error("channel {channel}: {feerate_per_kw} sat/kwu for {outpoint} is above the cap of {cap_per_kw}")]
    FeerateAboveCap {
        /// The channel.
        channel: OutPoint,
        /// The output.
        outpoint: OutPoint,
        /// What was asked for, in sat per 1000 weight units.
        feerate_per_kw: u64,
        /// The cap.
        cap_per_kw: u64,
    },
    /// At that feerate the fee would be more than what is claimed, or what a commitment holds for us.
    #[error("channel {channel}: {fee_sat} sat for {outpoint} is more than the {value_sat} sat that it brings")]
    FeeAboveValue {
        /// The channel.
        channel: OutPoint,
        /// The output.
        outpoint: OutPoint,
        /// The fee.
        fee_sat: u64,
        /// What is claimed.
        value_sat: u64,
    },
    /// The embedded wallet has no coins to send away, or they are worth less than their fee.
    #[error("the reserve: {held_sat} sat are free, and the fee is {fee_sat} sat")]
    NothingToSend {
        /// What is free.
        held_sat: u64,
        /// The fee.
        fee_sat: u64,
    },
    /// The embedded wallet's coins are on their way, by a transaction that pays as much, or nearly.
    #[error(
        "the reserve: {txid} is on its way; {fee_sat} sat do not replace it, {needed_sat} would"
    )]
    FeeBelowReplaced {
        /// What is on its way.
        txid: String,
        /// What the new one would pay.
        fee_sat: u64,
        /// What it has to pay.
        needed_sat: u64,
    },
    /// The height is not above the tip.
    #[error(
        "channel {channel}: {outpoint} cannot be claimed by height {height}, the tip is {tip}"
    )]
    DeadlinePassed {
        /// The channel.
        channel: OutPoint,
        /// The output.
        outpoint: OutPoint,
        /// The height that was asked for.
        height: u32,
        /// Our tip.
        tip: u32,
    },
    /// The peer proved that we lost data: broadcasting what we hold would be punished as a breach.
    #[error("channel {channel}: data was lost, nothing of ours may be broadcast")]
    DataLost {
        /// The channel.
        channel: OutPoint,
    },

    /// Another arbitrator, in this process or another, has the database open.
    #[error("the database {path} is in use by another process")]
    InUse {
        /// The database.
        path: String,
    },
    /// The database was written by a newer version of the library.
    #[error("the database has schema {found}; this version knows up to {known}")]
    NewerSchema {
        /// Its schema.
        found: i64,
        /// The newest this version knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{path} is not a lightning-arbitrator database")]
    NotOurs {
        /// The file.
        path: String,
    },
    /// The database belongs to another network.
    #[error("the database belongs to {found}, not to {asked}")]
    WrongNetwork {
        /// The network it was created for.
        found: String,
        /// The network asked for.
        asked: String,
    },
    /// There is a file already where the backup should go.
    #[error("{path} exists; a backup overwrites nothing")]
    BackupExists {
        /// The file.
        path: String,
    },
    /// A channel is not fully resolved: without the database its money could not be got back.
    #[error("channel {channel} is not fully resolved")]
    Unresolved {
        /// The channel.
        channel: OutPoint,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The database or its directory cannot be written.
    #[error("the database cannot be written: {reason}")]
    ReadOnly {
        /// Why, for people.
        reason: String,
    },
    /// The database is damaged, or holds what cannot have been written.
    #[error("the database is damaged: {reason}")]
    Damaged {
        /// Where and how, for people.
        reason: String,
    },
    /// The app's `CryptoSystem` does not open this database: it was sealed with another key. Nothing was touched.
    #[error("the database does not open with this key")]
    WrongKey,
    /// A secret could not be sealed or opened, or the app's `CryptoSystem` refuses.
    #[error("sealed data of {table}, {row}: {reason}")]
    Sealing {
        /// Whose secrets.
        table: String,
        /// Which of them.
        row: String,
        /// Why, for people.
        reason: String,
    },
    /// The database failed otherwise; what was asked is not stored.
    #[error("database: {reason}")]
    Database {
        /// Why, for people.
        reason: String,
    },

    /// The chain server.
    #[error("{reason}")]
    ChainServer {
        /// What was asked and what went wrong, for people.
        reason: String,
    },
    /// The signer refused, threw, or answered with something that is no answer.
    #[error("signer, channel {channel}: {reason}")]
    SignerFailed {
        /// The channel.
        channel: OutPoint,
        /// What it said, for people.
        reason: String,
    },
    /// The signer gave something that is no signature of the asked key.
    #[error(
        "signer, channel {channel}: the signature does not verify under the key it was asked from"
    )]
    SignatureRefused {
        /// The channel.
        channel: OutPoint,
    },
    /// The wallet refused, threw, or answered with something that is no answer.
    #[error("wallet: {reason}")]
    WalletFailed {
        /// What it said, for people.
        reason: String,
    },
    /// A callback of the app did not come back within the policy's time.
    #[error("{callback}: no answer within {limit_ms} ms")]
    CallbackTimedOut {
        /// The trait.
        callback: String,
        /// The time it had.
        limit_ms: u64,
    },
    /// A callback of the app could not be made, or ended without an answer.
    #[error("{callback}: {reason}")]
    CallbackFailed {
        /// The trait.
        callback: String,
        /// Why, for people.
        reason: String,
    },

    /// The keys that should be imported are not those that are known under this name; nothing has changed.
    #[error("other keys are known under the name {keys_id}")]
    KeysIdTaken {
        /// The name, as hex.
        keys_id: String,
    },
    /// Another `resume` is running.
    #[error("resume is running already")]
    ResumeRunning,
    /// `shutdown` was called: open a new arbitrator.
    #[error("the arbitrator is shut down")]
    ShutDown,
    /// The library's thread could not be started.
    #[error("no thread: {reason}")]
    NoThread {
        /// Why, for people.
        reason: String,
    },
}

fn whose(party: Party) -> &'static str {
    match party {
        Party::Local => "our",
        Party::Remote => "the peer's",
    }
}

fn named(htlc: HtlcKey) -> String {
    match htlc.direction {
        super::Direction::Outgoing => format!("outgoing {}", htlc.id),
        super::Direction::Incoming => format!("incoming {}", htlc.id),
    }
}
