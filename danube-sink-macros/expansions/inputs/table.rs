#[derive(Setting)]
#[setting(validate = Self::check)]
struct Login {
    #[setting(default = "admin", env = "LOGIN_USER")]
    user: String,
    #[setting(secret)]
    password: Option<Secret>,
}
