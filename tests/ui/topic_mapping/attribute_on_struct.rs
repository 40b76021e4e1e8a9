use danube_sink::prelude::*;

#[derive(TopicMapping)]
#[setting(validate = Self::fits)]
#[state]
struct Target {
    table: String,
}

impl Target {
    fn fits(&self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
