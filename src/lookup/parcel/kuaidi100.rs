//! 快递100 (kuaidi100.com), real-time query: the form that is sent, and what the answers mean.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::rules::ParcelAccount;

use super::{Asked, Found, Problem, Said, State, Step};
use crate::lookup::sign::{encode, md5_hex};

/// Where it is asked.
pub(super) const PATH: &str = "/poll/query.do";

/// The form. What is signed is the very text that is sent.
pub(super) fn form(asked: &Asked, account: &ParcelAccount) -> String {
    let mut param = json!({"com": asked.code(), "num": asked.number});
    if !asked.phone.is_empty() {
        param["phone"] = asked.phone.as_str().into();
    }
    let param = param.to_string();
    let sign = signature(&param, account.key.expose_secret(), &account.id);
    encode([("customer", account.id.as_str()), ("sign", &sign), ("param", &param)])
}

fn signature(param: &str, key: &str, customer: &str) -> String {
    md5_hex(format!("{param}{key}{customer}").as_bytes()).to_uppercase()
}

/// What an answer says.
pub(super) fn read(body: &Value) -> Said {
    let text = |key: &str| super::scalar(&body[key]);
    let message = text("message");
    if body["result"] == Value::Bool(false) || !body["data"].is_array() {
        return refused(&text("returnCode"), &message);
    }
    let step = |step: &Value| Step {
        time: super::scalar(if step["ftime"].is_null() { &step["time"] } else { &step["ftime"] }),
        text: super::scalar(&step["context"]),
    };
    let steps: Vec<Step> = body["data"].as_array().into_iter().flatten().map(step).collect();
    if steps.is_empty() {
        return Said::Not(Problem::NotYet);
    }
    Said::Found(Found { state: state(&text("state")), steps })
}

/// Why there is nothing, as far as the codes tell.
fn refused(code: &str, message: &str) -> Said {
    if code == "408" {
        return Said::Not(Problem::Phone);
    }
    if message.contains("单号不存在") || message.contains("单号不正确") || message.contains("找不到对应公司")
    {
        return Said::Not(Problem::UnknownNumber);
    }
    match code {
        "500" => Said::Not(Problem::NotYet),
        "" => Said::Broken("the answer is not that of a query".to_owned()),
        "501" | "502" | "504" => Said::Broken(format!("the service is not well: {code} {message}")),
        _ => Said::Broken(format!("the account is refused: {code} {message}")),
    }
}

fn state(code: &str) -> State {
    match code {
        "0" => State::InTransit,
        "1" => State::Collected,
        "2" => State::Problem,
        "3" => State::Signed,
        "4" => State::ReturnSigned,
        "5" => State::Delivering,
        "6" => State::Returning,
        "7" => State::Forwarded,
        "8" => State::Customs,
        "14" => State::Refused,
        _ => State::Other,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::model::ParcelService;

    use super::*;

    #[test]
    fn the_signature_is_that_of_the_worked_value() {
        let param = r#"{"com":"yuantong","num":"12345678"}"#;
        assert_eq!(signature(param, "key", "cust"), "AA8CAA798B556DBCC55A3CE7B6A76704");
        let asked = Asked::new(ParcelService::Kuaidi100, "圆通", "12345678", "");
        let account = super::super::tests::account("cust", "key");
        assert_eq!(
            form(&asked, &account),
            "customer=cust&sign=AA8CAA798B556DBCC55A3CE7B6A76704\
             &param=%7B%22com%22%3A%22yuantong%22%2C%22num%22%3A%2212345678%22%7D"
        );
    }

    #[test]
    fn refusals_are_told_apart() {
        let no = |code: &str, message: &str| read(&json!({"result": false, "returnCode": code, "message": message}));
        assert_eq!(no("500", "查询无结果，请隔段时间再查"), Said::Not(Problem::NotYet));
        assert_eq!(no("400", "单号不存在或者已经过期"), Said::Not(Problem::UnknownNumber));
        assert_eq!(no("408", "快递公司参数异常：验证码错误"), Said::Not(Problem::Phone));
        for (code, message) in [("503", "验证签名失败"), ("601", "KEY已过期"), ("400", "提交的数据不完整"), ("502", "")]
        {
            assert!(matches!(no(code, message), Said::Broken(_)), "{code}");
        }
        for odd in [json!({}), json!([]), json!("ok"), json!(null), json!({"data": {"x": 1}})] {
            assert!(matches!(read(&odd), Said::Broken(_)), "{odd}");
        }
    }
}
