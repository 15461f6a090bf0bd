//! Any text: folded, squeezed, masked, told its language.

use std::sync::{Arc, OnceLock};

use nightdesk::text::{self, Fold, Folded, Variants};

pub fn target(data: &[u8]) {
    static FOLD: OnceLock<Arc<Fold>> = OnceLock::new();
    static VARIANTS: OnceLock<Variants> = OnceLock::new();
    let fold = FOLD.get_or_init(|| Arc::new(Fold::new()));
    let variants = VARIANTS.get_or_init(|| Variants::new(Arc::clone(fold)));
    let original = String::from_utf8_lossy(data);
    let folded = fold.fold(&original);
    leads_back(&folded, &original);
    assert_eq!(fold.fold_str(&original), folded.text(), "two ways to fold");
    assert_eq!(fold.fold_str(folded.text()), folded.text(), "what is folded stays");
    // NFKC makes at most 18 characters of one.
    assert!(folded.text().len() <= 18 * 4 * original.len(), "{} bytes of {}", folded.text().len(), original.len());
    let squeezed = fold.squeeze(&original);
    leads_back(&squeezed, &original);
    assert!(squeezed.text().len() <= folded.text().len());
    let masked = text::redact(&original).into_owned();
    assert_eq!(text::redact(&masked), masked, "what is masked stays");
    let _ = (text::detect(&original, fold), text::is_surely_simplified(&original, fold), text::classify(&original));
    let _ = (text::key(squeezed.text()), text::Lang::parse_locale(&original), text::Lang::new(&original));
    let traditional = variants.to_traditional(&original);
    assert!(traditional.chars().count() <= 8 * original.chars().count());
    if original.chars().count() <= 20 {
        let all = variants.expand(&original);
        assert!(all.len() <= 10_000, "{} wordings", all.len());
    }
    // Found in the folded text, shown in the original.
    for c in folded.text().chars().take(64) {
        let _ = (text::is_han(c), text::is_cjk(c), text::needs_edge(c));
    }
    if let Some(end) = folded.text().char_indices().nth(3).map(|(at, _)| at) {
        let _ = text::is_whole(folded.text(), 0..end);
    }
}

/// Every character came from whole characters of the original, in order.
fn leads_back(folded: &Folded, original: &str) {
    let mut before = 0;
    for (at, c) in folded.text().char_indices() {
        let span = folded.original_span(at..at + c.len_utf8());
        assert!(original.get(span.clone()).is_some(), "{span:?} of {} bytes", original.len());
        assert!(before <= span.start, "backwards at {at}");
        before = span.start;
    }
    let whole = folded.original_span(0..folded.text().len() + 9);
    assert!(original.get(whole).is_some());
}
