//! What the registries of ten vendors answer, as far as it differs: on the wire, as a fact, and what it means.

use crate::observation::RegistryError;

/// One situation at one vendor.
pub(crate) struct Shape {
    pub(crate) what: &'static str,
    /// By its name some answers are understood.
    pub(crate) host: &'static str,
    pub(crate) asks_for: Asks,
    /// Whether a password is sent.
    pub(crate) with_password: bool,
    /// To the question for the manifest.
    pub(crate) manifest: (u16, &'static str),
    /// To the question for the tags.
    pub(crate) tags: (u16, &'static str),
    /// Code and message that are read, and whether it is the credentials that are not accepted.
    pub(crate) read: (&'static str, &'static str, bool),
    /// `Word` of the diagnosis.
    pub(crate) means: &'static str,
}

/// How it wants to be asked.
#[derive(Clone, Copy)]
pub(crate) enum Asks {
    Password,
    /// A token, which its service refuses with this answer where the status is no success.
    Token(u16, &'static str),
}

impl Shape {
    /// The fact that is to be read from it.
    pub(crate) fn error(&self) -> RegistryError {
        let (code, message, rejected) = self.read;
        let refused_token = match self.asks_for {
            Asks::Token(status, _) if status >= 400 => Some(status),
            _ => None,
        };
        RegistryError {
            status: refused_token.unwrap_or(self.manifest.0),
            code: code.to_owned(),
            message: message.to_owned(),
            of_token: refused_token.is_some(),
            rejected,
        }
    }
}

const TOKEN: Asks = Asks::Token(200, r#"{"token":"t0ken"}"#);
const LISTED: (u16, &str) = (200, r#"{"name":"shop/web","tags":["1.0","1.1"]}"#);
const NOT_ASKED: (u16, &str) = (500, "");
const UNAUTHORIZED: &str = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Action":"pull"}]}]}"#;
const MANIFEST_UNKNOWN: &str =
    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"1.2"}}]}"#;
const NAME_UNKNOWN: &str = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"shop/web"}}]}"#;
const DENIED: &str =
    r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;

