//! What acknowledges and keeps the entries of blocks.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::choice;

choice! {
    /// What entries are acknowledged by.
    StoreEngine, "an engine" {
        /// A log and an index in the process's own data directory.
        Embedded = "embedded",
        /// A database that speaks PostgreSQL's protocol.
        Postgres = "postgres",
    }
}

section! {
    /// What acknowledges and keeps the entries of blocks.
    Store {
        /// By which engine.
        engine: At<StoreEngine> = StoreEngine::Embedded,
    }
}
