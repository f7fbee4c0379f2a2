use super::*;
use crate::policy::ExecPlugins;

fn password(credential: Option<Credential>) -> Option<(String, String)> {
    match credential? {
        Credential::Password { user, password } => Some((user, password)),
        Credential::IdentityToken(token) => Some(("identity".to_owned(), token)),
        Credential::RegistryToken(token) => Some(("registry".to_owned(), token)),
    }
}

fn of(config: &str, host: &str, path: &str) -> Option<(String, String)> {
    let file: ConfigFile = serde_json::from_str(config).unwrap();
    password(find(&file.auths, host, path))
}

fn pair(user: &str, password: &str) -> (String, String) {
    (user.to_owned(), password.to_owned())
}

#[test]
fn an_entry_is_for_the_registry_it_names_and_for_no_other() {
    let config = r#"{"auths": {"registry.example": {"auth": "Y2k6YTpi"},
        "https://index.docker.io/v1/": {"username": "hub", "password": "p"},
        "https://quay.io": {"identitytoken": "id"}, "ghcr.io/acme": {"registrytoken": "rt"}}}"#;
    assert_eq!(of(config, "registry.example", "shop/web"), Some(pair("ci", "a:b")));
    assert_eq!(of(config, "docker.io", "library/nginx"), Some(pair("hub", "p")));
    assert_eq!(of(config, "quay.io", "acme/web"), Some(pair("identity", "id")));
    assert_eq!(of(config, "ghcr.io", "acme/web"), Some(pair("registry", "rt")));
    for (host, path) in [
        ("registry.example:5000", "shop/web"),
        ("registry.example.evil.net", "shop/web"),
        ("evil-registry.example", "shop/web"),
        ("ghcr.io", "acmecorp/web"),
        ("ghcr.io", "other/web"),
        ("example", "shop/web"),
    ] {
        assert_eq!(of(config, host, path), None, "{host}/{path}");
    }
}

#[test]
fn of_several_entries_the_most_specific_counts_and_an_empty_one_does_not() {
    let config = r#"{"auths": {"r.example": {"username": "all", "password": "p"},
        "r.example/shop": {"username": "shop", "password": "p"}, "r.example/shop/web": {}}}"#;
    assert_eq!(of(config, "r.example", "shop/web"), Some(pair("shop", "p")));
    assert_eq!(of(config, "r.example", "shopping/web"), Some(pair("all", "p")));
}

#[test]
fn a_star_stands_for_one_label_as_it_does_for_kubelet() {
    let config = r#"{"auths": {"*.dkr.ecr.*.amazonaws.com": {"username": "AWS", "password": "p"}}}"#;
    assert_eq!(of(config, "1234.dkr.ecr.eu-west-1.amazonaws.com", "web"), Some(pair("AWS", "p")));
    assert_eq!(of(config, "a.b.dkr.ecr.eu-west-1.amazonaws.com", "web"), None);
}

