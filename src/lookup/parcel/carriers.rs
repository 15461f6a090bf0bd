//! Carriers by the names that customers use, with the codes of the two services.

use crate::rules::model::ParcelService;

/// A carrier.
#[derive(Debug)]
pub(super) struct Carrier {
    /// What people are told.
    pub(super) name: &'static str,
    /// Its code at 快递100.
    kuaidi100: &'static str,
    /// Its code at 快递鸟.
    kdniao: &'static str,
    /// Other names, folded: lower case, no spaces.
    names: &'static [&'static str],
    /// Whether it tells only who knows a phone number of the label.
    pub(super) asks_phone: bool,
}

impl Carrier {
    /// Its code at a service.
    pub(super) const fn code(&self, service: ParcelService) -> &'static str {
        match service {
            ParcelService::Kuaidi100 => self.kuaidi100,
            ParcelService::Kdniao => self.kdniao,
        }
    }
}

const fn carrier(
    name: &'static str,
    kuaidi100: &'static str,
    kdniao: &'static str,
    names: &'static [&'static str],
) -> Carrier {
    Carrier { name, kuaidi100, kdniao, names, asks_phone: false }
}

/// The large ones of the mainland. A code that is not here is sent as it is written.
static CARRIERS: [Carrier; 11] = [
    Carrier { asks_phone: true, ..carrier("顺丰速运", "shunfeng", "SF", &["顺丰", "顺丰快递", "sfexpress"]) },
    Carrier { asks_phone: true, ..carrier("中通快递", "zhongtong", "ZTO", &["中通", "zto express"]) },
    carrier("圆通速递", "yuantong", "YTO", &["圆通", "圆通快递"]),
    carrier("申通快递", "shentong", "STO", &["申通"]),
    carrier("韵达快递", "yunda", "YD", &["韵达", "韵达速递"]),
    carrier("极兔速递", "jtexpress", "JTSD", &["极兔", "极兔快递", "j&t"]),
    carrier("京东快递", "jd", "JD", &["京东", "京东物流"]),
    carrier("EMS", "ems", "EMS", &["邮政ems", "邮政特快专递"]),
    carrier("邮政快递包裹", "youzhengguonei", "YZPY", &["邮政", "中国邮政", "邮政包裹"]),
    carrier("德邦快递", "debangkuaidi", "DBL", &["德邦", "德邦物流"]),
    carrier("百世快递", "huitongkuaidi", "HTKY", &["百世", "汇通"]),
];

/// The carrier that a name or code means.
pub(super) fn find(written: &str) -> Option<&'static Carrier> {
    let wanted = folded(written);
    CARRIERS.iter().find(|carrier| {
        [carrier.name, carrier.kuaidi100, carrier.kdniao]
            .into_iter()
            .chain(carrier.names.iter().copied())
            .any(|name| folded(name) == wanted)
    })
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_is_found_by_what_people_and_services_call_it() {
        for (written, name) in [
            ("顺丰", "顺丰速运"),
            ("SF", "顺丰速运"),
            ("shunfeng", "顺丰速运"),
            (" 中通 快递", "中通快递"),
            ("yto", "圆通速递"),
        ] {
            assert_eq!(find(written).map(|carrier| carrier.name), Some(name), "{written}");
        }
        assert!(find("").is_none());
        assert!(find("某某快递").is_none());
    }

    #[test]
    fn no_word_means_two_carriers() {
        for carrier in &CARRIERS {
            for word in [carrier.name, carrier.kuaidi100, carrier.kdniao].iter().chain(carrier.names) {
                assert_eq!(find(word).map(|found| found.name), Some(carrier.name), "{word}");
            }
        }
    }
}
