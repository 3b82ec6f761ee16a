//! The counterparty judged in its turn: its figures against BOLT 3's vectors, its transactions against consensus.

mod closes;
mod contracts;
mod figures;
mod ledger;
