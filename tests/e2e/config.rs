//! Reason 3: a ConfigMap, a Secret or a key of one is missing.

use serde_json::{Value, json};

use crate::case::{Case, Need, apply};
use crate::manifest::{app, config_map, container, one, secret, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = environment();
    cases.extend(volumes());
    cases.extend(healthy());
    cases
}

/// The container of the article, with one variable from a key of a ConfigMap or Secret.
fn variable(name: &str, source: &str, object: &str, key: &str) -> Value {
    let from = json!({"name": name, "valueFrom": {source: {"name": object, "key": key}}});
    web(one(app(json!({ "env": [from] }))))
}

/// A container with one volume, mounted.
fn volume(volume: Value, mount: Value) -> Value {
    let named = |mut value: Value| {
        if let Value::Object(fields) = &mut value {
            fields.insert("name".to_owned(), "files".into());
        }
        value
    };
    web(json!({
        "volumes": [named(volume)],
        "containers": [app(json!({"volumeMounts": [named(mount)]}))],
    }))
}

/// A container with a variable from a file that an init container writes, in those words.
fn from_file(line: &str, key: &str) -> Value {
    let writer = container(
        "write",
        json!({
            "command": ["sh", "-c", format!("echo \"{line}\" > /conf/app.env")],
            "volumeMounts": [{"name": "conf", "mountPath": "/conf"}],
        }),
    );
    let file = json!({"volumeName": "conf", "path": "app.env", "key": key});
    web(json!({
        "volumes": [{"name": "conf", "emptyDir": {}}],
        "initContainers": [writer],
        "containers": [app(json!({"env": [{"name": "APP_MODE", "valueFrom": {"fileKeyRef": file}}]}))],
    }))
}

fn environment() -> Vec<Case> {
    vec![
        // Kubernetes 1.35 and later.
        Case::fails("config", "env-file-without-key", "env-file-unusable")
            .object(from_file("MODE='fast'", "MODUS"))
            .says(&["app.env", "no key MODUS", "APP_MODE", "-c write"])
            .needs(Need::Kubernetes135)
            .lasts(40),
        Case::fails("config", "env-file-without-quotes", "env-file-unusable")
            .object(from_file("MODE=fast", "MODE"))
            .says(&["app.env", "cannot be read", "APP_MODE", "-c write"])
            .needs(Need::Kubernetes135)
            .lasts(40),
        // The article's own example (3a).
        Case::fails("config", "config-map-missing-for-variable", "config-map-missing")
            .object(config_map("special-confg", json!({"special.how": "very"})))
            .object(variable("SPECIAL_LEVEL_KEY", "configMapKeyRef", "special-config", "special.how"))
            .says(&["special-config", "SPECIAL_LEVEL_KEY", "special-confg", "$NS"])
            .lasts(50),
        Case::fails("config", "config-map-key-missing-for-variable", "config-map-key-missing")
            .object(config_map("special-config", json!({"special.hwo": "very", "special.type": "charm"})))
            .object(variable("SPECIAL_LEVEL_KEY", "configMapKeyRef", "special-config", "special.how"))
            .says(&["special-config", "special.how", "SPECIAL_LEVEL_KEY", "special.hwo", "special.type"])
            .lasts(50),
        Case::fails("config", "config-map-missing-for-env-from", "config-map-missing")
            .object(web(one(app(json!({"envFrom": [{"configMapRef": {"name": "web-settings"}}]})))))
            .says(&["web-settings", "envFrom"])
            .lasts(50),
        Case::fails("config", "secret-missing-for-variable", "secret-missing")
            .object(secret("db-credential", &["password"]))
            .object(variable("DB_PASSWORD", "secretKeyRef", "db-credentials", "password"))
            .says(&["db-credentials", "DB_PASSWORD", "$NS"])
            .lasts(50),
        Case::fails("config", "secret-missing-for-env-from", "secret-missing")
            .object(web(one(app(json!({"envFrom": [{"secretRef": {"name": "web-secrets"}}]})))))
            .says(&["web-secrets", "envFrom"])
            .lasts(50),
        Case::fails("config", "secret-key-missing-for-variable", "secret-key-missing")
            .object(secret("db-credentials", &["pasword", "username"]))
            .object(variable("DB_PASSWORD", "secretKeyRef", "db-credentials", "password"))
            .says(&["db-credentials", "password", "DB_PASSWORD", "pasword", "username"])
            .lasts(50),
    ]
}

