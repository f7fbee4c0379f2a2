//! F1, F2 and the certificates (K11, K12), over TLS and HTTP/2 as real API servers speak them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::proxy::{self, Hole, Way};
use crate::server::{Request, Server};
use crate::stage::{Run, Stage};
use crate::story::{complete, completing, deployment, serve, under_way};
use crate::tls::{Authority, CONNECTION_NUMBER, Front, Leave, Speaks};
use crate::world::World;
use crate::{Fault, Play, staged};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f00_nothing_over_http2",
            "nothing, over TLS and HTTP/2",
            || secured(completing(500, serve), Speaks::Http2),
            20,
            0,
            |run, stage| {
                assert!(run.took < Duration::from_secs(8), "{:?}", run.took);
                assert_eq!(last_connection(stage), 1, "all calls share one connection");
            },
        ),
        staged(
            "f01_goaway",
            "GOAWAY over HTTP/2 in the middle of the rollout; what is open goes on to its end",
            || leaving(Leave::Gently),
            30,
            0,
            |run, stage| {
                assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
                let requests = stage.server.requests();
                assert!(requests.last().map_or(0, connection) > 1, "new calls go over a new connection");
            },
        ),
        staged(
            "f01_goaway_then_closed",
            "GOAWAY over HTTP/2 in the middle of the rollout, and the connection is closed",
            || leaving(Leave::ThenClose),
            30,
            0,
            |run, _| assert!(run.took < Duration::from_secs(10), "{:?}", run.took),
        ),
        staged(
            "f01_goaway_then_reset",
            "GOAWAY over HTTP/2 in the middle of the rollout, and the connection is reset",
            || leaving(Leave::ThenReset),
            30,
            0,
            |run, _| assert!(run.took < Duration::from_secs(10), "{:?}", run.took),
        ),
        Fault {
            name: "f01_cut_at_every_place_of_tls",
            what: "the connections of TLS and HTTP/2 end, or are reset, after N bytes, N swept over all that comes",
            play: Play::Own(cut_everywhere),
        },
        staged(
            "f02_black_hole_of_http2",
            "over TLS and HTTP/2, what is sent is acknowledged and lost; new connections work",
            || swallowed(Speaks::Http2, Hole::BothWays),
            60,
            0,
            |run, stage| noticed_within(15, run, stage),
        ),
        staged(
            "f02_black_hole_one_way",
            "over TLS and HTTP/2, what the server sends is acknowledged and lost; new connections work",
            || swallowed(Speaks::Http2, Hole::FromServer),
            60,
            0,
            |run, stage| noticed_within(15, run, stage),
        ),
        staged(
            "f02_black_hole_of_http1",
            "over TLS and HTTP/1.1, what is sent is acknowledged and lost; new connections work",
            || swallowed(Speaks::Http1, Hole::BothWays),
            60,
            0,
            |run, stage| noticed_within(25, run, stage),
        ),
        staged(
            "f03_idle_flows_forgotten",
            "a balancer forgets, without a word, what has been idle for 14 s; nothing happens for 24 s",
            forgetful,
            60,
            0,
            |run, stage| {
                assert!(run.took < Duration::from_secs(28), "{:?}", run.took);
                let requests = stage.server.requests();
                let first = requests.iter().filter(|request| request.at < OPENS).map(connection).max();
                assert_eq!(Some(last_connection(stage)), first, "the connection was kept alive");
                // but for the namespace, which is asked why there is no pod, when the flow has long been forgotten
                let quiet = Duration::from_secs(1)..Duration::from_secs(23);
                let asks_why = |request: &&Request| {
                    request.path == "/api/v1/namespaces/shop" && request.at > Duration::from_secs(15)
                };
                let others = requests.iter().filter(|request| !asks_why(request));
                assert_eq!(others.filter(|request| quiet.contains(&request.at)).count(), 0, "{requests:#?}");
            },
        ),
        staged(
            "k12_unknown_authority",
            "the certificate of the server is signed by another authority",
            || {
                let server = completing(500, serve);
                let front = Front::before(
                    server.port,
                    Speaks::Http2,
                    &Authority::named("another").certify(&["127.0.0.1"]),
                );
                Stage::new(server).with_cluster(Authority::new().cluster(&front.url(), ""))
            },
            20,
            4,
            |run, _| {
                refused(run, "its certificate is not signed by the certificate authority of the kubeconfig");
            },
        ),
        staged(
            "k12_authority_of_another_cluster",
            "the certificate of the server is signed by another authority of the same name",
            || {
                let server = completing(500, serve);
                let certified = Authority::new().certify(&["127.0.0.1"]);
                let front = Front::before(server.port, Speaks::Http2, &certified);
                Stage::new(server).with_cluster(Authority::new().cluster(&front.url(), ""))
            },
            20,
            4,
            |run, _| refused(run, "but by another of the same name, as that of another cluster is"),
        ),
        staged(
            "k12_certificate_expired",
            "the certificate of the server has expired",
            || {
                let server = completing(500, serve);
                let authority = Authority::new();
                let expired = authority.certify_until(&["127.0.0.1"], 2001);
                let front = Front::before(server.port, Speaks::Http2, &expired);
                Stage::new(server).with_cluster(authority.cluster(&front.url(), ""))
            },
            20,
            4,
            |run, _| refused(run, "its certificate is expired, or the clock of this machine is wrong"),
        ),
        staged(
            "k12_wrong_name",
            "the certificate of the server is for another name",
            || for_another_name(""),
            20,
            4,
            |run, _| {
                refused(
                    run,
                    "its certificate is for another name; tls-server-name in the kubeconfig can name it",
                );
                assert!(run.everything().contains("api.shop.example"), "{}", run.stderr);
            },
        ),
        staged(
            "k12_tls_server_name",
            "the certificate of the server is for another name, which `tls-server-name` of the kubeconfig has",
            || for_another_name(", tls-server-name: api.shop.example"),
            20,
            0,
            |_, _| {},
        ),
        staged(
            "k12_no_tls",
            "the kubeconfig says https, and the server does not speak TLS",
            || {
                let url = format!("https://127.0.0.1:{}", without_tls());
                Stage::new(completing(500, serve)).with_cluster(Authority::new().cluster(&url, ""))
            },
            4,
            4,
            |run, _| {
                // a port that does not speak it yet may be one of a server that starts
                assert_eq!(run.reason(), "unreachable", "{}", run.everything());
                assert!(run.everything().contains("it does not speak TLS"), "{}", run.stderr);
            },
        ),
        Fault {
            name: "k11_debug_variables",
            what: "variables of the library below us that would change the server and the user",
            play: Play::Own(debug_variables),
        },
    ]
}

