//! The pages that lie in the program: the demo shop, the chat widget and the agents' console.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::channel::Problem;

/// What a page of ours may load and do: itself, and the chat.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'";
/// What the console may: its own files and paths, and no code or style that stands in a page.
const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                              frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The widget's files as one script, in a function of its own; a page that is tagged twice has it once.
const WIDGET: &str = concat!(
    "(() => {\n'use strict';\nif (window.nightdesk) return;\n",
    include_str!("../../web/widget/words.js"),
    include_str!("../../web/widget/look.js"),
    include_str!("../../web/widget/talk.js"),
    include_str!("../../web/widget/line.js"),
    include_str!("../../web/widget/hands.js"),
    "})();\n",
);

pub(super) async fn demo() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, POLICY)];
    (policy, page(HTML, include_str!("../../web/demo.html"))).into_response()
}

pub(super) async fn widget() -> Response {
    page(SCRIPT, WIDGET)
}

pub(super) async fn console() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONSOLE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, page(HTML, include_str!("../../web/console.html"))).into_response()
}

pub(super) async fn console_file(Path(file): Path<String>) -> Result<Response, Problem> {
    Ok(match file.as_str() {
        "console.css" => page("text/css; charset=utf-8", include_str!("../../web/console.css")),
        "console.js" => page(SCRIPT, include_str!("../../web/console.js")),
        "case.js" => page(SCRIPT, include_str!("../../web/console/case.js")),
        "dom.js" => page(SCRIPT, include_str!("../../web/console/dom.js")),
        "modes.js" => page(SCRIPT, include_str!("../../web/console/modes.js")),
        "hours.js" => page(SCRIPT, include_str!("../../web/console/hours.js")),
        "until.js" => page(SCRIPT, include_str!("../../web/console/until.js")),
        "knowledge.css" => page("text/css; charset=utf-8", include_str!("../../web/console/knowledge.css")),
        "knowledge.js" => page(SCRIPT, include_str!("../../web/console/knowledge.js")),
        "knowledge-diff.js" => page(SCRIPT, include_str!("../../web/console/knowledge-diff.js")),
        "knowledge-findings.js" => page(SCRIPT, include_str!("../../web/console/knowledge-findings.js")),
        "knowledge-parts.js" => page(SCRIPT, include_str!("../../web/console/knowledge-parts.js")),
        "knowledge-try.js" => page(SCRIPT, include_str!("../../web/console/knowledge-try.js")),
        "knowledge-words.js" => page(SCRIPT, include_str!("../../web/console/knowledge-words.js")),
        "link.js" => page(SCRIPT, include_str!("../../web/console/link.js")),
        "pass.js" => page(SCRIPT, include_str!("../../web/console/pass.js")),
        "shop.js" => page(SCRIPT, include_str!("../../web/console/shop.js")),
        "unmatched.js" => page(SCRIPT, include_str!("../../web/console/unmatched.js")),
        "wording.js" => page(SCRIPT, include_str!("../../web/console/wording.js")),
        "words.js" => page(SCRIPT, include_str!("../../web/console/words.js")),
        _ => return Err(Problem::not_found("The console has no such file.")),
    })
}

fn page(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
