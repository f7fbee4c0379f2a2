//! What is wrong with a TLS handshake, from the words of rustls.

/// What a failed handshake means for the next one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// One side does not trust the other: another certificate is needed, here or there.
    Untrusted(String),
    /// The server, or what stands before it, may not be ready yet.
    Unready(String),
}

/// By these a server says what it has against our certificate.
const ABOUT_US: [&str; 9] = [
    "NoCertificate",
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    "CertificateRequired",
];

/// Reads the text of an error. `own_authority`: the kubeconfig names the authority that must have signed.
pub(super) fn of(text: &str, own_authority: bool) -> Option<Handshake> {
    if let Some((_, why)) = text.split_once("invalid peer certificate: ") {
        return Some(Handshake::Untrusted(of_certificate(why, own_authority)));
    }
    if let Some((_, alert)) = text.split_once("received fatal alert: ") {
        return Some(if ABOUT_US.iter().any(|about_us| alert.starts_with(about_us)) {
            Handshake::Untrusted(format!(
                "it ended the TLS handshake, as it does for a wrong or missing client certificate ({alert})"
            ))
        } else {
            Handshake::Unready(format!("it ended the TLS handshake ({alert})"))
        });
    }
    text.contains("InvalidContentType").then(|| Handshake::Unready("it does not speak TLS".to_owned()))
}

fn of_certificate(why: &str, own_authority: bool) -> String {
    let lower = why.to_lowercase();
    if why.contains("UnknownIssuer") && own_authority {
        "its certificate is not signed by the certificate authority of the kubeconfig".to_owned()
    } else if why.contains("UnknownIssuer") {
        "its certificate is not signed by an authority that this machine trusts".to_owned()
    } else if why.contains("BadSignature") && own_authority {
        // every cluster names its own authority "kubernetes"
        "its certificate is not signed by the certificate authority of the kubeconfig, but by another of the same \
         name, as that of another cluster is"
            .to_owned()
    } else if why.contains("NotValidForName") || lower.contains("not valid for name") {
        format!("its certificate is for another name; tls-server-name in the kubeconfig can name it ({why})")
    } else if why.contains("CaUsedAsEndEntity") {
        "its certificate is that of an authority (CA:TRUE), as some self-signed ones are; the server needs one that an \
         authority has signed"
            .to_owned()
    } else if why.contains("UnsupportedCertVersion") {
        "its certificate is in an old form, X.509 version 1, that names no host; the server needs one of version 3"
            .to_owned()
    } else if why.contains("NotValidYet") || lower.contains("not valid yet") {
        format!("its certificate is not valid yet, or the clock of this machine is wrong ({why})")
    } else if lower.contains("expired") {
        format!("its certificate is expired, or the clock of this machine is wrong ({why})")
    } else {
        format!("its certificate is not acceptable ({why})")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    /// An authority that has signed itself, a server's certificate that it has signed, and one of version 1.
    const CERTIFICATES: &str = include_str!("certificates.pem");
    const IN_2030: u64 = 1_900_000_000;

    /// What rustls says of the certificate of a server, where the authority is trusted.
    fn word(which: usize, name: &'static str, at: u64) -> String {
        let certificates = pem::parse_many(CERTIFICATES).unwrap().into_iter();
        let certificates: Vec<CertificateDer<'_>> =
            certificates.map(|block| block.into_contents().into()).collect();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificates[0].clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(&certificates[which], &[], &name, &[], now).unwrap_err().to_string()
    }

    fn told(text: &str, own_authority: bool) -> String {
        match of(text, own_authority) {
            Some(Handshake::Untrusted(why)) => why,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_rustls_says_of_a_certificate_is_put_in_plain_words() {
        for (word, expected) in [
            (word(0, "k8s.example", IN_2030), "is that of an authority (CA:TRUE)"),
            (word(2, "k8s.example", IN_2030), "in an old form, X.509 version 1"),
            (word(1, "k8s.example", 0), "is not valid yet, or the clock"),
            (word(1, "k8s.example", 9_000_000_000), "is expired, or the clock"),
            (word(1, "other.example", IN_2030), "is for another name; tls-server-name"),
        ] {
            assert!(told(&word, true).contains(expected), "{word}: {}", told(&word, true));
        }
    }

    #[test]
    fn an_unknown_issuer_names_the_authority_that_was_asked() {
        let text = "invalid peer certificate: UnknownIssuer";
        assert!(told(text, true).contains("certificate authority of the kubeconfig"));
        assert!(told(text, false).contains("an authority that this machine trusts"));
    }

    #[test]
    fn only_alerts_about_our_certificate_are_about_trust() {
        for alert in ["CertificateRequired", "BadCertificate", "UnknownCA"] {
            let text = rustls_alert(alert);
            assert!(told(&text, true).contains("client certificate"), "{text}");
        }
        for text in [
            rustls_alert("InternalError"),
            rustls_alert("UnrecognisedName"),
            rustls_alert("HandshakeFailure"),
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType).to_string(),
        ] {
            assert!(matches!(of(&text, true), Some(Handshake::Unready(_))), "{text}");
        }
        assert_eq!(of("connection reset", true), None);
    }

    fn rustls_alert(name: &str) -> String {
        use rustls::AlertDescription as Alert;
        let known = [
            Alert::CertificateRequired,
            Alert::BadCertificate,
            Alert::UnknownCA,
            Alert::InternalError,
            Alert::UnrecognisedName,
            Alert::HandshakeFailure,
        ];
        let alert = known.into_iter().find(|alert| format!("{alert:?}") == name).unwrap();
        rustls::Error::AlertReceived(alert).to_string()
    }
}
