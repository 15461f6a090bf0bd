//! Signatures of requests to order systems: the few ways that most of them use.
//!
//! Owns which bytes are signed. Refuses to send: what it signs goes out as it is.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::rules::{SignMethod, SignSpec, TimeFormat};

/// What stands as it is in a form (RFC 3986, unreserved).
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A form as it is sent.
pub(super) fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        // Writing to a string does not fail.
        let _ = write!(body, "{}={}", utf8_percent_encode(name, FORM), utf8_percent_encode(value, FORM));
    }
    body
}

/// The same of owned fields.
pub(super) fn encoded(fields: &[(String, String)]) -> String {
    encode(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Lower-case hex of the MD5 of some bytes.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Md5::digest(bytes))
}

/// Completes a request and signs it. What is to be a header is given back, with its value.
pub(super) fn sign(
    spec: &SignSpec,
    url: &mut Url,
    form: &mut Vec<(String, String)>,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<(String, String)> {
    let posted = !form.is_empty();
    let mut add = |url: &mut Url, name: &str, value: &str| {
        if posted {
            form.push((name.to_owned(), value.to_owned()));
        } else {
            url.query_pairs_mut().append_pair(name, value);
        }
    };
    for (name, value) in &spec.params {
        add(url, name, value);
    }
    if let Some(name) = &spec.time {
        add(url, name, &time(spec.time_format, now, zone));
    }
    let signature = signature(spec, url, form);
    match &spec.header {
        Some(header) => Some((header.value.clone(), signature)),
        None if posted => {
            form.push((spec.param.clone(), signature));
            None
        }
        None => {
            url.query_pairs_mut().append_pair(&spec.param, &signature);
            None
        }
    }
}

fn signature(spec: &SignSpec, url: &Url, form: &[(String, String)]) -> String {
    let secret = spec.secret.expose_secret();
    let asked = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let mut all: Vec<(String, String)> = asked.chain(form.iter().cloned()).collect();
    match spec.method {
        SignMethod::Md5SortedParams => {
            all.sort();
            let joined: String = all.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
            md5_hex(format!("{secret}{joined}{secret}").as_bytes()).to_uppercase()
        }
        SignMethod::Md5ConcatUpper => {
            let value = |part: &str| match part {
                "secret" => secret.to_owned(),
                name => all.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default(),
            };
            let joined: String = spec.parts.iter().map(|part| value(&part.value)).collect();
            md5_hex(joined.as_bytes()).to_uppercase()
        }
        SignMethod::HmacSha256Hex => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let sent = if form.is_empty() {
                url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
            } else {
                encoded(form)
            };
            HEXLOWER.encode(hmac::sign(&key, sent.as_bytes()).as_ref())
        }
    }
}

fn time(format: TimeFormat, now: Timestamp, zone: &TimeZone) -> String {
    match format {
        TimeFormat::Seconds => now.as_second().to_string(),
        TimeFormat::Millis => now.as_millisecond().to_string(),
        TimeFormat::Datetime => now.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::diag::Place;
    use crate::rules::model::Located;

    use super::*;

    /// A place in no file.
    pub(in crate::lookup) fn nowhere() -> Place {
        Place { file: "".into(), span: 0..0 }
    }

    fn spec(method: SignMethod, secret: &str) -> SignSpec {
        SignSpec {
            method,
            secret: secret.into(),
            param: "sign".into(),
            header: None,
            params: Vec::new(),
            time: None,
            time_format: TimeFormat::Seconds,
            parts: Vec::new(),
            place: nowhere(),
        }
    }

    fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn shanghai() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    #[test]
    fn sorted_parameters_as_in_the_example_of_the_open_platform() {
        // Taobao's documentation of TOP: secret `helloworld`, at 2016-01-01 12:00:00 in China.
        let spec = SignSpec {
            params: fields(&[("app_key", "12345678"), ("session", "test"), ("format", "json"), ("v", "2.0")]),
            time: Some("timestamp".into()),
            time_format: TimeFormat::Datetime,
            ..spec(SignMethod::Md5SortedParams, "helloworld")
        };
        let mut url: Url = "https://erp.example/router?method=taobao.item.seller.get&sign_method=md5".parse().unwrap();
        let mut form = fields(&[("fields", "num_iid,title,nick,price,num"), ("num_iid", "11223344")]);
        let now = "2016-01-01T04:00:00Z".parse().unwrap();
        assert_eq!(sign(&spec, &mut url, &mut form, now, &shanghai()), None);
        let (name, value) = form.last().unwrap();
        assert_eq!((name.as_str(), value.as_str()), ("sign", "66987CB115214E59E6EC978214934FB8"));
    }

    #[test]
    fn joined_parts_as_in_the_worked_value_of_kuaidi100() {
        let part = |word: &str| Located { value: word.to_owned(), place: nowhere() };
        let spec = SignSpec {
            parts: ["param", "secret", "customer"].map(part).to_vec(),
            ..spec(SignMethod::Md5ConcatUpper, "key")
        };
        let mut url: Url = "https://erp.example/query".parse().unwrap();
        let mut form = fields(&[("customer", "cust"), ("param", r#"{"com":"yuantong","num":"12345678"}"#)]);
        sign(&spec, &mut url, &mut form, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert_eq!(form.last().unwrap().1, "AA8CAA798B556DBCC55A3CE7B6A76704");
    }

    #[test]
    fn the_bytes_that_are_sent_are_what_the_hmac_is_over() {
        // Worked with Python's hmac.
        let header = Located { value: "X-Signature".to_owned(), place: nowhere() };
        let spec = SignSpec { header: Some(header), ..spec(SignMethod::HmacSha256Hex, "secret") };
        let mut url: Url = "https://erp.example/orders?no=1".parse().unwrap();
        let told = sign(&spec, &mut url, &mut Vec::new(), Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        let expected = "3e154caa4c589cffca5d371f4799b233089a2adaf82a3e983dce7d0e3485e7fc";
        assert_eq!(told, Some(("X-Signature".to_owned(), expected.to_owned())));
        let mut form = fields(&[("no", "20261122"), ("shop", "1")]);
        let told = sign(&spec, &mut url, &mut form, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert_eq!(told.unwrap().1, "7dc7a2b4898bf023125cf0235c590624315ab83d45acafea713de53eb47e8c13");
    }

    #[test]
    fn the_time_is_written_as_the_system_reads_it() {
        let at = "2026-11-22T01:02:03.456Z".parse().unwrap();
        assert_eq!(time(TimeFormat::Seconds, at, &shanghai()), "1795309323");
        assert_eq!(time(TimeFormat::Millis, at, &shanghai()), "1795309323456");
        assert_eq!(time(TimeFormat::Datetime, at, &shanghai()), "2026-11-22 09:02:03");
    }

    #[test]
    fn a_form_says_every_value_as_it_is() {
        let all = fields(&[("a b", "1+1=2&c"), ("中", "{\"x\":\"é\"}"), ("-._~", "")]);
        let body = encoded(&all);
        let read: Url = format!("http://x/?{body}").parse().unwrap();
        let again: Vec<(String, String)> =
            read.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        assert_eq!(again, all);
    }
}