/// The server behind TLS, and a kubeconfig for it.
fn secured(server: Server, speaks: Speaks) -> Stage {
    fronted(server, speaks).0
}

fn fronted(server: Server, speaks: Speaks) -> (Stage, Arc<Front>) {
    let authority = Authority::new();
    let front = Front::before(server.port, speaks, &authority.certify(&["127.0.0.1"]));
    (Stage::new(server).with_cluster(authority.cluster(&front.url(), "")), Arc::new(front))
}

/// The number of the last connection that a request came over.
fn last_connection(stage: &Stage) -> u64 {
    let requests = stage.server.requests();
    requests.iter().map(connection).max().unwrap_or(0)
}

fn connection(request: &Request) -> u64 {
    let mut fields = request.head.lines().filter_map(|line| line.split_once(": "));
    let number = fields.find(|(name, _)| name.eq_ignore_ascii_case(CONNECTION_NUMBER));
    number.and_then(|(_, number)| number.trim().parse().ok()).unwrap_or(0)
}

fn leaving(leave: Leave) -> Stage {
    let (stage, front) = fronted(Server::new(under_way(), serve), Speaks::Http2);
    stage.server.later_than_pods(500, move |server| {
        front.leave(leave);
        if matches!(leave, Leave::Gently) {
            // the next calls are needed
            thread::sleep(Duration::from_millis(300));
            server.end_watches();
        }
    });
    stage.server.later_than_pods(1500, |server| complete(&mut server.world()));
    stage
}

/// When the black hole opens, after the first answer about pods.
const OPENS: Duration = Duration::from_millis(500);
/// What a machine under load may add.
const MARGIN: Duration = Duration::from_secs(4);