/// The ground of a shape: a token service that gives tokens, and no password.
const PLAIN: Shape = Shape {
    what: "",
    host: "registry.example",
    asks_for: TOKEN,
    with_password: false,
    manifest: NOT_ASKED,
    tags: NOT_ASKED,
    read: ("", "", false),
    means: "",
};

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        what: "distribution: no such tag",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (404, MANIFEST_UNKNOWN),
        tags: LISTED,
        read: ("MANIFEST_UNKNOWN", "manifest unknown", false),
        means: "TagMissing",
        ..PLAIN
    },
    Shape {
        what: "distribution: no such repository, which only the list of tags tells",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (404, MANIFEST_UNKNOWN),
        tags: (404, NAME_UNKNOWN),
        read: ("MANIFEST_UNKNOWN", "manifest unknown", false),
        means: "RepositoryMissing",
        ..PLAIN
    },
    Shape {
        what: "Docker Hub: no such repository, or a private one",
        host: "docker.io",
        manifest: (401, UNAUTHORIZED),
        tags: (401, UNAUTHORIZED),
        read: ("UNAUTHORIZED", "authentication required", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "Docker Hub: a wrong password",
        host: "docker.io",
        asks_for: Asks::Token(401, r#"{"details":"incorrect username or password"}"#),
        with_password: true,
        read: ("", "incorrect username or password", true),
        means: "Rejected",
        ..PLAIN
    },
    Shape {
        what: "Docker Hub: no such tag",
        host: "docker.io",
        manifest: (404, MANIFEST_UNKNOWN),
        tags: LISTED,
        read: ("MANIFEST_UNKNOWN", "manifest unknown", false),
        means: "TagMissing",
        ..PLAIN
    },
    Shape {
        what: "Docker Hub: too many pulls",
        host: "docker.io",
        manifest: (
            429,
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#,
        ),
        read: ("", "", false),
        means: "Nothing",
        ..PLAIN
    },
    Shape {
        what: "GHCR: no such repository, or a private one",
        host: "ghcr.io",
        asks_for: Asks::Token(403, DENIED),
        read: ("DENIED", "requested access to the resource is denied", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "GHCR: no such tag of a public image, whose tags are not told",
        host: "ghcr.io",
        manifest: (404, MANIFEST_UNKNOWN),
        tags: (403, DENIED),
        read: ("MANIFEST_UNKNOWN", "manifest unknown", false),
        means: "TagMissing",
        ..PLAIN
    },
    Shape {
        what: "Quay: no such repository, or a private one",
        host: "quay.io",
        manifest: (
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","detail":{},"message":"access to the requested resource is not authorized"}]}"#,
        ),
        tags: (401, UNAUTHORIZED),
        read: ("UNAUTHORIZED", "access to the requested resource is not authorized", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "ECR: no such repository",
        host: "1234.dkr.ecr.eu-west-1.amazonaws.com",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (
            404,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository with name 'shop/web' does not exist in the registry with id '1234'"}]}"#,
        ),
        tags: (403, DENIED),
        read: (
            "NAME_UNKNOWN",
            "The repository with name 'shop/web' does not exist in the registry with id '1234'",
            false,
        ),
        means: "RepositoryMissing",
    },
    Shape {
        what: "ECR: no such tag, and no right to list",
        host: "1234.dkr.ecr.eu-west-1.amazonaws.com",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"Requested image not found"}]}"#),
        tags: (403, DENIED),
        read: ("MANIFEST_UNKNOWN", "Requested image not found", false),
        means: "TagMissing",
    },
    Shape {
        what: "ECR: no credentials",
        host: "1234.dkr.ecr.eu-west-1.amazonaws.com",
        asks_for: Asks::Password,
        manifest: (401, "Not Authorized\n"),
        tags: (401, "Not Authorized\n"),
        read: ("", "Not Authorized", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "ECR: the token of twelve hours has expired",
        host: "1234.dkr.ecr.eu-west-1.amazonaws.com",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (
            403,
            r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#,
        ),
        tags: (403, DENIED),
        read: ("DENIED", "Your authorization token has expired. Reauthenticate and try again.", false),
        means: "Rejected",
    },
    Shape {
        what: "Artifact Registry: not allowed, or not there",
        host: "europe-docker.pkg.dev",
        manifest: (
            403,
            r#"{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"projects/p\" (or it may not exist)"}]}"#,
        ),
        tags: (403, DENIED),
        read: (
            "DENIED",
            "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \"projects/p\" (or it may not exist)",
            false,
        ),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "Artifact Registry: no such tag",
        host: "europe-docker.pkg.dev",
        manifest: (404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"Failed to fetch \"1.2\""}]}"#),
        tags: LISTED,
        read: ("MANIFEST_UNKNOWN", "Failed to fetch \"1.2\"", false),
        means: "TagMissing",
        ..PLAIN
    },
    Shape {
        what: "gcr.io: private",
        host: "gcr.io",
        asks_for: Asks::Token(403, DENIED),
        with_password: true,
        read: ("DENIED", "requested access to the resource is denied", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "ACR: its token service refuses who may not read, with a password that is right",
        host: "acme.azurecr.io",
        asks_for: Asks::Token(401, UNAUTHORIZED),
        with_password: true,
        read: ("UNAUTHORIZED", "authentication required", true),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "ACR: a firewall",
        host: "acme.azurecr.io",
        manifest: (
            403,
            r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.7' is not allowed access"}]}"#,
        ),
        tags: (403, DENIED),
        read: ("DENIED", "client with IP '203.0.113.7' is not allowed access", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "Harbor: no such tag",
        host: "harbor.example",
        manifest: (404, r#"{"errors":[{"code":"NOT_FOUND","message":"artifact shop/web:1.2 not found"}]}"#),
        tags: LISTED,
        read: ("NOT_FOUND", "artifact shop/web:1.2 not found", false),
        means: "TagMissing",
        ..PLAIN
    },
    Shape {
        what: "Harbor: no such project",
        host: "harbor.example",
        manifest: (404, r#"{"errors":[{"code":"NOT_FOUND","message":"project shop not found"}]}"#),
        tags: (404, r#"{"errors":[{"code":"NOT_FOUND","message":"project shop not found"}]}"#),
        read: ("NOT_FOUND", "project shop not found", false),
        means: "RepositoryMissing",
        ..PLAIN
    },
    Shape {
        what: "Harbor: not a member of the project",
        host: "harbor.example",
        manifest: (
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: shop/web, action: pull"}]}"#,
        ),
        tags: (401, UNAUTHORIZED),
        read: ("UNAUTHORIZED", "unauthorized to access repository: shop/web, action: pull", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "Harbor: a vulnerability forbids the pull",
        host: "harbor.example",
        manifest: (
            412,
            r#"{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image with 3 vulnerabilities cannot be pulled"}]}"#,
        ),
        read: ("PROJECTPOLICYVIOLATION", "current image with 3 vulnerabilities cannot be pulled", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "GitLab: no such project, or a private one",
        host: "registry.gitlab.com",
        asks_for: Asks::Token(403, r#"{"errors":[{"code":"DENIED","message":"access forbidden"}]}"#),
        read: ("DENIED", "access forbidden", false),
        means: "Refused",
        ..PLAIN
    },
    Shape {
        what: "Artifactory: no such repository",
        host: "acme.jfrog.io",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (404, NAME_UNKNOWN),
        tags: (404, NAME_UNKNOWN),
        read: ("NAME_UNKNOWN", "repository name not known to registry", false),
        means: "RepositoryMissing",
    },
    Shape {
        what: "Artifactory: a wrong password",
        host: "acme.jfrog.io",
        asks_for: Asks::Password,
        with_password: true,
        manifest: (401, r#"{"errors":[{"status":401,"message":"Wrong username was used"}]}"#),
        tags: (401, ""),
        read: ("", "Wrong username was used", true),
        means: "Rejected",
    },
    Shape {
        what: "a page of a balancer",
        manifest: (503, "<html>no backend</html>"),
        read: ("", "", false),
        means: "Nothing",
        ..PLAIN
    },
    Shape {
        what: "404 without a word, from somebody who does not know the API",
        manifest: (404, "404 page not found"),
        tags: (404, "404 page not found"),
        read: ("", "404 page not found", false),
        means: "Missing",
        ..PLAIN
    },
];
