//! The two services that know where parcels are, written from their documentation, misbehaving as services do.
//!
//! Both check the signature over what they received. What they answer follows from the number's first three digits:
//!
//! | begins with | answers |
//! | --- | --- |
//! | 100 | out for delivery |
//! | 150 | the same after a second and a half |
//! | 160 | the same after four seconds |
//! | 200 | signed for, if the phone number ends with 1234; else that it is wrong |
//! | 404 | that there is no such number |
//! | 405 | that nothing is known yet |
//! | 500 | with an error of HTTP |
//! | 503 | that the account is refused, with status 200 |
//! | 600 | with a page of HTML |
//! | 700 | with ten megabytes |
//! | 800 | half of it, and breaks off |

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use md5::{Digest, Md5};
use serde_json::{Value, json};

/// The account that they know, of either service.
pub const ACCOUNT: &str = "1237100";
/// Its key.
pub const KEY: &str = "4d5c2f0e-key";

/// Both services, running.
#[derive(Debug)]
pub struct Carriers {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Carriers {
    /// Starts them.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (first, second) = (Arc::clone(&asked), Arc::clone(&asked));
        let router = Router::new()
            .route("/poll/query.do", post(move |body: Bytes| kuaidi100(first, body)))
            .route("/Ebusiness/EbusinessOrderHandle.aspx", post(move |body: Bytes| kdniao(second, body)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// Their address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often a number was asked for.
    pub fn asked(&self, number: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == number).count()
    }
}

fn form(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap();
    let url: reqwest::Url = format!("http://x/?{text}").parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn hex(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(text.as_bytes()))
}

async fn kuaidi100(asked: Arc<Mutex<Vec<String>>>, body: Bytes) -> Response {
    let no = |code: &str, message: &str| {
        Json(json!({"result": false, "returnCode": code, "message": message})).into_response()
    };
    let form = form(&body);
    let expected = hex(&format!("{}{KEY}{}", form["param"], form["customer"])).to_uppercase();
    if form["sign"] != expected || form["customer"] != ACCOUNT {
        return no("503", "验证签名失败");
    }
    let param: Value = serde_json::from_str(&form["param"]).unwrap();
    let number = param["num"].as_str().unwrap().to_owned();
    assert!(!param["com"].as_str().unwrap().is_empty(), "the carrier must be named");
    asked.lock().unwrap().push(number.clone());
    let steps = json!([
        {"context": "【上海】正在派送", "time": "2026-10-14 08:30:00", "ftime": "2026-10-14 08:30:00"},
        {"context": "【杭州】已揽收", "time": "2026-10-13 18:00:00", "ftime": "2026-10-13 18:00:00"}]);
    let found = |state: &str| {
        let answer = json!({"message": "ok", "state": state, "status": "200", "ischeck": "0", "com": param["com"],
            "nu": number, "data": steps});
        Json(answer).into_response()
    };
    let phone = param["phone"].as_str().unwrap_or_default();
    match number.get(..3).unwrap_or_default() {
        "100" => found("5"),
        "200" if phone.ends_with("1234") => found("3"),
        "200" => no("408", "快递公司参数异常：验证码错误"),
        "404" => no("400", "快递公司参数异常：单号不存在或者已经过期"),
        "405" => no("500", "查询无结果，请隔段时间再查"),
        "503" => no("601", "POLL:KEY已过期"),
        other => misbehave(other, found("5")).await,
    }
}

async fn kdniao(asked: Arc<Mutex<Vec<String>>>, body: Bytes) -> Response {
    let no = |reason: &str| Json(json!({"EBusinessID": ACCOUNT, "Success": false, "Reason": reason})).into_response();
    let form = form(&body);
    let hex = hex(&format!("{}{KEY}", form["RequestData"]));
    let expected = base64::engine::general_purpose::STANDARD.encode(hex);
    if form["DataSign"] != expected || form["EBusinessID"] != ACCOUNT || form["DataType"] != "2" {
        return no("数据验证错误");
    }
    let data: Value = serde_json::from_str(&form["RequestData"]).unwrap();
    assert_eq!(form["RequestType"] == "1002", data["ShipperCode"].is_string(), "1002 names the carrier, 8002 does not");
    let number = data["LogisticCode"].as_str().unwrap().to_owned();
    asked.lock().unwrap().push(number.clone());
    let found = |state: &str| {
        let answer = json!({"EBusinessID": ACCOUNT, "Success": true, "LogisticCode": number, "State": state, "Traces": [
            {"AcceptStation": "【杭州】已揽收", "AcceptTime": "2026-10-13 18:00:00"},
            {"AcceptStation": "【上海】正在派送", "AcceptTime": "2026-10-14 08:30:00"}]});
        Json(answer).into_response()
    };
    match number.get(..3).unwrap_or_default() {
        "100" => found("2"),
        "200" if data["CustomerName"] == "1234" => found("3"),
        "200" => no("请填写正确的手机号后四位"),
        "404" => no("单号格式错误"),
        "405" => {
            let answer =
                json!({"EBusinessID": ACCOUNT, "Success": true, "State": "0", "Reason": "暂无轨迹信息", "Traces": []});
            Json(answer).into_response()
        }
        "503" => no("业务错误[没有可用套餐]"),
        other => misbehave(other, found("2")).await,
    }
}

async fn misbehave(how: &str, good: Response) -> Response {
    match how {
        "150" => {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            good
        }
        "160" => {
            tokio::time::sleep(Duration::from_secs(4)).await;
            good
        }
        "500" => (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response(),
        "600" => (StatusCode::OK, "<html>系统维护中</html>").into_response(),
        "700" => (StatusCode::OK, vec![b'9'; 10 << 20]).into_response(),
        "800" => {
            let half = futures_util::stream::iter([Ok("{\"state\":"), Err(std::io::Error::other("gone"))]);
            Response::new(Body::from_stream(half))
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