fn swallowed(speaks: Speaks, hole: Hole) -> Stage {
    let server = Server::new(under_way(), serve);
    let authority = Authority::new();
    let front = Front::before(server.port, speaks, &authority.certify(&["127.0.0.1"]));
    let proxy = proxy::before(front.port, Way::Whole);
    let url = format!("https://127.0.0.1:{}", proxy.port);
    server.later_than_pods(500, move |server| {
        proxy.swallow(hole);
        thread::sleep(Duration::from_millis(200));
        complete(&mut server.world());
    });
    Stage::new(server).with_cluster(authority.cluster(&url, ""))
}

/// A request has come over a new connection so soon after what was there became a black hole, and the verdict with it.
fn noticed_within(seconds: u64, run: &Run, stage: &Stage) {
    let latest = OPENS + Duration::from_secs(seconds) + MARGIN;
    let requests = stage.server.requests();
    let before = requests.iter().filter(|request| request.at < OPENS).map(connection).max().unwrap_or(0);
    let next = requests.iter().find(|request| connection(request) > before).expect("it connected anew");
    assert!(next.at < latest, "{:?}", next.at);
    assert!(run.took < latest + Duration::from_secs(2), "{:?}", run.took);
}

fn forgetful() -> Stage {
    // no pod yet: for fifteen seconds there is nothing to ask about
    let mut world = World::new();
    world.apply("deployments", deployment(2, 2, 0));
    let server = Server::new(world, serve);
    server.later(24_000, |server| complete(&mut server.world()));
    let authority = Authority::new();
    let front = Front::before(server.port, Speaks::Http2, &authority.certify(&["127.0.0.1"]));
    let proxy = proxy::before(front.port, Way::Forgetting(Duration::from_secs(14)));
    let url = format!("https://127.0.0.1:{}", proxy.port);
    Stage::new(server).with_cluster(authority.cluster(&url, ""))
}

fn cut_everywhere() -> &'static str {
    proxy::cut_everywhere(28, |way| {
        let server = completing(300, serve);
        let authority = Authority::new();
        let front = Front::before(server.port, Speaks::Http2, &authority.certify(&["127.0.0.1"]));
        let proxy = proxy::before(front.port, way);
        let url = format!("https://127.0.0.1:{}", proxy.port);
        let run = Stage::new(server).with_cluster(authority.cluster(&url, "")).guard(60);
        (proxy, run)
    });
    "56 runs, all passed"
}

/// It ended at once and said why.
fn refused(run: &Run, why: &str) {
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
    assert_eq!(run.reason(), "server-not-usable", "{}", run.everything());
    assert!(run.report.to_string().contains(why), "{}", run.report);
    let one_line = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one_line.contains(why), "{one_line}");
}

fn for_another_name(more: &str) -> Stage {
    let server = completing(500, serve);
    let authority = Authority::new();
    let front = Front::before(server.port, Speaks::Http2, &authority.certify(&["api.shop.example"]));
    Stage::new(server).with_cluster(authority.cluster(&front.url(), more))
}

/// A server that answers a handshake as Go's does that speaks HTTP only.
fn without_tls() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            // whole: what is left unread would make a reset of the end
            let mut hello = [0; 4096];
            drop(client.read(&mut hello));
            drop(client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request"));
            drop(client.shutdown(Shutdown::Write));
            drop(client.read(&mut hello));
        }
    }));
    port
}

fn debug_variables() -> &'static str {
    let elsewhere = Server::new(under_way(), serve);
    let stage = Stage::new(completing(500, serve))
        .with_variable("KUBE_RS_DEBUG_OVERRIDE_URL", format!("http://127.0.0.1:{}", elsewhere.port))
        .with_variable("KUBE_RS_DEBUG_IMPERSONATE_USER", "admin")
        .with_variable("KUBE_RS_DEBUG_IMPERSONATE_GROUP", "system:masters");
    let run = stage.guard(20);
    assert_eq!(run.code, Some(0), "{}", run.everything());
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
    for request in stage.server.requests() {
        assert!(!request.head.to_lowercase().contains("impersonate-"), "{}", request.head);
    }
    "no request went elsewhere or named another user"
}
