//! Nothing to build: the script exists so that cargo fetches the protoc that the build of danube-core needs.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
