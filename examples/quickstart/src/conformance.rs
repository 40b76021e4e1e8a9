//! The connector in everything that happens to connectors.

use std::{env, error::Error, fs, process};

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};
use rusqlite::Connection;

use super::Quickstart;

/// A database of its own.
struct Database(String);

impl Database {
    fn run(&self, statement: &str) -> Result<usize, rusqlite::Error> {
        Connection::open(&self.0)?.execute(statement, ())
    }

    fn numbers(&self) -> Result<Vec<u64>, Box<dyn Error>> {
        let connection = Connection::open(&self.0)?;
        let mut query = connection.prepare("SELECT id FROM earthquakes")?;
        let ids = query.query_map((), |row| row.get::<_, String>(0))?;
        ids.map(|id| Ok(id?.parse()?)).collect()
    }
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
        let properties = r#"{"mag":4.2,"place":"here","time":0}"#;
        format!(r#"{{"id":"{number}","properties":{properties},"geometry":{{"coordinates":[0,0,0]}}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.numbers().expect("the table")
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
