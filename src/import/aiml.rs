//! AIML 1 and 2: categories with their patterns and what they say. Document types and entities of its own are refused, depth and
//! size are bounded, and what is computed is listed, never run.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::pattern::Token;
use super::script::{Does, Piece, entries as joined};
use super::{Entry, Left};

/// Deepest nesting; real files have some ten levels.
const DEPTH: usize = 64;
/// Most variants that one template is written out to.
const MAX_VARIANTS: usize = 20;
/// Parts that people see beside a text.
const RICH: [&str; 9] = ["button", "reply", "link", "image", "video", "card", "carousel", "list", "delay"];

/// A part of a document.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Element(Element),
}

#[derive(Clone, Debug, Default)]
struct Element {
    name: String,
    attributes: String,
    children: Vec<Node>,
    line: usize,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The text within, if there is nothing else.
    fn text(&self) -> Option<String> {
        let text = |node: &Node| match node {
            Node::Text(text) => Some(text.clone()),
            Node::Element(_) => None,
        };
        self.children.iter().map(text).collect::<Option<String>>()
    }
}

pub(super) fn entries(file: &str, text: &str, left: &mut Vec<Left>) -> Result<Vec<Entry>, String> {
    let root = parse(text)?;
    let mut pieces = Vec::new();
    for element in root.elements() {
        let place = format!("{file}:{}", element.line);
        match element.name.as_str() {
            "category" => category(element, &place, &mut pieces, left),
            "topic" => {
                for category in element.elements().filter(|inner| inner.name == "category") {
                    let pattern = category.child("pattern").and_then(Element::text).unwrap_or_default();
                    let place = format!("{file}:{}", category.line);
                    left.push(Left::new(&place, &pattern, "it stands within a topic; there are no topics"));
                }
            }
            other => left.push(Left::new(&place, other, "this element is not read")),
        }
    }
    Ok(joined(pieces, left))
}

fn category(category: &Element, place: &str, pieces: &mut Vec<Piece>, left: &mut Vec<Left>) {
    let Some(pattern) = category.child("pattern") else {
        left.push(Left::new(place, "category", "it has no pattern"));
        return;
    };
    let written = pattern.text().unwrap_or_else(|| {
        let inner = pattern.elements().next().map(|inner| inner.name.clone()).unwrap_or_default();
        format!("<{inner}>")
    });
    let made = read(category, pattern, place, left);
    match made {
        Ok((tokens, does)) => pieces.push(Piece { written, tokens, does, place: place.to_owned() }),
        Err(why) => left.push(Left::new(place, &written, why)),
    }
}

fn read(
    category: &Element,
    pattern: &Element,
    place: &str,
    left: &mut Vec<Left>,
) -> Result<(Vec<Token>, Does), String> {
    if category.child("that").is_some_and(|that| that.text().is_none_or(|text| text.trim() != "*")) {
        return Err("it holds only after another reply (that); write a rule with conversation.previous".to_owned());
    }
    if category.child("topic").is_some_and(|topic| topic.text().is_none_or(|text| text.trim() != "*")) {
        return Err("it stands within a topic; there are no topics".to_owned());
    }
    let pattern = pattern.text().ok_or("its pattern has a set or a property, which has no counterpart")?;
    let template = category.child("template").ok_or("it has no template")?;
    Ok((tokens(&pattern), does(template, place, left)?))
}

/// A pattern in parts. Upper case is the form of patterns, not their meaning.
fn tokens(pattern: &str) -> Vec<Token> {
    let shouts = !pattern.chars().any(char::is_lowercase);
    let mut tokens = Vec::new();
    for word in pattern.split_whitespace() {
        match word {
            "*" | "_" => tokens.push(Token::Some),
            "^" | "#" => tokens.push(Token::Any),
            _ => {
                let word = word.strip_prefix('$').unwrap_or(word);
                let word = if shouts { word.to_lowercase() } else { word.to_owned() };
                match tokens.last_mut() {
                    Some(Token::Text(text)) => *text = format!("{text} {word}"),
                    _ => tokens.push(Token::Text(word)),
                }
            }
        }
    }
    tokens
}

fn does(template: &Element, place: &str, left: &mut Vec<Left>) -> Result<Does, String> {
    let blank = |node: &&Node| !matches!(node, Node::Text(text) if text.trim().is_empty());
    let parts: Vec<&Node> = template.children.iter().filter(blank).collect();
    if let [Node::Element(only)] = parts.as_slice()
        && only.name == "srai"
    {
        return match only.text() {
            Some(target) => Ok(Does::As(target)),
            None => Err("it leads to a pattern that is made of the customer's words".to_owned()),
        };
    }
    let texts = said(&template.children, place, left)?;
    let texts: Vec<String> = texts.iter().map(|text| tidy(text)).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { Err("it says nothing".to_owned()) } else { Ok(Does::Says(texts)) }
}

