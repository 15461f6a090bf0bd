//! Bytes as text: UTF-8, UTF-16 with its mark, or GB18030 (which holds GBK), as Excel in China writes it.

use encoding_rs::{Encoding, GB18030};

/// The text, and the name of its encoding.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, &'static str), String> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let body = bytes.get(mark..).unwrap_or_default();
        let text = encoding.decode_without_bom_handling_and_without_replacement(body);
        return match text {
            Some(text) => Ok((text.into_owned(), encoding.name())),
            None => Err(format!("it begins as {} and has bytes that are not; save it as UTF-8", encoding.name())),
        };
    }
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok((text.to_owned(), "UTF-8"));
    }
    match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok((text.into_owned(), "GB18030")),
        None => Err("it is neither UTF-8 nor GB18030 (GBK); save it as UTF-8".to_owned()),
    }
}
