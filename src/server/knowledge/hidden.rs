//! Texts of files as agents may see them: without what is or may be a secret. Line numbers stay.

use std::sync::LazyLock;

use regex::Regex;

/// Parts of nightdesk.yaml that hold no secrets. Of all others, and of what stands in none, only the keys are shown.
const OPEN: [&str; 15] = [
    "modes",
    "pilots",
    "privacy",
    "timezone",
    "languages",
    "hours",
    "queues",
    "routes",
    "notices",
    "limits",
    "matching",
    "survey",
    "report",
    "wording",
    "public_url",
];
/// What stands in place of what is not shown.
const HIDDEN: &str = "⋯";

/// What may be a secret in any file, with what is left of it.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let masks = [
        (r"://[^/\s@]+@", "://⋯@"),
        (r#"(?i)([?&][\w-]*(?:key|sign|secret|token|auth|code|pwd)[\w-]*=)[^&\s"'}]+"#, "${1}⋯"),
        (
            r"(?i)\b([\w-]*(?:secret|token|passw(?:or)?d|api[_-]?key|private[_-]?key|aes[_-]?key|credential|authorization)[\w-]*\s*[:=]\s*)[^\s|>].*$",
            "${1}⋯",
        ),
    ];
    masks.into_iter().filter_map(|(pattern, left)| Some((Regex::new(pattern).ok()?, left))).collect()
});

/// A line with nothing secret in it, as far as its words tell.
pub(super) fn masked(line: &str) -> String {
    MASKS.iter().fold(line.to_owned(), |line, (mask, left)| mask.replace_all(&line, *left).into_owned())
}

/// The lines of a file as they may be shown.
pub(super) fn lines(file: &str, text: &str) -> Vec<String> {
    if file != "nightdesk.yaml" {
        return text.lines().map(masked).collect();
    }
    let mut open = false;
    let shown = |line: &str| {
        let begins_part = line.starts_with(|c: char| !c.is_whitespace() && c != '#' && c != '-');
        if begins_part {
            open = line.split_once(':').is_some_and(|(part, _)| OPEN.contains(&part.trim_end()));
        }
        if open { masked(line) } else { keys_alone(line) }
    };
    text.lines().map(shown).collect()
}

/// A line of which only the first key is left.
fn keys_alone(line: &str) -> String {
    let content = line.trim_start();
    let indentation = &line[..line.len() - content.len()];
    if content.is_empty() {
        return String::new();
    }
    let key = content.split_once(':').filter(|(key, rest)| {
        let is_word = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "._- ".contains(c));
        is_word(key) && (rest.is_empty() || rest.starts_with(' '))
    });
    match key {
        Some((key, rest)) if rest.trim().is_empty() => format!("{indentation}{key}:"),
        Some((key, _)) => format!("{indentation}{key}: {HIDDEN}"),
        None => format!("{indentation}{HIDDEN}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_masks_are_there() {
        assert_eq!(MASKS.len(), 3);
    }

    #[test]
    fn of_settings_with_secrets_only_the_keys_are_shown() {
        let text = "timezone: Asia/Shanghai\naccess:\n  admin: s3cr3t\n  # s3cr3t\n  agents: {lin: s3cr3t}\nhours:\n  shop: x\nchannels:\n  web:\n    secret:\n      - s3cr3t\n\n{access: s3cr3t}\nacess: s3cr3t\n";
        let shown = lines("nightdesk.yaml", text);
        assert_eq!(shown.len(), text.lines().count());
        assert!(!shown.join("\n").contains("s3cr3t"), "{shown:#?}");
        assert_eq!(shown[0], "timezone: Asia/Shanghai");
        assert_eq!((shown[1].as_str(), shown[2].as_str()), ("access:", "  admin: ⋯"));
        assert_eq!(shown[6], "  shop: x");
    }

    #[test]
    fn what_looks_like_a_secret_is_hidden_in_any_file() {
        for (line, left) in [
            (
                "    lookup: {url: \"https://u:p4ss@erp.example/o?no=1&api_key=abc&x=1\"}",
                "    lookup: {url: \"https://⋯@erp.example/o?no=1&api_key=⋯",
            ),
            ("  app_secret: abc # x", "  app_secret: ⋯"),
            ("    token: \"a b\"", "    token: ⋯"),
            ("  - 怎么退货：七天内", "  - 怎么退货：七天内"),
        ] {
            assert_eq!(lines("rules/x.yaml", line), [left]);
        }
    }
}
