//! Makes a release build again when a web file comes or goes. Other builds read them from disk as they are.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!("cargo::rerun-if-changed={}", if release { "../web" } else { "build.rs" });
}
