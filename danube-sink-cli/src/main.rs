//! The connectors in one program: `danube-sink http run --config http.toml`.

use std::process::ExitCode;

use danube_sink::Catalog;

fn main() -> ExitCode {
    let about = "Sink connectors for the Danube message broker";
    let mut catalog = Catalog::new("danube-sink", env!("CARGO_PKG_VERSION"), about);
    #[cfg(feature = "clickhouse")]
    {
        catalog = catalog.connector::<danube_sink_clickhouse::Clickhouse>("clickhouse");
    }
    #[cfg(feature = "delta-lake")]
    {
        catalog = catalog.connector::<danube_sink_delta_lake::DeltaLake>("delta-lake");
    }
    #[cfg(feature = "http")]
    {
        catalog = catalog.connector::<danube_sink_http::HttpSink>("http");
    }
    #[cfg(feature = "pgvector")]
    {
        catalog = catalog.connector::<danube_sink_pgvector::Pgvector>("pgvector");
    }
    #[cfg(feature = "postgres")]
    {
        catalog = catalog.connector::<danube_sink_postgres::Postgres>("postgres");
    }
    catalog.main()
}
