//! One call to the API server: deadlines, refusals, and credentials renewed once after a 401.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect::ConnectOptions;
use super::failure::{self, Class, Failure, Peer};
use super::transport::{Built, Recipe};

/// How the API server's audit log names us.
pub(super) const WHO: &str = concat!("rollout-guard/", env!("CARGO_PKG_VERSION"));

/// Accepted for everything that is not metadata only.
pub(super) const JSON: &str = "application/json";
/// Metadata of one object only.
pub(super) const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Metadata of a list only: what the server sends is as small as what we keep.
pub(super) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Logs are whatever the container wrote.
const ANYTHING: &str = "*/*";
/// No line of a watch and no page of a list is as long as this.
const LONGEST_LINE: usize = 16 << 20;
const LONGEST_BODY: usize = 256 << 20;
/// Of a log no more is read than this, in whole and of one line: it is twice what is asked for. A server, or a
/// kubelet, that does not keep to `limitBytes` could send for ever.
pub(super) const LONGEST_LOG: usize = 512 << 10;
/// Of an answer that is not a success, no more is read.
const LONGEST_REFUSAL: usize = 64 << 10;
/// A credential plugin that runs again while the wait goes on has this long.
const RENEWAL: Duration = Duration::from_secs(45);
/// No answer is given less time than this.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
/// A body that keeps coming, but slowly, is given up after this many request timeouts.
const SLOW_BODY: u32 = 6;

/// The way to the API server, shared by all calls.
pub(super) struct Access {
    recipe: Recipe,
    peer: Peer,
    timeout: Duration,
    /// When the run is over.
    ends: Instant,
    /// An answer has come over HTTP/2: pings notice a dead connection.
    pinged: AtomicBool,
    /// The `Date` of the last refusal.
    refused_at: Mutex<Option<Timestamp>>,
    current: Mutex<Current>,
    renewing: tokio::sync::Mutex<()>,
    /// Counts renewals that have ended.
    renewed: watch::Sender<u64>,
}

#[derive(Clone)]
struct Current {
    client: kube::Client,
    logs: kube::Client,
    generation: u64,
    /// Why the last renewal brought no credentials.
    not_renewed: Option<String>,
}

/// An answer whose body is complete.
pub(super) struct Whole {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Access {
    pub(super) fn new(recipe: Recipe, [client, logs]: [kube::Client; 2], peer: Peer) -> Self {
        let ConnectOptions { request_timeout: timeout, budget, .. } = recipe.options;
        let ends = Instant::now() + budget;
        let current = Mutex::new(Current { client, logs, generation: 0, not_renewed: None });
        let pinged = AtomicBool::new(false);
        let refused_at = Mutex::default();
        Self {
            recipe,
            peer,
            timeout,
            ends,
            pinged,
            refused_at,
            current,
            renewing: tokio::sync::Mutex::new(()),
            renewed: watch::Sender::new(0),
        }
    }

    /// What the connection was made from.
    pub(super) const fn options(&self) -> &ConnectOptions {
        &self.recipe.options
    }

    /// The longest that a server may make us wait, and a second at least.
    pub(super) fn patience(&self) -> Duration {
        let left = self.ends.saturating_duration_since(Instant::now());
        failure::patience(left).max(Duration::from_secs(1))
    }

    /// Whether a dead connection is noticed by pings, and not only by what does not come.
    pub(super) fn is_pinged(&self) -> bool {
        self.pinged.load(Ordering::Relaxed)
    }

