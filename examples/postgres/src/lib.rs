//! What connectors to PostgreSQL share: the connection, the writing of rows, and what an error of the server means.
//!
//! ```text
//!  Server::open ──Plan──▶ Table ──▶ Table::write ──▶ one transaction
//!                                       ▲                  │
//!  records ──▶ texts of their values ───┘    sorted ◀───SQLSTATE
//! ```

mod failure;
mod server;
mod statements;
mod table;
mod text;

pub use self::{
    server::Server,
    statements::quoted,
    table::{Plan, Table},
};