fn volumes() -> Vec<Case> {
    vec![
        // The article's own example (3b).
        Case::fails("config", "secret-missing-for-volume", "secret-missing")
            .object(volume(
                json!({"secret": {"secretName": "myothersecret"}}),
                json!({"mountPath": "/etc/secret/", "readOnly": true}),
            ))
            .says(&["myothersecret", "/etc/secret", "files"])
            .lasts(130),
        Case::fails("config", "config-map-missing-for-volume", "config-map-missing")
            .object(config_map("web-file", json!({"app.yaml": "a: 1"})))
            .object(volume(json!({"configMap": {"name": "web-files"}}), json!({"mountPath": "/etc/web"})))
            .says(&["web-files", "/etc/web", "files", "web-file "])
            .lasts(130),
        Case::fails("config", "config-map-key-missing-for-items", "config-map-key-missing")
            .object(config_map("web-files", json!({"app.yml": "a: 1"})))
            .object(volume(
                json!({"configMap": {"name": "web-files", "items": [{"key": "app.yaml", "path": "app.yaml"}]}}),
                json!({"mountPath": "/etc/web"}),
            ))
            .says(&["web-files", "app.yaml", "app.yml", "/etc/web"])
            .lasts(130),
        Case::fails("config", "secret-key-missing-for-items", "secret-key-missing")
            .object(secret("web-tls", &["tls.crt", "tls.pem"]))
            .object(volume(
                json!({"secret": {"secretName": "web-tls", "items": [{"key": "tls.key", "path": "key"}]}}),
                json!({"mountPath": "/etc/tls"}),
            ))
            .says(&["web-tls", "tls.key", "/etc/tls"])
            .lasts(130),
        Case::fails("config", "config-map-missing-for-projection", "config-map-missing")
            .object(volume(
                json!({"projected": {"sources": [{"configMap": {"name": "web-files"}}]}}),
                json!({"mountPath": "/etc/web"}),
            ))
            .says(&["web-files", "/etc/web"])
            .lasts(130),
        Case::fails("config", "secret-missing-for-projection", "secret-missing")
            .object(volume(
                json!({"projected": {"sources": [{"secret": {"name": "web-tls"}}]}}),
                json!({"mountPath": "/etc/tls"}),
            ))
            .says(&["web-tls", "/etc/tls"])
            .lasts(130),
        // Kubelet makes an empty directory for it, which cannot be mounted where the image has a file.
        Case::fails("config", "sub-path-missing", "sub-path-missing")
            .object(config_map("web-files", json!({"heathz": "ok"})))
            .object(volume(
                json!({"configMap": {"name": "web-files"}}),
                json!({"mountPath": "/www/healthz", "subPath": "healthz"}),
            ))
            .says(&["web-files", "healthz", "heathz", "/www/healthz"])
            .lasts(50),
    ]
}

fn healthy() -> Vec<Case> {
    let optional = json!({
        "volumes": [
            {"name": "files", "configMap": {"name": "absent", "optional": true}},
            {"name": "tls", "projected": {"sources": [{"secret": {"name": "absent", "optional": true}}]}},
        ],
        "containers": [app(json!({
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "a", "optional": true}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "here", "key": "b", "optional": true}}},
            ],
            "envFrom": [{"configMapRef": {"name": "absent", "optional": true}}],
            "volumeMounts": [
                {"name": "files", "mountPath": "/etc/web"},
                {"name": "tls", "mountPath": "/etc/tls"},
            ],
        }))],
    });
    let everything = json!({
        "volumes": [
            {"name": "files", "configMap": {"name": "here", "items": [{"key": "a", "path": "a"}]}},
            {"name": "tls", "projected": {"sources": [{"secret": {"name": "here"}}]}},
        ],
        "containers": [app(json!({
            "env": [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "here", "key": "b"}}}],
            "envFrom": [{"configMapRef": {"name": "here"}}],
            "volumeMounts": [
                {"name": "files", "mountPath": "/etc/web/a", "subPath": "a"},
                {"name": "tls", "mountPath": "/etc/tls"},
            ],
        }))],
    });
    vec![
        Case::passes("config", "env-file-near-miss")
            .object(from_file("MODE='fast'", "MODE"))
            .needs(Need::Kubernetes135),
        Case::passes("config", "config-map-created-late-near-miss")
            .object(variable("SPECIAL_LEVEL_KEY", "configMapKeyRef", "special-config", "special.how"))
            .args("--patience 4")
            .at(15, apply(config_map("special-config", json!({"special.how": "very"}))))
            .lasts(45),
        Case::passes("config", "key-added-late-near-miss")
            .object(config_map("special-config", json!({"special.type": "charm"})))
            .object(variable("SPECIAL_LEVEL_KEY", "configMapKeyRef", "special-config", "special.how"))
            .args("--patience 4")
            .at(15, apply(config_map("special-config", json!({"special.how": "very"}))))
            .lasts(45),
        Case::passes("config", "secret-for-volume-created-late-near-miss")
            .object(volume(
                json!({"secret": {"secretName": "myothersecret"}}),
                json!({"mountPath": "/etc/secret/"}),
            ))
            .args("--patience 4")
            .at(15, apply(secret("myothersecret", &["password"])))
            .lasts(50),
        Case::passes("config", "optional-near-miss")
            .object(secret("here", &["a"]))
            .object(web(optional))
            .lasts(20),
        Case::passes("config", "everything-there-near-miss")
            .object(config_map("here", json!({"a": "1"})))
            .object(secret("here", &["b"]))
            .object(web(everything))
            .lasts(20),
    ]
}
