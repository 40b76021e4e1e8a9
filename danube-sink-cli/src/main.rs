//! The connectors in one program, `danube-sink http run --config http.toml`, and the command `new` for one of your own.

mod new;

use std::process::ExitCode;

use danube_sink::Catalog;

/// Adds connectors to a catalog: each has the name of its cargo feature, and is missing in a build without it.
macro_rules! with_connectors {
    ($catalog:expr, $($name:literal => $connector:path,)*) => {{
        let catalog: Catalog = $catalog;
        $(
            #[cfg(feature = $name)]
            let catalog = catalog.connector::<$connector>($name);
            #[cfg(not(feature = $name))]
            let catalog = catalog.missing($name, concat!(
                "git clone ", env!("CARGO_PKG_REPOSITORY"),
                "\n  cargo install --locked --path danube-sink/danube-sink-cli --features ", $name,
            ));
        )*
        catalog
    }};
}

fn main() -> ExitCode {
    let about = "Sink connectors for the Danube message broker";
    let catalog = Catalog::new("danube-sink", env!("CARGO_PKG_VERSION"), about);
    // A connector is a line here, and a feature and a dependency in Cargo.toml.
    let catalog = with_connectors!(
        catalog,
        "clickhouse" => danube_sink_clickhouse::Clickhouse,
        "delta-lake" => danube_sink_delta_lake::DeltaLake,
        "http" => danube_sink_http::Http,
        "object-store" => danube_sink_object_store::ObjectStore,
        "opensearch" => danube_sink_opensearch::Opensearch,
        "pgvector" => danube_sink_pgvector::Pgvector,
        "postgres" => danube_sink_postgres::Postgres,
        "qdrant" => danube_sink_qdrant::Qdrant,
    );
    catalog.command("new", new::ABOUT, new::main).main()
}
