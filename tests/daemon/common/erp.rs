//! An order system that misbehaves as such systems do. It answers `GET /orders/{number}` by the number's first three digits:
//!
//! | begins with | answers |
//! | --- | --- |
//! | 100 | at once: on its way |
//! | 101 | at once: not shipped yet |
//! | 150 | the same as 100 after a second and a half |
//! | 200 | never |
//! | 300 | with a redirect to an order that is on its way |
//! | 404 | that there is no such order |
//! | 500 | with an error |
//! | 600 | with a page of HTML |
//! | 700 | with ten megabytes |
//! | 800 | half of it, and breaks off |

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

/// A request: the number, and the `Authorization`.
type Asked = (String, Option<String>);

/// A running order system.
#[derive(Debug)]
pub struct Erp {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Erp {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let order = move |Path(number): Path<String>, headers: HeaderMap| {
            let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            kept.lock().unwrap().push((number.clone(), token));
            async move { order(&number).await }
        };
        let router = Router::new().route("/orders/{number}", get(order));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a number was asked for.
    pub fn asked(&self, number: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == number).count()
    }

    /// The `Authorization` of the last request.
    pub fn last_token(&self) -> Option<String> {
        self.asked.lock().unwrap().last().and_then(|(_, token)| token.clone())
    }
}

async fn order(number: &str) -> Response {
    let on_its_way = || axum::Json(json!({"shipped": true, "carrier": "顺丰", "state": "派送中"})).into_response();
    match number.get(..3).unwrap_or_default() {
        "100" => on_its_way(),
        "101" => axum::Json(json!({"shipped": false})).into_response(),
        "150" => {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            on_its_way()
        }
        "200" => std::future::pending().await,
        "300" => (StatusCode::FOUND, [(header::LOCATION, "/orders/100000000000")]).into_response(),
        "500" => (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response(),
        "600" => (StatusCode::OK, "<html>please sign in</html>").into_response(),
        "700" => (StatusCode::OK, vec![b'9'; 10 << 20]).into_response(),
        "800" => {
            let half = futures_util::stream::iter([Ok("{\"shipped\":"), Err(std::io::Error::other("gone"))]);
            Response::new(Body::from_stream(half))
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
