use danube_sink::prelude::*;

#[derive(TopicMapping)]
#[setting(validate = Self::check)]
struct Target {
    table: String,
}

impl Target {
    fn check(&self, _: &ConnectorConfig) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
