#[derive(Setting)]
enum WriteMode {
    #[default]
    Append,
    #[setting(rename = "replace")]
    DropAndCreate,
}
