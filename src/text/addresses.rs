//! Where somebody lives, as it is usually written: house, building and room of a Chinese address, house and street of an English one.
//!
//! Masks what leads to a door and leaves the city, so that reports still tell where questions come from. What is written without a
//! number, or in another order, is not known.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::redact::MASK;

/// A street with its number, and what follows of buildings and rooms; or a building with a room.
const CHINESE: &str = r"(?x)
    (?: (?P<street> 路|街|大道|巷|弄|胡同 ) [\s　]? (?:N段)? [甲乙丙]? N (?:[-－之]N)? (?:号院|號院|号楼|號樓|号|號|弄) | N (?:号楼|號樓|栋|棟|幢|座) [\s,，]? (?:N单元|N單元)? [\s,，]? N (?:室|户|戶|号|號|房) )
    (?: [\s,，]? \p{Han}{0,12}? N (?:号楼|號樓|号|號|栋|棟|幢|座|单元|單元|层|層|楼|樓|室|户|戶|房) )*";
/// A number as houses have it.
const NUMBER: &str = r"[0-9０-９A-Za-z〇零一二三四五六七八九十百]{1,6}";
/// A house in a street, and a room.
const ENGLISH: &str = r"(?x)
    \b \d{1,5}[A-Za-z]? \s+ (?:[A-Z][A-Za-z'.-]{0,20}\s+){1,3}
      (?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Place|Pl) \b\.?
      (?: ,?\s+ (?:Apt|Apartment|Flat|Unit|Suite|Room|Rm)\.?\s+\#?\d{1,5}[A-Za-z]?\b )?";

static PATTERNS: LazyLock<Option<[Regex; 2]>> = LazyLock::new(|| {
    // Both are constants, tried by the tests below.
    Some([Regex::new(&CHINESE.replace('N', NUMBER)).ok()?, Regex::new(ENGLISH).ok()?])
});

/// Masks addresses in `text`; borrows it if there is none. Idempotent and linear.
pub(super) fn mask_addresses(text: &str) -> Cow<'_, str> {
    // No address is without a number, and most messages are.
    let numbers = |c: char| c.is_numeric() || "〇零一二三四五六七八九十百".contains(c);
    let Some([chinese, english]) = PATTERNS.as_ref().filter(|_| text.contains(numbers)) else {
        return Cow::Borrowed(text);
    };
    let masked = chinese.replace_all(text, format!("${{street}}{MASK}"));
    match masked {
        Cow::Borrowed(text) => english.replace_all(text, MASK),
        Cow::Owned(masked) => Cow::Owned(english.replace_all(&masked, MASK).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn where_somebody_lives_is_masked_and_the_city_is_not() {
        for (text, masked) in [
            ("寄到上海市浦东新区世纪大道100号环球金融中心88层8801室", "寄到上海市浦东新区世纪大道***"),
            ("杭州市文三路 478号", "杭州市文三路***"),
            ("杭州市文三路478号华星时代广场A座1203室，谢谢", "杭州市文三路***，谢谢"),
            ("地址改成幸福小区3栋2单元501室", "地址改成幸福小区***"),
            ("幸福小区12号楼 1102室", "幸福小区***"),
            ("北京市朝阳区建国路甲八十八号", "北京市朝阳区建国路***"),
            ("建国路八十八号院二号楼", "建国路***"),
            ("臺北市中山路一段10號5樓", "臺北市中山路***"),
            ("please send it to 221B Baker Street, London", "please send it to ***, London"),
            ("12 Upper Mill Road, Flat 4b please", "*** please"),
        ] {
            assert_eq!(mask_addresses(text), masked, "of {text}");
            assert_eq!(mask_addresses(masked), masked, "a second time");
        }
    }

    #[test]
    fn what_leads_to_no_door_stays() {
        for text in [
            "三楼怎么走",
            "你知道3楼有货吗",
            "2号能到吗",
            "一路上都没更新",
            "订了12座的车",
            "the 3 day road trip",
            "10 pieces",
            "2号楼下有快递柜",
            "满300减50",
        ] {
            assert!(matches!(mask_addresses(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn long_input_is_linear() {
        for unit in ["路1号", "路1", "1号楼", "1 A ", "1 Aa ", "栋1", "路一二三四五六"] {
            let text = unit.repeat(400_000 / unit.len());
            let start = std::time::Instant::now();
            let _ = mask_addresses(&text);
            assert!(start.elapsed().as_secs() < 4, "{unit:?} took {:?}", start.elapsed());
        }
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(text in "[路街弄号栋室层楼0-9A一二 ,中Road]{0,60}") {
            let once = mask_addresses(&text).into_owned();
            prop_assert_eq!(mask_addresses(&once), once.as_str(), "of {:?}", text);
        }
    }
}
