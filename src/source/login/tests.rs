//! Users of a kubeconfig, and the header that comes of them.

use kube::config::AuthProviderConfig;

use super::*;
use crate::policy::ExecPlugins;

fn options() -> ConnectOptions {
    ConnectOptions::new(|| jiff::Timestamp::UNIX_EPOCH)
}

async fn authorization(mut user: AuthInfo) -> Result<Option<Authorization>, NoCredential> {
    log_in(&mut user, None, &options(), &oidc::Tokens::default()).await
}

async fn header(user: AuthInfo) -> Result<String, NoCredential> {
    let authorization = authorization(user).await?;
    Ok(authorization.map_or_else(String::new, |found| found.header().to_str().unwrap().to_owned()))
}

fn with_token(token: &str) -> AuthInfo {
    AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() }
}

fn with_file(path: &Path) -> AuthInfo {
    AuthInfo { token_file: path.to_str().map(str::to_owned), ..AuthInfo::default() }
}

#[tokio::test]
async fn no_program_of_an_auth_provider_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let config = [("cmd-path", "touch"), ("cmd-args", mark.to_str().unwrap())];
    let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let provider =
        AuthProviderConfig { name: "gcp".to_owned(), config, other: std::collections::BTreeMap::new() };
    let mut user = AuthInfo { auth_provider: Some(provider), ..AuthInfo::default() };
    let options = ConnectOptions { exec_plugins: ExecPlugins::Deny, ..options() };
    let refused = log_in(&mut user, None, &options, &oidc::Tokens::default()).await.unwrap_err();
    assert!(
        refused.why.contains(r#"the auth-provider "gcp""#) && refused.why.contains("exec"),
        "{refused:?}"
    );
    assert!(refused.help[0].contains("gke-gcloud-auth-plugin"), "{refused:?}");
    assert!(!mark.exists() && user.auth_provider.is_none(), "nor does kube see it");
}

#[tokio::test]
async fn white_space_around_a_token_is_no_part_of_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "t0ken\n").unwrap();
    assert_eq!(header(with_file(file.path())).await.unwrap(), "Bearer t0ken");
    assert_eq!(header(with_token("t0ken\r\n")).await.unwrap(), "Bearer t0ken");
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_told_and_not_quoted() {
    for token in ["t0ken\nt0ken", "t0ken\u{1}", "t0kén"] {
        let refused = header(with_token(token)).await.unwrap_err();
        assert!(refused.why.starts_with("the token of the user holds a line break"), "{refused:?}");
        assert!(!refused.why.contains("t0k"), "{refused:?}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = header(with_file(file.path())).await.unwrap_err();
    assert_eq!(empty.why, format!("the token file {} is empty", file.path().display()));
}

#[tokio::test]
async fn a_token_file_is_read_again_each_minute_and_one_that_is_gone_counts_as_unchanged() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "one\n").unwrap();
    let authorization = authorization(with_file(file.path())).await.unwrap().unwrap();
    let mut at = Instant::now();
    for (content, expected) in
        [("two\n", "Bearer two"), ("", "Bearer two"), ("three", "Bearer three"), ("fo\nur", "Bearer three")]
    {
        let before = authorization.header_at(at);
        std::fs::write(file.path(), content).unwrap();
        assert_eq!(authorization.header_at(at), before, "not for each request");
        at += REREAD;
        assert_eq!(authorization.header_at(at), expected);
    }
}

#[tokio::test]
async fn of_a_token_and_a_token_file_the_file_is_used_if_it_can_be_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "file").unwrap();
    let both = |path: &Path| AuthInfo { token_file: with_file(path).token_file, ..with_token("inline") };
    assert_eq!(header(both(file.path())).await.unwrap(), "Bearer file");
    assert_eq!(header(both(Path::new("/nonexistent"))).await.unwrap(), "Bearer inline");
    assert_eq!(header(with_token("")).await.unwrap(), "");
}

#[tokio::test]
async fn a_user_in_the_url_of_the_server_is_who_we_are_and_not_a_part_of_its_name() {
    let url: Uri = "https://ci:pa%40ss@k8s.example:6443/prefix".parse().unwrap();
    let (url, user_info) = without_user_info(&url);
    assert_eq!(url, "https://k8s.example:6443/prefix");
    let mut user = with_token("t0ken");
    let tokens = oidc::Tokens::default();
    let found = log_in(&mut user, user_info.as_deref(), &options(), &tokens).await.unwrap().unwrap();
    assert_eq!(found.header(), basic(b"ci:pa@ss"));
    assert_eq!(found.header(), "Basic Y2k6cGFAc3M=");
    let (url, none) = without_user_info(&url);
    assert_eq!((url.host(), none), (Some("k8s.example"), None));
}

#[test]
fn percent_encoding_is_undone_where_there_is_one() {
    assert_eq!(decoded("user:pa%40ss"), b"user:pa@ss");
    assert_eq!(decoded("%+A%zz%"), b"%+A%zz%");
}
