//! The answers of ten vendors on the wire, read as facts.

use super::scripted::{answer, image, one_look, password, serve};
use super::*;
use crate::testing::registries::{Asks, SHAPES, Shape};

async fn asked(shape: &'static Shape) -> RegistryLook {
    let (host, _) = serve(|address| {
        let realm = format!("http://{address}/token");
        Box::new(move |head| {
            let (status, body) = match shape.asks_for {
                Asks::Token(status, body) if head.contains("/token?") => (status, body),
                _ if head.contains("/tags/list") => shape.tags,
                _ => shape.manifest,
            };
            let challenge = match shape.asks_for {
                Asks::Password => "WWW-Authenticate: Basic realm=\"r\"\r\n".to_owned(),
                Asks::Token(..) => format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"r\"\r\n"),
            };
            let opened = head.contains("authorization: ") || head.contains("/token?");
            if opened || (status == 401 && matches!(shape.asks_for, Asks::Password)) {
                answer(&format!("{status} X"), &challenge, body)
            } else {
                answer("401 Unauthorized", &challenge, "")
            }
        })
    })
    .await;
    let credential = shape.with_password.then(password);
    one_look(&image(&host), credential).await
}

#[tokio::test]
async fn what_each_vendor_answers_is_read() {
    for shape in SHAPES {
        let look = asked(shape).await;
        assert_eq!(look.image, ImageReply::Error(shape.error()), "{}", shape.what);
        let listed = matches!(look.tags, Some(TagsReply::Listed { .. }));
        assert_eq!(listed, shape.tags.0 == 200, "{}: {:?}", shape.what, look.tags);
    }
}
