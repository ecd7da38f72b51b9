//! Loads a policy and decides a few connections: `cargo run --example decide -- FOLDER PORT CLIENT…`.
//!
//! FOLDER is one that `ingressc build POLICY --profile os --target c -o FOLDER` wrote. Each client is an IPv4 or IPv6 address,
//! with the name that it requests behind a comma (`198.51.100.7,www.example.com`).
use ingress_engine::{Address, Engine, Protocol};
use std::net::IpAddr;
use std::path::Path;
use std::{env, fs, process};

fn address(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(ip) => Address::v4(ip.octets()),
        IpAddr::V6(ip) => Address::v6(ip.octets()),
    }
}

fn stop(message: String) -> ! {
    eprintln!("decide: {message}");
    process::exit(2)
}

fn file(folder: &str, name: &str) -> Vec<u8> {
    let path = Path::new(folder).join(name);
    fs::read(&path).unwrap_or_else(|error| stop(format!("{}: {error}", path.display())))
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let (folder, port, clients) = match words.as_slice() {
        [folder, port, clients @ ..] if !clients.is_empty() => (folder, port, clients),
        _ => stop("decide FOLDER PORT CLIENT…".into()),
    };
    let port: u16 = port.parse().unwrap_or_else(|_| stop(format!("not a port: {port}")));
    // A kernel takes these bits of its random numbers.
    let seed = [1, 2, 3, 4];
    let mut engine = Engine::load(&file(folder, "policy.bin"), &file(folder, "policy.manifest.json"), seed)
        .unwrap_or_else(|error| stop(format!("{folder}: {error}")));
    engine.set_clock(0, None);
    for client in clients {
        let (ip, name) = match client.split_once(',') {
            Some((ip, name)) => (ip, Some(name)),
            None => (client.as_str(), None),
        };
        let source = address(ip.parse().unwrap_or_else(|_| stop(format!("not an address: {ip}"))));
        let listener = engine.listener_at(Protocol::Tcp, port.into(), Address::v4([127, 0, 0, 1]));
        let listener = listener.unwrap_or_else(|| stop(format!("the policy has no listener on tcp {port} at 127.0.0.1")));
        let mut answer = engine.accept(listener, source);
        if answer.is_open() {
            answer = engine.hello(listener, source, name.map(str::as_bytes));
        }
        println!("{client}: {answer}");
    }
}
