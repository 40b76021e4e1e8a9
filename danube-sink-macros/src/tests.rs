//! What is generated for the smallest connector, kept where it can be read: `expansions/smallest.rs`.

use std::{env, fs, path::Path};

use quote::quote;

use crate::expand;

#[test]
fn the_smallest_connector_expands_to_what_the_file_shows() {
    let connector = expand::sink_connector(
        quote!(),
        quote! {
            /// Prints the records of each topic.
            struct Printer {
                /// What each line begins with.
                #[setting(default = "got")]
                prefix: String,
                #[topic_mappings]
                topics: TopicMappings,
            }
        },
    );
    let implementation = expand::sink_connector(
        quote!(),
        quote! {
            impl SinkConnector for Printer {
                async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
                    Ok(())
                }

                async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
                    records.iter().for_each(|record| println!("{} {}", self.prefix, record.payload()));
                    Ok(())
                }
            }
        },
    );
    let file = syn::parse2(quote!(#connector #implementation)).unwrap();
    let expanded = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("expansions/smallest.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &expanded).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(expanded, kept, "run `BLESS=1 cargo test -p danube-sink-macros` and read what has changed");
}
