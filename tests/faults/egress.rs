//! F35: whom our process talks to. A whole run in a network namespace that has nothing but its own loopback device:
//! the kernel's counters tell of every connection that was opened and every datagram that was sent in it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::process::Command;

use serde_json::json;

use crate::hostile::crashing;
use crate::server::React;
use crate::{Fault, own};

/// The argument with which this program is what runs in the namespace.
pub(crate) const ALONE: &str = "--alone";

pub(crate) fn faults() -> Vec<Fault> {
    vec![own("f35_no_other_connection", "connections and datagrams besides those to the API server", egress)]
}

fn egress() -> &'static str {
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.args(["--net", "--map-root-user", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    let output = command.arg(this).arg(ALONE).output().expect("unshare");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    "none, over a whole failing rollout with its logs and events"
}

/// Counters of the namespace, by protocol and name.
fn counters() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let old = fs::read_to_string("/proc/net/snmp").expect("counters");
    let lines: Vec<&str> = old.lines().collect();
    for pair in lines.chunks(2) {
        let (names, values) = (pair[0].split_whitespace(), pair[1].split_whitespace());
        let protocol = pair[0].split(':').next().unwrap_or_default();
        all.extend(
            names
                .zip(values)
                .filter_map(|(name, value)| Some((format!("{protocol}{name}"), value.parse().ok()?))),
        );
    }
    let new = fs::read_to_string("/proc/net/snmp6").unwrap_or_default();
    for (name, value) in new.lines().filter_map(|line| line.split_once(char::is_whitespace)) {
        all.insert(name.to_owned(), value.trim().parse().unwrap_or_default());
    }
    all
}

/// Of what leads out of loopback nothing is counted as a connection: there is no way.
const SENT: [&str; 5] =
    ["UdpOutDatagrams", "Udp6OutDatagrams", "IpOutNoRoutes", "Ip6OutNoRoutes", "TcpActiveOpens"];

fn grown(before: &BTreeMap<String, u64>) -> [u64; 5] {
    let now = counters();
    let of = |counters: &BTreeMap<String, u64>, name| counters.get(name).copied().unwrap_or_default();
    SENT.map(|name| of(&now, name) - of(before, name))
}

/// What runs in the namespace.
pub(crate) fn alone() {
    let stage = crashing(|request| {
        if request.of("events") { React::Serve } else { React::Answer(200, "OK", "the log\n".to_owned()) }
    });
    let before = counters();
    let run = stage.guard(60);
    let [datagrams, datagrams6, lost, lost6, opened] = grown(&before);
    assert_eq!(run.code, Some(1), "{}", run.everything());
    assert!(run.report.to_string().contains("the log"), "{}", run.report);
    assert_eq!([datagrams, datagrams6, lost, lost6], [0; 4], "datagrams, and packets without a route");
    let accepted = u64::try_from(stage.server.accepted()).unwrap_or_default();
    assert!(accepted > 0);
    assert_eq!(opened, accepted, "connections opened, and connections the API server has seen");
    assert_eq!(run.report["verdict"], json!("failed"));

    // The counters do count.
    let before = counters();
    assert!(TcpStream::connect("192.0.2.1:443").is_err());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    drop(socket.send_to(b"x", "127.0.0.1:53"));
    let [datagrams, _, lost, _, _] = grown(&before);
    assert!(datagrams == 1 && lost >= 1, "{datagrams} {lost}");
}
