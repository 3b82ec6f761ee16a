//! What the library says of everything in a database, in words that outlive its types.

use std::fmt::Write;

use bitcoin::OutPoint;
use futures::executor::block_on;
use lightning_arbitrator::channel::{HtlcLife, HtlcTerms};
use lightning_arbitrator::opening::OpeningStatus;
use lightning_arbitrator::protocol::{CommitmentNumber, Party, ShortChannelId};
use lightning_arbitrator::store::{ChannelRow, Store, Unreadable};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config};

use super::story::READERS;
use crate::support::number;

/// What the library says of every channel, and of the events that wait.
pub fn said(opened: &ChainArbitrator) -> Result<String, ArbitratorError> {
    let mut text = String::new();
    for channel in block_on(opened.channels())? {
        text += &channel_said(opened, channel)?;
    }
    for reader in READERS {
        for event in block_on(opened.pending_events(reader.into(), usize::MAX))? {
            writeln!(text, "event for {reader}: {}", event.id).expect("memory");
        }
    }
    Ok(text)
}

/// The same of a file, and what every commitment of the past carried.
pub fn standing(config: &Config) -> String {
    let opened = block_on(ChainArbitrator::open(config.clone())).expect("the file opens");
    let mut text = said(&opened).expect("readable");
    drop(opened);
    tell_past(config, &mut text);
    text
}

/// What every commitment of the past carried, and which secrets are known.
fn tell_past(config: &Config, text: &mut String) {
    let store = Store::open(&config.database, config.network, config.crypto.clone());
    let store = store.expect("the file opens");
    for (row, channel) in store.channels().expect("readable").channels {
        let feed = store.feed(row).expect("readable");
        let secrets = store.secrets(row).expect("they open");
        for owner in [Party::Local, Party::Remote] {
            let newest = match owner {
                Party::Local => feed.local,
                Party::Remote => feed.remote,
            };
            for at in 0..=newest.map_or(0, CommitmentNumber::get) {
                let carried = carried(&store, row, owner, at);
                let is_revoked = secrets.get(number(at)).is_some();
                writeln!(text, "{channel} {owner:?} {at}: secret {is_revoked}").expect("memory");
                text.push_str(&carried.concat());
            }
        }
    }
}

/// The HTLCs that a commitment may have carried, a line each.
fn carried(store: &Store, row: ChannelRow, owner: Party, at: u64) -> Vec<String> {
    let mut unreadable = Unreadable::default();
    let lives = store.htlcs(row, &mut unreadable).expect("readable");
    let past = store.past_htlcs_at(row, owner, at, &mut unreadable);
    assert!(unreadable.reasons().is_empty(), "{unreadable:?}");
    let is_carried = |life: &&HtlcLife| match owner {
        Party::Local => life.local.holds(at),
        Party::Remote => life.remote.holds(at),
    };
    let lives = lives.values().filter(is_carried);
    let past = past.expect("readable").into_iter();
    let mut lines: Vec<String> = lives
        .map(|life| line_of(&life.terms, life.released))
        .chain(past.map(|past| line_of(&past.terms, past.released)))
        .collect();
    lines.sort();
    lines
}

fn line_of(it: &HtlcTerms, released: bool) -> String {
    format!(
        "  {}: {} msat until {}, hash {:?}, from {:?}, released {released}\n",
        it.key, it.amount_msat, it.cltv_expiry, it.payment_hash, it.origin,
    )
}

fn opening_said(it: &OpeningStatus) -> String {
    let name = |id: Option<ShortChannelId>| id.map(|id| id.to_string());
    let ready = it.peer_ready.map(|ready| {
        let point = ready.second_per_commitment_point;
        format!("on {point} alias {:?}", name(ready.alias))
    });
    format!(
        "{:?} as {:?}, {} of {} deep, ready said {} told {}, the peer's {ready:?}, halves {:?} {:?}, gives up at {:?}",
        it.stage,
        name(it.short_channel_id),
        it.depth,
        it.needed_depth,
        it.is_ready_said,
        it.is_ready_told,
        name(it.our_half),
        name(it.peer_half),
        it.gives_up_at,
    )
}

fn channel_said(opened: &ChainArbitrator, channel: OutPoint) -> Result<String, ArbitratorError> {
    let mut text = String::new();
    let position = block_on(opened.position(channel))?;
    let report = block_on(opened.channel(channel))?;
    let feed = position.feed;
    let mut line = |words: String| writeln!(text, "{words}").expect("memory");
    line(format!(
        "channel {channel}: {:?}, {:?}",
        report.state, report.funding
    ));
    let at = |number: Option<CommitmentNumber>| number.map(CommitmentNumber::get);
    line(format!(
        "  at {:?} {:?} revoked {:?} next point {:?} takes commitments {}",
        at(feed.local),
        at(feed.remote),
        at(feed.remote_revoked),
        feed.remote_next_point.map(|point| point.to_string()),
        position.takes_commitments()
    ));
    line(format!(
        "  close {:?} data loss {} next {:?}",
        report.close, report.data_loss, report.next_height
    ));
    if let Some(opening) = block_on(opened.opening(channel))? {
        line(format!("  opening {}", opening_said(&opening)));
    }
    for it in report.contracts {
        line(format!(
            "  output {} of {}: {}, {}",
            it.outpoint, it.value_sat, it.what, it.status
        ));
    }
    if let Some(it) = block_on(opened.close_summary(channel))? {
        line(format!(
            "  summary {:?} by {:?} at {}: settled {} locked {} final {}",
            it.kind,
            it.closing_txid,
            it.close_height.unwrap_or_default(),
            it.settled_balance,
            it.time_locked_balance,
            it.is_final
        ));
    }
    let log = block_on(opened.log(channel))?;
    line(format!(
        "  log {:?}",
        log.iter().map(|it| it.height).collect::<Vec<_>>()
    ));
    Ok(text)
}
