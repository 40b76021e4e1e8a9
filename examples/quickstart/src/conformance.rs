//! The conformance kit.

use std::{env, error::Error, fs, process};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};
use rusqlite::Connection;

use super::Quickstart;

/// A numeric id, and the place.
type Row = (u64, Option<String>);

/// The file of a test's own database.
struct Database(String);

impl Database {
    fn run(&self, statement: &str) -> Result<usize, rusqlite::Error> {
        Connection::open(&self.0)?.execute(statement, ())
    }

    fn rows(&self) -> Result<Vec<Row>, Box<dyn Error>> {
        let connection = Connection::open(&self.0)?;
        let mut query = connection.prepare("SELECT id, place FROM earthquakes")?;
        let rows = query.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().filter_map(|(id, place)| Some((id.parse().ok()?, place))).collect())
    }
}

fn event(id: u64, place: &str) -> Vec<u8> {
    let properties = format!(r#"{{"mag":4.2,"place":"{place}","time":0}}"#);
    format!(r#"{{"id":"{id}","properties":{properties},"geometry":{{"coordinates":[0,0,0]}}}}"#).into_bytes()
}

impl Subject for Database {
    type Connector = Quickstart;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Quickstart> {
        let database = &self.0;
        from_toml(&format!(
            "[quickstart]\ndatabase = '{database}'\n\n[[quickstart.topic_mappings]]\n\
             topic = '{topic}'\nsubscription = '{subscription}'\ntable = 'earthquakes'\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        event(number, "here")
    }

    async fn held(&self) -> Vec<u64> {
        self.rows().expect("the table").into_iter().map(|(id, _)| id).collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        Some(event(key, &version.to_string()))
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        let rows = self.rows().expect("the table").into_iter();
        rows.filter_map(|(id, place)| Some((id, place?.parse().ok()?))).collect()
    }

    async fn take_away(&self) -> bool {
        self.run("ALTER TABLE earthquakes RENAME TO away").is_ok()
    }

    async fn give_back(&self) {
        self.run("ALTER TABLE away RENAME TO earthquakes").expect("the table is away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let file = env::temp_dir().join(format!("quickstart-{}.db", process::id()));
    let _ = fs::remove_file(&file);
    let database = file.to_str().expect("a path in UTF-8").to_owned();
    let report = conforms(Database(database)).await;
    fs::remove_file(&file).expect("the database");
    report.assert();
}
