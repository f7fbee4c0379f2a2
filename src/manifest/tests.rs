//! Manifests as people, kubectl and attackers write them.

use std::fs;

use super::*;

fn stdin(text: &str) -> Result<Manifest, Error> {
    read(&[PathBuf::from("-")], false, &[], &mut text.as_bytes())
}

fn names(manifest: &Manifest) -> Vec<String> {
    manifest.workloads.iter().map(|workload| format!("{}/{}", workload.kind, workload.name)).collect()
}

const SEVERAL: &str = "# the shop
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData:
  password: hunter2
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec: {replicas: 2}
---
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: db}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
";

#[test]
fn documents_and_lists_are_read_with_their_lines_and_what_is_no_rollout_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    fs::write(&path, SEVERAL).unwrap();
    let manifest = read(std::slice::from_ref(&path), false, &[], &mut "".as_bytes()).unwrap();
    assert_eq!(names(&manifest), ["Deployment/web", "StatefulSet/db"]);
    let places: Vec<(u64, Option<&str>)> = manifest
        .workloads
        .iter()
        .map(|workload| (workload.origin.as_ref().unwrap().line, workload.namespace.as_deref()))
        .collect();
    assert_eq!(places, [(8, Some("shop")), (19, None)]);
    assert_eq!(manifest.workloads[0].origin.as_ref().unwrap().file, path.display().to_string());
    assert_eq!(manifest.left_out().unwrap(), "2 ConfigMaps, 1 Secret");
}

#[test]
fn what_kubectl_applied_pins_uid_and_generation() {
    let list = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"data":{"password":"aHVudGVyMg=="}},
        {"apiVersion":"apps/v1","kind":"Deployment",
         "metadata":{"name":"web","namespace":"shop","uid":"u-1","generation":7}}]}"#;
    let manifest = stdin(list).unwrap();
    let [web] = manifest.workloads.as_slice() else { panic!("{manifest:?}") };
    assert_eq!(
        (web.uid.as_deref(), web.generation, web.namespace.as_deref()),
        (Some("u-1"), Some(7), Some("shop"))
    );
    assert!(web.origin.is_none(), "a pipe is no place to point at");
    assert!(!format!("{manifest:?}").contains("aHVudGVyMg"));
    // one object is no list, and several follow one another
    let one = r#"{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"agent"}}"#;
    assert_eq!(names(&stdin(&format!("{one}\n{}", one.replace("agent", "proxy"))).unwrap()).len(), 2);
}

#[test]
fn json_files_have_lines_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.json");
    let text = "{\"kind\": \"List\", \"items\": [\n {\"kind\": \"Service\"},\n {\"apiVersion\": \"apps/v1\",\n  \"kind\": \"Deployment\", \"metadata\": {\"name\": \"web\"}}\n]}";
    fs::write(&path, text).unwrap();
    let manifest = read(&[path], false, &[], &mut "".as_bytes()).unwrap();
    assert_eq!(manifest.workloads[0].origin.as_ref().unwrap().line, 3);
}

#[test]
fn names_as_kubectl_prints_them_are_understood() {
    let manifest = stdin("deployment.apps/web\nservice/web\nstatefulset.apps/db\nsecret/db\n").unwrap();
    assert_eq!(names(&manifest), ["Deployment/web", "StatefulSet/db"]);
    let manifest = stdin("configmap/a unchanged\ndeployment.apps/web configured\n\n").unwrap();
    assert_eq!(names(&manifest), ["Deployment/web"]);
    assert_eq!(manifest.left_out().unwrap(), "1 configmap");
}

#[test]
fn a_bare_pod_counts_and_one_that_a_workload_made_does_not() {
    let pod = |name: &str, owners: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","ownerReferences":[{owners}]}}}}"#
        )
    };
    let owned = pod("web-1", r#"{"kind":"ReplicaSet","name":"web","controller":true}"#);
    let manifest = stdin(&format!("{}\n{owned}", pod("smoke", ""))).unwrap();
    assert_eq!(names(&manifest), ["Pod/smoke"]);
    assert_eq!(manifest.left_out().unwrap(), "1 Pod");
    assert_eq!(names(&stdin("pod/smoke created\n").unwrap()), ["Pod/smoke"]);
}

#[test]
fn a_kind_of_your_own_counts_where_it_is_asked_for() {
    let text = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n---\n\
        apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n";
    let with = |written: &str, text: &str| {
        let include: Vec<KindName> =
            written.split(',').filter(|name| !name.is_empty()).map(KindName::new).collect();
        read(&[PathBuf::from("-")], false, &include, &mut text.as_bytes()).unwrap()
    };
    let manifest = with("", text);
    assert!(manifest.workloads.is_empty());
    assert_eq!(manifest.could_include.as_deref(), Some("certificate.cert-manager.io"));
    for written in
        ["certificate", "Certificates", "certificate.cert-manager.io", "certificates.v1.cert-manager.io"]
    {
        assert_eq!(names(&with(written, text)), ["certificate.v1.cert-manager.io/web"], "{written}");
    }
    assert!(with("certificate.example.com,issuer", text).workloads.is_empty());
    let applied = "certificate.cert-manager.io/web created\n";
    assert_eq!(names(&with("certificates", applied)), ["certificate.cert-manager.io/web"]);
    assert_eq!(with("", applied).could_include.as_deref(), Some("certificate.cert-manager.io"));
}