    /// What time it was for the server when it last refused something.
    pub(super) fn last_date(&self) -> Option<Timestamp> {
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Current {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which credentials are in use; see [`Self::renew`].
    pub(super) fn generation(&self) -> u64 {
        self.current().generation
    }

    /// Reads the kubeconfig and runs its credential plugin again, once for all calls that used the generation
    /// given. If that fails, the old credentials stay.
    ///
    /// # Errors
    /// There are no new credentials; to ask with the old ones says nothing new about them.
    pub(super) async fn renew(&self, generation: u64) -> Result<(), Failure> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.generation() == generation {
            let built = self.built_anew().await;
            {
                let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                current.generation += 1;
                match built {
                    Ok(built) => {
                        (current.client, current.logs) = (built.client, built.logs);
                        current.not_renewed = None;
                    }
                    Err(why) => {
                        tracing::warn!("{why}");
                        current.not_renewed = Some(why);
                    }
                }
            }
            self.renewed.send_modify(|times| *times += 1);
        }
        self.current().not_renewed.map_or(Ok(()), |why| Err(Failure::transport(why)))
    }

    /// The way to the same server as before. Whoever writes the kubeconfig meanwhile may have turned to another.
    async fn built_anew(&self) -> Result<Built, String> {
        let built = tokio::time::timeout(RENEWAL, self.recipe.clone().client())
            .await
            .map_err(|_| format!("credentials could not be renewed within {} s", RENEWAL.as_secs()))?
            .map_err(|error| format!("credentials could not be renewed: {error}"))?;
        if built.peer.url != self.peer.url {
            let (before, now) = (&self.peer.url, &built.peer.url);
            return Err(format!(
                "credentials could not be renewed: the kubeconfig led to {before} when the wait began, and leads to {now}"
            ));
        }
        Ok(built)
    }

    /// Whether credentials are being renewed now.
    pub(super) fn is_renewing(&self) -> bool {
        self.renewing.try_lock().is_err()
    }

    /// Waits for the end of a renewal that is under way: a call with the old credentials would be refused.
    pub(super) async fn settled(&self) {
        drop(self.renewing.lock().await);
    }

    /// Tells when a renewal has ended.
    pub(super) fn renewals(&self) -> watch::Receiver<u64> {
        self.renewed.subscribe()
    }

    /// Sends a GET and waits for a successful header for as long as that takes.
    ///
    /// # Errors
    /// No connection, or an answer that is not a success.
    pub(super) async fn open(&self, path: &str, accept: &str) -> Result<Response<Body>, Failure> {
        let client = self.current().client;
        self.open_over(client, path, accept).await
    }

    async fn open_over(
        &self,
        client: kube::Client,
        path: &str,
        accept: &str,
    ) -> Result<Response<Body>, Failure> {
        let request = Request::get(path)
            .header(ACCEPT, accept)
            .header(USER_AGENT, WHO)
            .body(Body::empty())
            .map_err(|error| Failure::Transport { message: error.to_string(), heals: false })?;
        let response = client.send(request).await.map_err(|error| {
            let failure = failure::of_client(&error, &self.peer);
            tracing::debug!("GET {path}: {}", failure.message());
            failure
        })?;
        tracing::debug!("GET {path}: {} ({:?})", response.status(), response.version());
        self.pinged.store(response.version() == Version::HTTP_2, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = failure::date(&parts.headers);
        let body = self.collect(body, LONGEST_REFUSAL).await.unwrap_or_default();
        Err(failure::of_answer(parts.status.as_u16(), &parts.headers, &body))
    }

    /// Sends a GET and reads all of the answer.
    ///
    /// # Errors
    /// As [`Self::open`]; also if the header, or any part of the body, takes longer than the request timeout.
    pub(super) async fn get(&self, path: &str, accept: &str) -> Result<Whole, Failure> {
        self.get_within(self.timeout, path, accept).await
    }

    /// [`Self::get`] for what has to be known before the time is up: the answer may take half of what is left of it,
    /// so that its absence is known, too.
    pub(super) async fn get_in_time(&self, path: &str, accept: &str) -> Result<Whole, Failure> {
        let left = self.ends.saturating_duration_since(Instant::now());
        // after that, what was sent back is watched, which has its own time
        let within = if left.is_zero() { self.timeout } else { (left / 2).max(SHORTEST_TIMEOUT) };
        self.get_within(within.min(self.timeout), path, accept).await
    }

    async fn get_within(&self, within: Duration, path: &str, accept: &str) -> Result<Whole, Failure> {
        let response = self.answered(self.current().client, path, accept, within).await?;
        let (parts, body) = response.into_parts();
        let body = self.collect(body, LONGEST_BODY).await?;
        Ok(Whole { headers: parts.headers, body })
    }

    /// A successful header, which comes in time.
    async fn answered(
        &self,
        client: kube::Client,
        path: &str,
        accept: &str,
        within: Duration,
    ) -> Result<Response<Body>, Failure> {
        tokio::time::timeout(within, self.open_over(client, path, accept))
            .await
            .map_err(|_| self.too_slow(within))?
    }

    /// Reads a log, or the beginning of one that is too long, on the connection of the logs; the credentials are
    /// renewed once after a 401.
    pub(super) async fn get_log(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let generation = self.generation();
        match self.log_once(path).await {
            Err(failure) if failure.class() == Class::Unauthorized => {
                drop(self.renew(generation).await);
                self.log_once(path).await
            }
            answer => answer,
        }
    }

    async fn log_once(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let response = self.answered(self.current().logs, path, ANYTHING, self.timeout).await?;
        self.collect_up_to(response.into_body(), LONGEST_LOG).await
    }

    /// Opens a log that is followed, on the connection of the logs.
    ///
    /// # Errors
    /// As [`Self::open`]; also if the header takes longer than the request timeout.
    pub(super) async fn open_log(&self, path: &str) -> Result<Lines, Failure> {
        let response = self.answered(self.current().logs, path, ANYTHING, self.timeout).await?;
        Ok(Lines { longest: LONGEST_LOG, ..Lines::new(response, self) })
    }

    /// Sends a request that changes something and reads all of the answer. It is never sent twice by itself.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Whole, Failure> {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(WHO));
        let client = self.current().client;
        let answer = tokio::time::timeout(self.timeout, client.send(request))
            .await
            .map_err(|_| self.too_slow(self.timeout))?
            .map_err(|error| failure::of_client(&error, &self.peer))?;
        let (parts, body) = answer.into_parts();
        if parts.status.is_success() {
            let body = self.collect(body, LONGEST_BODY).await?;
            return Ok(Whole { headers: parts.headers, body });
        }
        let body = self.collect(body, LONGEST_REFUSAL).await.unwrap_or_default();
        Err(failure::of_answer(parts.status.as_u16(), &parts.headers, &body))
    }

    /// [`Self::get`], with the credentials renewed once after a 401. Where there are no new ones, the server may have
    /// refused everybody for a moment, as one that starts does.
    pub(super) async fn get_renewed(&self, path: &str, accept: &str) -> Result<Whole, Failure> {
        let generation = self.generation();
        match self.get(path, accept).await {
            Err(failure) if failure.class() == Class::Unauthorized => {
                drop(self.renew(generation).await);
                self.get(path, accept).await
            }
            answer => answer,
        }
    }

    async fn collect(&self, body: Body, longest: usize) -> Result<Vec<u8>, Failure> {
        let bytes = self.collect_up_to(body, longest).await?;
        if bytes.len() > longest {
            return Err(Failure::transport(format!("an answer longer than {longest} bytes")));
        }
        Ok(bytes)
    }

    /// All of the body, or a little more than so much of it: then the connection is given up.
    async fn collect_up_to(&self, mut body: Body, longest: usize) -> Result<Vec<u8>, Failure> {
        let whole = self.timeout * SLOW_BODY;
        let collected = tokio::time::timeout(whole, async {
            let mut bytes = Vec::new();
            loop {
                let frame = tokio::time::timeout(self.timeout, body.frame())
                    .await
                    .map_err(|_| self.too_slow(self.timeout))?;
                let Some(frame) = frame else { return Ok(bytes) };
                let frame = frame.map_err(|error| failure::of_client(&error, &self.peer))?;
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
                if bytes.len() > longest {
                    return Ok(bytes);
                }
            }
        });
        collected.await.map_err(|_| self.too_slow(whole))?
    }

    fn too_slow(&self, limit: Duration) -> Failure {
        Failure::transport(format!("{} did not answer within {} s", self.peer.way, limit.as_secs()))
    }
}

/// The body of a watch, or of a log that is followed, cut into lines.
pub(super) struct Lines {
    body: Body,
    peer: Peer,
    buffer: Vec<u8>,
    /// Up to here there is no line end.
    searched: usize,
    longest: usize,
}

impl Lines {
    pub(super) fn new(response: Response<Body>, access: &Access) -> Self {
        let peer = access.peer.clone();
        Self { body: response.into_body(), peer, buffer: Vec::new(), searched: 0, longest: LONGEST_LINE }
    }

    /// The next line, or `None` at the end in good order. May be dropped and called again.
    ///
    /// # Errors
    /// The connection failed, or a line is longer than 16 MiB (of a log: than is read of one).
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if let Some(line) = self.cut() {
                return Ok(Some(line));
            }
            if self.buffer.len() > self.longest {
                return Err(Failure::transport(format!("a line longer than {} KiB", self.longest >> 10)));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| failure::of_client(&error, &self.peer))?;
            if let Some(data) = frame.data_ref() {
                self.buffer.extend_from_slice(data);
            }
        }
    }

    fn cut(&mut self) -> Option<Vec<u8>> {
        let unsearched = self.buffer.get(self.searched..)?;
        let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + end + 1);
        self.searched = 0;
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.pop();
        Some(line)
    }
}
