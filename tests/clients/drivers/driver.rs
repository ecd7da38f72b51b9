// Drives the Rust client for tests: see clients.check.ts.
mod ingressd;

use std::io::Read;
use std::time::Duration;

fn text(value: &str) -> String {
    let escaped: String = value.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() && c != '"' && c != '\\' { c.to_string() } else { c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect() }).collect();
    format!("\"{escaped}\"")
}

fn list(open: &[String]) -> String {
    format!("[{}]", open.iter().map(|endpoint| text(endpoint)).collect::<Vec<_>>().join(","))
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let socket = words[2].clone();
    if words[1] == "answers" {
        for _ in 0..words[3].parse::<usize>().unwrap() {
            match ingressd::expose(ingressd::Intent { socket: socket.clone(), ..ingressd::Intent::new("web", 8443, "127.0.0.1:9") }) {
                Ok(exposure) => {
                    println!("{{\"open\":{}}}", list(&exposure.open()));
                    exposure.close();
                }
                Err(error) => {
                    let message = if ["unreachable", "bad_answer"].contains(&error.code.as_str()) { "" } else { &error.message };
                    println!("{{\"code\":{},\"message\":{}}}", text(&error.code), text(message));
                }
            }
        }
        return;
    }
    let ttl: f64 = words[5].parse().unwrap();
    let proto = words.get(6).cloned().unwrap_or("tcp".into());
    let intent = ingressd::Intent { socket, proto, ttl: if ttl > 0.0 { Some(Duration::from_secs_f64(ttl)) } else { None }, ..ingressd::Intent::new("web", words[3].parse().unwrap(), &words[4]) };
    let changed = |change: ingressd::Change| match change {
        Ok(open) => println!("{{\"open\":{},\"because\":\"\"}}", list(open)),
        Err(because) => println!("{{\"open\":[],\"because\":{}}}", text(because)),
    };
    match ingressd::expose_with(intent, changed) {
        Err(error) => {
            println!("{{\"code\":{},\"message\":{}}}", text(&error.code), text(&error.message));
            std::process::exit(3);
        }
        Ok(exposure) => {
            println!("{{\"open\":{},\"because\":\"\"}}", list(&exposure.open()));
            std::io::stdin().read_to_string(&mut String::new()).unwrap();
            exposure.close();
            println!("{{\"open\":[],\"because\":\"closed\"}}");
        }
    }
}