#[test]
fn a_folder_is_read_as_kubectl_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let deployment =
        |name: &str| format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\n");
    fs::create_dir(folder.path().join("sub")).unwrap();
    for (file, name) in [("b.yml", "b"), ("a.yaml", "a"), ("sub/c.yaml", "c"), ("notes.txt", "x")] {
        fs::write(folder.path().join(file), deployment(name)).unwrap();
    }
    let of =
        |recursive| names(&read(&[folder.path().to_owned()], recursive, &[], &mut "".as_bytes()).unwrap());
    assert_eq!(of(false), ["Deployment/a", "Deployment/b"]);
    assert_eq!(of(true), ["Deployment/a", "Deployment/b", "Deployment/c"]);
    fs::write(folder.path().join("sub/d.yaml"), deployment("a")).unwrap();
    let error = read(&[folder.path().to_owned()], true, &[], &mut "".as_bytes()).unwrap_err();
    assert!(error.message.starts_with("two objects are named Deployment a: "), "{}", error.message);
    assert!(error.message.contains("a.yaml:1 and ") && error.message.ends_with("d.yaml:1"));
    let empty = tempfile::tempdir().unwrap();
    let error = read(&[empty.path().to_owned()], false, &[], &mut "".as_bytes()).unwrap_err();
    assert!(error.message.starts_with("no manifest in the folder"));
    let error = read(&["https://example.com/x.yaml".into()], false, &[], &mut "".as_bytes()).unwrap_err();
    assert!(error.hints[0].contains("curl"));
}

#[test]
fn what_cannot_be_read_is_one_error_with_its_place_and_never_quotes_a_value() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n";
    for (text, message) in [
        (format!("{secret}  password: \"hunter2\\x\"\n"), "standard input:5:"),
        (format!("{secret}  password: 'hunter2\n"), "standard input"),
        (format!("{secret}  password: hunter2\n  password: hunter2\n"), "a key is given twice"),
        (format!("{secret}  password: *hunter2\n"), "an alias (*name) without its anchor"),
        (format!("{secret}\tpassword: hunter2\n"), "standard input:5:2: not valid YAML"),
        (format!("{secret}  password: hunter2: hunter2\n"), "standard input:5:"),
        ("hunter2".to_owned(), "standard input:1:1: not a Kubernetes object"),
        ("metadata: hunter2".to_owned(), "standard input:1:11: not a Kubernetes object"),
        ("- hunter2\n".to_owned(), "not a Kubernetes object"),
        (
            r#"{"kind":"Secret","data":{"a":"hunter2"}"#.to_owned(),
            "standard input:1: the JSON ends before its end",
        ),
        (r#"{"kind":"Secret","metadata":"hunter2"}"#.to_owned(), "standard input:1: not a Kubernetes object"),
        (r#"{"kind":"Secret",hunter2}"#.to_owned(), "standard input:1:18: not valid JSON"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {generateName: hunter2-}\n".to_owned(),
            "has no name",
        ),
    ] {
        let error = stdin(&text).unwrap_err();
        assert!(error.message.contains(message), "{text}\n{}", error.message);
        assert!(!error.render(false).contains("hunter2"), "{text}\n{}", error.render(false));
        assert_eq!(error.exit_code().number(), 2);
    }
    let error = stdin("kind: Deployment\nmetadata:\n  name: {{ .Values.name }}\n").unwrap_err();
    assert!(error.hints[0].contains("helm template"), "{error:?}");
}

#[test]
fn an_alias_bomb_and_a_huge_file_are_refused_and_a_deep_definition_is_not() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    bomb.push_str("kind: ConfigMap\n");
    let error = stdin(&bomb).unwrap_err();
    assert!(error.message.contains("larger than a manifest can be"), "{}", error.message);

    let huge = read(&[PathBuf::from("-")], false, &[], &mut std::io::repeat(b'#')).unwrap_err();
    assert_eq!(huge.message, "standard input is larger than 32 MiB");

    let mut deep = "kind: CustomResourceDefinition\nspec:\n".to_owned();
    for level in 1..80 {
        let _ = writeln!(deep, "{}properties:", " ".repeat(level));
    }
    assert_eq!(stdin(&deep).unwrap().left_out().unwrap(), "1 CustomResourceDefinition");
    let _ = writeln!(deep, "{}", "[".repeat(100_000));
    assert!(stdin(&deep).is_err());
}

#[test]
fn nothing_is_nothing() {
    for text in ["", "\n", "---\n", "# only a comment\n", "null\n", r#"{"kind":"List","items":null}"#] {
        assert_eq!(stdin(text).unwrap(), Manifest::default(), "{text:?}");
    }
    assert_eq!(stdin("a: b\n").unwrap().left_out().unwrap(), "1 without a kind");
}
