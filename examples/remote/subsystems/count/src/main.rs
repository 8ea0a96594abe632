//! Counts the lines of its standard input.

fn main() {
    if std::env::args().any(|argument| argument == "--version") {
        println!("count v{}", env!("CARGO_PKG_VERSION"));
        return;
    }
    println!("{}", std::io::stdin().lines().count());
}
