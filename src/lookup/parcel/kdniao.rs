//! 快递鸟 (kdniao.com), instant query: the form that is sent, and what the answers mean.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::rules::ParcelAccount;

use super::{Asked, Found, Problem, Said, State, Step};
use crate::lookup::sign::{encode, md5_hex};

/// Where it is asked.
pub(super) const PATH: &str = "/Ebusiness/EbusinessOrderHandle.aspx";

/// The query of a carrier that is named, and the one that finds it out.
const NAMED: &str = "1002";
const FINDS_OUT: &str = "8002";

/// The form. What is signed is the very text that is sent.
pub(super) fn form(asked: &Asked, account: &ParcelAccount) -> String {
    let mut data = json!({});
    if !asked.code().is_empty() {
        data["ShipperCode"] = asked.code().into();
    }
    data["LogisticCode"] = asked.number.as_str().into();
    if !asked.phone.is_empty() {
        data["CustomerName"] = asked.tail().into();
    }
    let data = data.to_string();
    let sign = signature(&data, account.key.expose_secret());
    let request = if asked.code().is_empty() { FINDS_OUT } else { NAMED };
    encode([
        ("RequestData", data.as_str()),
        ("EBusinessID", &account.id),
        ("RequestType", request),
        ("DataSign", &sign),
        ("DataType", "2"),
    ])
}

/// Base64 of the hex digits of the MD5.
fn signature(data: &str, key: &str) -> String {
    STANDARD.encode(md5_hex(format!("{data}{key}").as_bytes()))
}

/// What an answer says.
pub(super) fn read(body: &Value) -> Said {
    let reason = super::scalar(&body["Reason"]);
    if body["Success"] != Value::Bool(true) {
        return refused(body, &reason);
    }
    let step =
        |step: &Value| Step { time: super::scalar(&step["AcceptTime"]), text: super::scalar(&step["AcceptStation"]) };
    // Oldest first, unlike the other service.
    let steps: Vec<Step> = body["Traces"].as_array().into_iter().flatten().rev().map(step).collect();
    let state = super::scalar(&body["State"]);
    if steps.is_empty() || state == "0" {
        return Said::Not(Problem::NotYet);
    }
    Said::Found(Found { state: self::state(&state), steps })
}

/// The service gives words and no codes.
fn refused(body: &Value, reason: &str) -> Said {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if body["Success"] != Value::Bool(false) {
        return Said::Broken("the answer is not that of a query".to_owned());
    }
    if says(&["手机", "CustomerName"]) {
        return Said::Not(Problem::Phone);
    }
    if says(&["暂无轨迹", "暂无物流", "无轨迹"]) {
        return Said::Not(Problem::NotYet);
    }
    if says(&["单号", "LogisticCode", "物流公司", "ShipperCode"]) {
        return Said::Not(Problem::UnknownNumber);
    }
    Said::Broken(format!("the account is refused: {reason}"))
}

fn state(code: &str) -> State {
    match code {
        "1" => State::Collected,
        "2" => State::InTransit,
        "3" => State::Signed,
        "4" => State::Problem,
        "5" => State::Forwarded,
        "6" => State::Customs,
        _ => State::Other,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::model::ParcelService;

    use super::*;

    #[test]
    fn the_signature_is_base64_of_the_hex_digits() {
        // Worked with Python's hashlib and base64.
        let asked = Asked::new(ParcelService::Kdniao, "圆通", "12345678", "");
        let account = super::super::tests::account("1237100", "app-key");
        let data = r#"{"ShipperCode":"YTO","LogisticCode":"12345678"}"#;
        assert_eq!(signature(data, "app-key"), "ODg2YTUwNDExM2Y0MjI2NDJiNWQ5OGM3MDYxNTRmNDU=");
        let form = form(&asked, &account);
        assert!(
            form.ends_with("&RequestType=1002&DataSign=ODg2YTUwNDExM2Y0MjI2NDJiNWQ5OGM3MDYxNTRmNDU%3D&DataType=2"),
            "{form}"
        );
    }

    #[test]
    fn without_a_carrier_the_service_finds_it_out() {
        let asked = Asked::new(ParcelService::Kdniao, "", "12345678", "13800001234");
        let form = form(&asked, &super::super::tests::account("1237100", "app-key"));
        assert!(form.contains("RequestType=8002"), "{form}");
        assert!(form.contains("%22CustomerName%22%3A%221234%22"), "the last four digits alone: {form}");
    }

    #[test]
    fn refusals_are_told_apart() {
        let no = |reason: &str| read(&json!({"Success": false, "Reason": reason}));
        assert_eq!(no("暂无轨迹信息"), Said::Not(Problem::NotYet));
        assert_eq!(no("单号格式错误"), Said::Not(Problem::UnknownNumber));
        assert_eq!(no("请输入手机号后四位"), Said::Not(Problem::Phone));
        assert!(matches!(no("业务错误[没有可用套餐]"), Said::Broken(_)));
        assert!(matches!(no(""), Said::Broken(_)));
        assert!(matches!(read(&json!([1])), Said::Broken(_)));
    }
}
