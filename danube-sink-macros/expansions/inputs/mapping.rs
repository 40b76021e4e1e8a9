#[derive(TopicMapping)]
#[setting(validate = Self::check)]
struct Target {
    /// The table.
    table: String,
    #[setting(secret)]
    token: Secret,
}