/// What the parts say, each way by itself.
fn said(nodes: &[Node], place: &str, left: &mut Vec<Left>) -> Result<Vec<String>, String> {
    let mut all = vec![String::new()];
    for node in nodes {
        let ways = match node {
            Node::Text(text) => vec![in_one_line(text)],
            Node::Element(element) => match element.name.as_str() {
                "br" => vec!["\n".to_owned()],
                "p" | "split" => {
                    said(&element.children, place, left)?.into_iter().map(|text| format!("\n{text}\n")).collect()
                }
                "random" => {
                    let mut ways = Vec::new();
                    for item in element.elements().filter(|item| item.name == "li") {
                        match said(&item.children, place, left) {
                            Ok(texts) => ways.extend(texts),
                            Err(why) => left.push(Left::new(place, "li", format!("one way to say it: {why}"))),
                        }
                    }
                    if ways.is_empty() {
                        return Err("none of its ways to say it can be carried over".to_owned());
                    }
                    ways
                }
                name if RICH.contains(&name) => {
                    left.push(Left::new(
                        place,
                        name,
                        "only the text is carried over; options are written with ids below it",
                    ));
                    continue;
                }
                name => {
                    return Err(format!("its template has <{name}{}>, which has no counterpart", element.attributes));
                }
            },
        };
        all = all.iter().flat_map(|said| ways.iter().map(move |way| format!("{said}{way}"))).collect();
        if all.len() > MAX_VARIANTS {
            return Err(format!("more than {MAX_VARIANTS} ways to say it"));
        }
    }
    Ok(all)
}

/// A text whose line ends are spaces, as XML means them; whether it begins or ends with one is kept.
fn in_one_line(text: &str) -> String {
    text.replace(char::is_whitespace, " ")
}

/// Lines without spaces around them, nor two in a row.
fn tidy(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n").trim().to_owned()
}

fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let (mut line, mut seen) = (1, 0);
    loop {
        let event = reader.read_event();
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        let began = line;
        line += text.as_bytes().get(seen..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        seen = seen.max(at);
        let mut add = |node: Node, open: &mut Vec<Element>| {
            if let Some(parent) = open.last_mut() {
                parent.children.push(node);
            } else if let (Node::Element(element), None) = (node, &root) {
                root = Some(element);
            }
        };
        match event.map_err(|error| format!("line {line}: this is not well-formed XML: {error}"))? {
            Event::Eof => break,
            Event::DocType(_) => {
                return Err(format!("line {line}: it has a document type, which is not read; take it out"));
            }
            Event::Start(tag) => {
                if open.len() == DEPTH {
                    return Err(format!("line {line}: it is nested more than {DEPTH} deep"));
                }
                open.push(element(tag.name().as_ref(), tag.attributes_raw(), began));
            }
            Event::Empty(tag) => {
                add(Node::Element(element(tag.name().as_ref(), tag.attributes_raw(), began)), &mut open);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    add(Node::Element(element), &mut open);
                }
            }
            Event::Text(text) => add(Node::Text(text.into_inner().into_owned()), &mut open),
            Event::CData(text) => add(Node::Text(text.into_inner().into_owned()), &mut open),
            Event::GeneralRef(reference) => {
                let known = match reference.resolve_char_ref() {
                    Ok(Some(char)) => Some(char.to_string()),
                    _ => resolve_predefined_entity(reference.as_ref()).map(str::to_owned),
                };
                let known = known
                    .ok_or_else(|| format!("line {line}: the entity &{}; is not one of XML's own", &*reference))?;
                add(Node::Text(known), &mut open);
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if let Some(element) = open.last() {
        return Err(format!("line {}: <{}> is never closed", element.line, element.name));
    }
    root.filter(|root| root.name == "aiml").ok_or_else(|| "it is not AIML: its root is not <aiml>".to_owned())
}

fn element(name: &str, attributes: &str, line: usize) -> Element {
    let name = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
    let attributes = attributes.trim_end_matches('/').trim();
    let attributes = if attributes.is_empty() { String::new() } else { format!(" {attributes}") };
    Element { name, attributes, children: Vec::new(), line }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn hostile_documents_are_refused() {
        let deep = format!("<aiml>{}</aiml>", "<a>".repeat(100_000));
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aa\">]><aiml>&a;</aiml>";
        for (text, why) in [
            (deep.as_str(), "deep"),
            (bomb, "document type"),
            ("<aiml>&nbsp;</aiml>", "entity"),
            ("<aiml><category></aiml>", "well-formed"),
            ("<aiml><category>", "never closed"),
            ("<html/>", "not AIML"),
            ("", "not AIML"),
        ] {
            let error = parse(text).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}
