//! Exactly-once delivery: the positions of written records, in a table that changes in the same transaction as the rows.

use std::collections::HashMap;

use danube_sink::{Deduplication, Fresh};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::{ToSql, Type};

use super::{
    failure::Failure,
    name::{TableName, quoted_table},
    rows::Row,
    session::{Session, Statement},
    transaction::Transaction,
};

/// The positions of one table.
#[derive(Debug)]
pub(crate) struct Positions {
    statements: Statements,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deduplication: Deduplication,
    /// The version of the table's positions after the last commit; `None` if that is in doubt.
    version: Option<i64>,
}

/// Statements on the table of positions. The row without a name holds the version: it is locked first, so that the connectors
/// that write to one table take turns, and it shows each of them whether another one has written since.
#[derive(Debug)]
struct Statements {
    next_version: String,
    read: String,
    store: String,
}

/// The positions of a batch, until its transaction is committed.
pub(crate) struct Uncommitted<'p> {
    state: MutexGuard<'p, State>,
    version: i64,
    fresh: Fresh,
}

impl Positions {
    pub(crate) fn in_table(name: &str) -> Self {
        let table = quoted_table(name);
        let statements = Statements {
            next_version: format!(
                "INSERT INTO {table} AS held (target, name, number) VALUES ($1, '', 1) \
                 ON CONFLICT (target, name) DO UPDATE SET number = held.number + 1 RETURNING number"
            ),
            read: format!("SELECT name, number FROM {table} WHERE target = $1 AND name = ANY ($2)"),
            store: format!(
                "INSERT INTO {table} (target, name, number) SELECT $1, * FROM unnest($2::text[], $3::int8[]) \
                 ON CONFLICT (target, name) DO UPDATE SET number = EXCLUDED.number"
            ),
        };
        Self { statements, state: Mutex::default() }
    }

    /// Creates the table if it is missing, and checks the privileges for it.
    pub(crate) async fn prepare(session: &Session, name: &str) -> Result<(), Failure> {
        let table = quoted_table(name);
        let is_missing = "SELECT to_regclass($1) IS NULL";
        let deadline = session.deadline_of_check();
        let found = session.rows(Statement { text: is_missing, parameters: &[(&table, Type::TEXT)] }, deadline).await?;
        if found.first().is_some_and(|row| row.get(0)) {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {table} (target text, name text, number bigint NOT NULL, PRIMARY KEY (target, name))"
            );
            session.define(&create, None).await?;
        }
        let Statements { next_version, read, store } = Self::in_table(name).statements;
        let transaction = session.begin(session.deadline_of_check()).await?;
        let (names, numbers) = (Vec::<String>::new(), Vec::<i64>::new());
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&"", Type::TEXT), (&names, Type::TEXT_ARRAY), (&numbers, Type::INT8_ARRAY)];
        let probes = async {
            for (text, count) in [(next_version, 1), (read, 2), (store, 3)] {
                let text = format!("EXPLAIN {text}");
                transaction.execute(Statement { text: &text, parameters: &parameters[..count] }).await?;
            }
            Ok(())
        };
        let probed = probes.await;
        transaction.end(probed).await
    }

    /// Removes the rows whose records the table has already, and stores the positions of the others.
    pub(crate) async fn store(
        &self,
        transaction: &Transaction<'_>,
        target: &TableName,
        rows: &mut Vec<Row<'_>>,
    ) -> Result<Uncommitted<'_>, Failure> {
        let target = target.to_string();
        let mut state = self.state.lock().await;
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&target, Type::TEXT)];
        let versions =
            transaction.rows(Statement { text: &self.statements.next_version, parameters: &parameters }).await?;
        let version = versions.first().map_or(1, |row| row.get(0));
        if state.version.take() != Some(version - 1) {
            state.deduplication.forget();
        }
        let records: Vec<_> = rows.iter().map(|row| row.record).collect();
        let ask = |names| self.read(transaction, &target, names);
        let fresh = state.deduplication.fresh(&records, ask).await?;
        let mut is_fresh = fresh.records.iter();
        rows.retain(|_| is_fresh.next().is_none_or(|fresh| *fresh));
        let (names, numbers): (Vec<&str>, Vec<i64>) =
            fresh.numbers.iter().map(|(name, number)| (&**name, *number)).unzip();
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&target, Type::TEXT), (&names, Type::TEXT_ARRAY), (&numbers, Type::INT8_ARRAY)];
        transaction.execute(Statement { text: &self.statements.store, parameters: &parameters }).await?;
        Ok(Uncommitted { state, version, fresh })
    }

    async fn read(
        &self,
        transaction: &Transaction<'_>,
        target: &str,
        names: Vec<String>,
    ) -> Result<HashMap<String, i64>, Failure> {
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)];
        let rows = transaction.rows(Statement { text: &self.statements.read, parameters: &parameters }).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

impl Uncommitted<'_> {
    /// Confirms that the transaction is committed.
    pub(crate) fn committed(mut self) {
        self.state.version = Some(self.version);
        self.state.deduplication.written(self.fresh);
    }
}
