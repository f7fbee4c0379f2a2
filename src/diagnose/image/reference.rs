//! An image reference as the container runtime reads it.

/// A reference with the parts that the author left out spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::diagnose) struct Reference {
    /// The registry: `docker.io`, `registry.example:5000`.
    pub(in crate::diagnose) host: String,
    /// The registry was not written; `docker.io` is the runtime's assumption.
    pub(in crate::diagnose) host_implied: bool,
    /// The repository within the registry: `library/nginx`.
    pub(in crate::diagnose) path: String,
    /// The tag; `latest` where neither tag nor digest is written. Empty where only a digest is.
    pub(in crate::diagnose) tag: String,
    /// The tag was not written.
    pub(in crate::diagnose) tag_implied: bool,
    /// `sha256:…`, which wins over the tag.
    pub(in crate::diagnose) digest: Option<String>,
}

const DEFAULT_HOST: &str = "docker.io";

impl Reference {
    /// Reads a reference by the rules of github.com/distribution/reference `ParseDockerRef`, which kubelet and
    /// containerd apply. A malformed reference is read as well as it can be.
    pub(in crate::diagnose) fn parse(image: &str) -> Self {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (image, None),
        };
        // A colon after the last slash begins the tag; one before it belongs to a port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((before, after)) if !after.contains('/') => (before, Some(after)),
            _ => (name, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (Some(first), rest),
            _ => (None, name),
        };
        let host_implied = host.is_none();
        let host = match host {
            None | Some("index.docker.io") => DEFAULT_HOST,
            Some(host) => host,
        };
        let path = if host == DEFAULT_HOST && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let tag_implied = tag.is_none();
        let tag = match tag {
            Some(tag) => tag,
            None if digest.is_some() => "",
            None => "latest",
        };
        Self { host: host.to_owned(), host_implied, path, tag: tag.to_owned(), tag_implied, digest }
    }

    /// Registry and repository, without tag or digest.
    pub(in crate::diagnose) fn repository(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// The reference that is pulled. A tag beside a digest has no effect and is left out.
    pub(in crate::diagnose) fn full(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository()),
            None => format!("{}:{}", self.repository(), self.tag),
        }
    }

    /// The same repository under another tag.
    pub(in crate::diagnose) fn with_tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository())
    }

    /// The last part of the repository: the image's own name.
    pub(in crate::diagnose) fn base_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// What names the version: `tag 1.2` or `digest sha256:…`.
    pub(in crate::diagnose) fn version_words(&self) -> String {
        match &self.digest {
            Some(digest) => format!("digest {digest}"),
            None => format!("tag {}", self.tag),
        }
    }

    /// One of Docker's official images, all of which are public.
    pub(in crate::diagnose) fn is_official(&self) -> bool {
        self.host == DEFAULT_HOST && self.path.starts_with("library/")
    }
}

/// Whether the first part of a name is a registry: it has a dot or a port, is `localhost`, or has upper case
/// letters, which no repository may have.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(image: &str) -> String {
        Reference::parse(image).full()
    }

    #[test]
    fn what_the_author_left_out_is_spelled_out() {
        assert_eq!(full("nginx"), "docker.io/library/nginx:latest");
        assert_eq!(full("acme/web:1.2"), "docker.io/acme/web:1.2");
        assert_eq!(full("docker.io/nginx:1"), "docker.io/library/nginx:1");
        assert_eq!(full("localhost/web"), "localhost/web:latest");
        assert_eq!(full("registry:5000/web"), "registry:5000/web:latest");
        assert_eq!(full("registry.example:5000/shop/web:1.2"), "registry.example:5000/shop/web:1.2");
    }

    #[test]
    fn a_digest_wins_over_the_tag_beside_it() {
        let reference = Reference::parse("ghcr.io/acme/web:1.2@sha256:401");
        assert_eq!(reference.full(), "ghcr.io/acme/web@sha256:401");
        assert_eq!(reference.version_words(), "digest sha256:401");
        assert_eq!(Reference::parse("nginx@sha256:0").tag, "");
    }

    #[test]
    fn only_a_registry_that_was_not_written_is_implied() {
        assert!(Reference::parse("web").host_implied);
        assert!(!Reference::parse("docker.io/library/web").host_implied);
        assert!(Reference::parse("web").is_official());
        assert!(!Reference::parse("acme/web").is_official());
    }
}
