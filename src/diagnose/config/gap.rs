//! What kubelet's text says is missing.

use crate::model::Kind;

/// One thing that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// `configmap "app-config" not found`.
    Object { kind: Kind, name: String },
    /// `couldn't find key DB_HOST in ConfigMap shop/app-config`: a variable's key.
    Key { kind: Kind, name: String, key: String },
    /// `configmap references non-existent config key: app.yaml`: a key in `items` of a volume, whose object the text
    /// does not name.
    VolumeKey { kind: Kind, key: String },
}

/// All gaps a text names. A text about kubelet's own caches (`failed to sync configmap cache`, `object … not
/// registered`) names none.
pub(super) fn gaps(text: &str) -> Vec<Gap> {
    let mut found = Vec::new();
    // Kubernetes before 1.10 wrote the plural.
    for (word, kind) in [
        ("configmap", Kind::ConfigMap),
        ("configmaps", Kind::ConfigMap),
        ("secret", Kind::Secret),
        ("secrets", Kind::Secret),
    ] {
        let opening = format!("{word} \"");
        for after in text.split(opening.as_str()).skip(1) {
            match after.split_once('"') {
                Some((name, rest)) if rest.starts_with(" not found") => {
                    found.push(Gap::Object { kind, name: name.to_owned() });
                }
                _ => {}
            }
        }
    }
    for after in text.split("couldn't find key ").skip(1) {
        let mut words = after.split_whitespace();
        let (key, kind, object) = (words.next(), words.nth(1), words.next());
        let kind = match kind {
            Some("ConfigMap") => Kind::ConfigMap,
            Some("Secret") => Kind::Secret,
            _ => continue,
        };
        if let (Some(key), Some((_, name))) = (key, object.and_then(|object| object.split_once('/'))) {
            let name = name.trim_end_matches([',', ']']).to_owned();
            found.push(Gap::Key { kind, name, key: key.to_owned() });
        }
    }
    for (opening, kind) in [
        ("references non-existent config key: ", Kind::ConfigMap),
        ("references non-existent secret key: ", Kind::Secret),
    ] {
        for after in text.split(opening).skip(1) {
            let key = after.split([',', ']', ' ', '\n']).next().unwrap_or_default();
            if !key.is_empty() {
                found.push(Gap::VolumeKey { kind, key: key.to_owned() });
            }
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: Kind, name: &str) -> Gap {
        Gap::Object { kind, name: name.to_owned() }
    }

    #[test]
    fn the_texts_of_kubernetes_1_36_name_object_and_key() {
        assert_eq!(
            gaps(r#"configmap "special-config" not found"#),
            [object(Kind::ConfigMap, "special-config")]
        );
        assert_eq!(
            gaps("couldn't find key pasword in Secret imgcfg/db"),
            [Gap::Key { kind: Kind::Secret, name: "db".into(), key: "pasword".into() }]
        );
        assert_eq!(
            gaps(
                r#"MountVolume.SetUp failed for volume "cfg" : [configmap "nope1" not found, secret "nope2" not found]"#
            ),
            [object(Kind::ConfigMap, "nope1"), object(Kind::Secret, "nope2")]
        );
        assert_eq!(
            gaps(
                "MountVolume.SetUp failed for volume \"cfg\" : [configmap references non-existent config key: k1, \
                 references non-existent secret key: k2]"
            ),
            [
                Gap::VolumeKey { kind: Kind::ConfigMap, key: "k1".into() },
                Gap::VolumeKey { kind: Kind::Secret, key: "k2".into() }
            ]
        );
    }

    #[test]
    fn the_text_of_2017_is_understood() {
        assert_eq!(
            gaps(r#"GenerateRunContainerOptions: configmaps "special-config" not found"#),
            [object(Kind::ConfigMap, "special-config")]
        );
    }

    #[test]
    fn what_kubelet_says_of_its_own_caches_is_no_gap() {
        for text in [
            "failed to sync configmap cache: timed out waiting for the condition",
            r#"object "shop"/"app-config" not registered"#,
            "services have not yet been read at least once, cannot construct envvars",
            "container has runAsNonRoot and image will run as root",
            r#"persistentvolumeclaim "data" not found"#,
        ] {
            assert_eq!(gaps(text), [], "{text}");
        }
    }
}