#[test]
fn a_pull_secret_is_read_by_its_type_and_no_error_quotes_it() {
    let text = STANDARD.encode(r#"{"auths": {"r.example": {"auth": "Y2k6c2VjcmV0"}}}"#);
    let secret =
        format!(r#"{{"type": "kubernetes.io/dockerconfigjson", "data": {{".dockerconfigjson": "{text}"}}}}"#);
    let found = Entries::of_secret(secret.as_bytes()).unwrap().find_as_kubelet("r.example", "web");
    assert_eq!(password(found.ok()), Some(pair("ci", "secret")));
    let old = STANDARD.encode(r#"{"r.example": {"auth": "Y2k6c2VjcmV0"}}"#);
    let secret = format!(r#"{{"type": "kubernetes.io/dockercfg", "data": {{".dockercfg": "{old}"}}}}"#);
    let entries = Entries::of_secret(secret.as_bytes()).unwrap();
    assert_eq!(entries.find_as_kubelet("s.example", "web").err(), Some(Untried::NoEntry));

    let opaque = br#"{"type": "Opaque", "data": {".dockerconfigjson": "c2VjcmV0"}}"#;
    assert_eq!(Entries::of_secret(opaque).err(), Some(Untried::WrongType("Opaque".to_owned())));
    let broken = format!(
        r#"{{"type": "kubernetes.io/dockerconfigjson", "data": {{".dockerconfigjson": "{}"}}}}"#,
        STANDARD.encode("canary")
    );
    let Err(Untried::Unusable(why)) = Entries::of_secret(broken.as_bytes()) else { panic!() };
    assert!(!why.contains("canary"), "{why}");
}

async fn by_config(
    config: &str,
    change: impl FnOnce(&mut ConnectOptions),
) -> (String, Result<Credential, Untried>) {
    let mut options = ConnectOptions::new(|| jiff::Timestamp::UNIX_EPOCH);
    options.registry.auth_config = Some(config.to_owned());
    options.path = Some("/nonexistent".to_owned());
    change(&mut options);
    of_machine("r.example", "shop/web", &options).await
}

#[tokio::test]
async fn a_helper_for_the_registry_is_asked_before_the_store_and_the_file() {
    let config = r#"{"credHelpers": {"r.example": "one"}, "credsStore": "all",
        "auths": {"r.example": {"username": "file", "password": "p"}}}"#;
    let (from, found) = by_config(config, |_| ()).await;
    assert_eq!(from, "docker-credential-one");
    assert_eq!(found.err(), Some(Untried::Unusable("docker-credential-one is not in PATH".to_owned())));
    let (from, _) = by_config(r#"{"credHelpers": {"other": "one"}, "credsStore": "all"}"#, |_| ()).await;
    assert_eq!(from, "docker-credential-all");
    let (from, found) =
        by_config(r#"{"auths": {"r.example": {"username": "f", "password": "p"}}}"#, |_| ()).await;
    assert_eq!((from.as_str(), password(found.ok())), ("DOCKER_AUTH_CONFIG", Some(pair("f", "p"))));
}

#[tokio::test]
async fn a_helper_that_is_not_allowed_or_is_a_path_does_not_run() {
    let (_, found) =
        by_config(r#"{"credsStore": "test"}"#, |options| options.exec_plugins = ExecPlugins::Deny).await;
    let expected = "--exec-plugins does not allow docker-credential-test";
    assert_eq!(found.err(), Some(Untried::Unusable(expected.to_owned())));
    let (_, found) = by_config(r#"{"credsStore": "../../tmp/x"}"#, |_| ()).await;
    let Err(Untried::Unusable(why)) = found else { panic!() };
    assert!(why.contains("cannot be the name of a credential helper"), "{why}");
}

#[tokio::test]
async fn a_config_is_looked_for_where_docker_looks() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, user: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = format!(r#"{{"auths": {{"r.example": {{"username": "{user}", "password": "p"}}}}}}"#);
        std::fs::write(path, text).unwrap();
    };
    let mut options = ConnectOptions::new(|| jiff::Timestamp::UNIX_EPOCH);
    options.home = Some(folder.path().to_owned());
    assert_eq!(of_machine("r.example", "x", &options).await.1.err(), Some(Untried::NoEntry));
    write(".docker/config.json", "home");
    let (from, found) = of_machine("r.example", "x", &options).await;
    assert_eq!((from.as_str(), password(found.ok())), ("~/.docker/config.json", Some(pair("home", "p"))));
    write("elsewhere/config.json", "folder");
    options.registry.config_folder = Some(folder.path().join("elsewhere"));
    let (from, found) = of_machine("r.example", "x", &options).await;
    assert_eq!(
        (from.as_str(), password(found.ok())),
        ("the config.json in DOCKER_CONFIG", Some(pair("folder", "p")))
    );
    std::fs::write(folder.path().join("elsewhere/config.json"), "canary").unwrap();
    let (_, found) = of_machine("r.example", "x", &options).await;
    assert_eq!(found.err(), Some(Untried::Unusable("it is not JSON".to_owned())));
}
