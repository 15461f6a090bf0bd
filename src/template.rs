//! Templates of texts and the expressions of `if`: compiled once, run over a context, bounded, never fed customers' words as source.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::{Enumerator, Object, Rest, ValueOrKwargs};
use minijinja::{Environment, ErrorKind, State, UndefinedBehavior, Value};

use crate::hours;

/// Steps that one text may take: a loop over a hundred items, not over a million.
const FUEL: u64 = 20_000;

/// Why a template or expression cannot be used, or failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// Bytes of the source that it is about, where known.
    pub span: Option<Range<usize>>,
}

impl TemplateError {
    fn new(error: &minijinja::Error, shift: usize) -> Self {
        let message = match (error.kind(), error.detail()) {
            (ErrorKind::UndefinedError, None) => "this value does not exist here".to_owned(),
            (ErrorKind::OutOfFuel, _) => "this takes too many steps".to_owned(),
            (_, Some(detail)) => detail.to_owned(),
            (kind, None) => kind.to_string(),
        };
        let span = error.range().map(|range| range.start.saturating_sub(shift)..range.end.saturating_sub(shift));
        Self { message, span }
    }
}

/// Index of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateId(u32);

/// Index of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpressionId(pub u32);

/// All texts and expressions of a shop, compiled.
#[derive(Debug)]
pub struct Templates {
    texts: Environment<'static>,
    conditions: Environment<'static>,
    /// Texts without any `{`, which most are, are given as they stand.
    plain: HashMap<u32, Arc<str>>,
    texts_on_hours: HashSet<u32>,
    conditions_on_hours: HashSet<u32>,
    count: u32,
    expressions: u32,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// No templates yet.
    #[must_use]
    pub fn new() -> Self {
        let mut texts = Environment::new();
        texts.set_undefined_behavior(UndefinedBehavior::Strict);
        texts.set_fuel(Some(FUEL));
        texts.add_filter("iso", iso);
        texts.add_filter("format", format);
        texts.add_function("hours_since", hours_since);
        let mut conditions = Environment::new();
        // An attribute that this customer does not have makes a condition false, not an error.
        conditions.set_undefined_behavior(UndefinedBehavior::Chainable);
        conditions.set_fuel(Some(FUEL));
        conditions.add_filter("iso", iso);
        conditions.add_filter("format", format);
        conditions.add_function("hours_since", hours_since);
        Self {
            texts,
            conditions,
            plain: HashMap::new(),
            texts_on_hours: HashSet::new(),
            conditions_on_hours: HashSet::new(),
            count: 0,
            expressions: 0,
        }
    }

    /// Compiles a text.
    ///
    /// # Errors
    /// What is wrong with its syntax.
    pub fn text(&mut self, source: &str) -> Result<TemplateId, TemplateError> {
        let id = self.count;
        if source.contains('{') {
            self.texts.add_template_owned(id.to_string(), source.to_owned()).map_err(|e| TemplateError::new(&e, 0))?;
            if asks_of_queues(source) {
                self.texts_on_hours.insert(id);
            }
        } else {
            self.plain.insert(id, Arc::from(source));
        }
        self.count += 1;
        Ok(TemplateId(id))
    }

    /// Compiles an expression, and says which names it uses.
    ///
    /// # Errors
    /// What is wrong with its syntax.
    pub fn expression(&mut self, source: &str) -> Result<(ExpressionId, Vec<String>), TemplateError> {
        let names = match self.conditions.compile_expression(source) {
            Ok(expression) => expression.undeclared_variables(true),
            Err(error) => return Err(TemplateError::new(&error, 0)),
        };
        let id = self.expressions;
        let wrapped = format!("{OPEN}{source}{CLOSE}");
        self.conditions.add_template_owned(id.to_string(), wrapped).map_err(|e| TemplateError::new(&e, OPEN.len()))?;
        if asks_of_queues(source) {
            self.conditions_on_hours.insert(id);
        }
        self.expressions += 1;
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable();
        Ok((ExpressionId(id), names))
    }

    /// Names that an expression uses; none if it cannot be read.
    #[must_use]
    pub fn names(&self, expression: &str) -> Option<Vec<String>> {
        Some(self.conditions.compile_expression(expression).ok()?.undeclared_variables(true).into_iter().collect())
    }

    /// Whether a text may say when people are there (`open`, `next_open`) or how many wait (`waiting`), so that it has to be known of which queue.
    #[must_use]
    pub fn asks_hours(&self, id: TemplateId) -> bool {
        self.texts_on_hours.contains(&id.0)
    }

    /// The same of an expression.
    #[must_use]
    pub fn condition_asks_hours(&self, id: ExpressionId) -> bool {
        self.conditions_on_hours.contains(&id.0)
    }

    /// Writes a text with its values, which are made only for a text that asks for some.
    ///
    /// # Errors
    /// When a value does not exist, a filter is unknown, or it takes too many steps.
    pub fn render(&self, id: TemplateId, context: impl FnOnce() -> Value) -> Result<String, TemplateError> {
        if let Some(text) = self.plain.get(&id.0) {
            return Ok(text.to_string());
        }
        let run = || self.texts.get_template(&id.0.to_string())?.render(context());
        run().map_err(|e| TemplateError::new(&e, 0))
    }

    /// Whether an expression holds.
    ///
    /// # Errors
    /// When it cannot be worked out.
    pub fn holds(&self, id: ExpressionId, context: &Value) -> Result<bool, TemplateError> {
        let run = || self.conditions.get_template(&id.0.to_string())?.render(context.clone());
        run().map(|text| text == "1").map_err(|e| TemplateError::new(&e, OPEN.len()))
    }
}

/// What stands in every text and expression that asks for `open`, `next_open` or `waiting`.
const OF_QUEUES: [&str; 2] = ["open", "waiting"];

fn asks_of_queues(source: &str) -> bool {
    OF_QUEUES.iter().any(|word| source.contains(word))
}

/// Around an expression, so that it can be kept as a template; the library's own expressions borrow what compiles them.
const OPEN: &str = "{% if ";
const CLOSE: &str = " %}1{% endif %}";

fn iso(value: &Value) -> Result<String, minijinja::Error> {
    match value.downcast_object_ref::<Moment>() {
        Some(moment) => Ok(moment.at.map_or_else(String::new, |at| hours::iso(at, &moment.zone))),
        None => Err(minijinja::Error::new(ErrorKind::InvalidOperation, "`iso` is for times such as next_open and now")),
    }
}

/// The library's `format`, which ends in a panic where a key of `%(key)s` is not in ASCII.
fn format(state: &mut State<'_, '_>, source: &Value, values: Rest<ValueOrKwargs>) -> Result<Value, minijinja::Error> {
    let key = |rest: &str| rest.split(')').next().is_some_and(|key| !key.is_ascii());
    if source.as_str().is_some_and(|source| source.split("%(").skip(1).any(key)) {
        let wrong = "the names in %(name)s are written in ASCII";
        return Err(minijinja::Error::new(ErrorKind::InvalidOperation, wrong));
    }
    minijinja::filters::format(state, source, values)
}

/// Hours from an instant until now: `hours_since(lookup.body.shipped_at)`. A time without a zone is the shop's.
#[allow(clippy::needless_pass_by_value, reason = "as the library calls it")]
fn hours_since(state: &State<'_, '_>, value: Value) -> Result<f64, minijinja::Error> {
    let wrong = |what: String| minijinja::Error::new(ErrorKind::InvalidOperation, what);
    let now = state.lookup("now").ok_or_else(|| wrong("there is no `now` here".to_owned()))?;
    let moment = now.downcast_object_ref::<Moment>().ok_or_else(|| wrong("there is no `now` here".to_owned()))?;
    let at = if let Some(other) = value.downcast_object_ref::<Moment>() {
        other.at
    } else if let Some(text) = value.as_str() {
        let local = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(moment.zone.clone()).ok();
        text.parse::<Timestamp>().ok().or_else(|| Some(local()?.timestamp()))
    } else {
        value.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    let at = at.ok_or_else(|| wrong(format!("`{value}` is no time; 2026-11-22T09:30:00+08:00 is one")))?;
    Ok(moment.now.duration_since(at).as_secs_f64() / 3_600.0)
}

/// An instant that prints as people say it.
#[derive(Debug)]
pub struct Moment {
    /// The instant; none for an opening that no calendar knows.
    pub at: Option<Timestamp>,
    /// When it is said.
    pub now: Timestamp,
    /// The shop's zone.
    pub zone: TimeZone,
    /// In which language.
    pub language: String,
}

impl Object for Moment {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let local = self.at?.to_zoned(self.zone.clone());
        match key.as_str()? {
            "hour" => Some(Value::from(local.hour())),
            "minute" => Some(Value::from(local.minute())),
            "weekday" => Some(Value::from(local.weekday().to_monday_one_offset())),
            "day" => Some(Value::from(local.day())),
            "month" => Some(Value::from(local.month())),
            "year" => Some(Value::from(local.year())),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["hour", "minute", "weekday", "day", "month", "year"])
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => f.write_str(&hours::say(at, self.now, &self.zone, &self.language)),
            // No opening within reach of the calendars: no time is promised.
            None if self.language.starts_with("zh") => f.write_str("恢复营业后"),
            None => f.write_str("when we are open again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn texts_and_expressions_run() {
        let mut templates = Templates::new();
        let text = templates.text("满{{ settings.free }}元包邮").expect("compiles");
        let plain = templates.text("您好").expect("compiles");
        let (vip, names) = templates.expression("customer.tier == 'vip'").expect("compiles");
        assert_eq!(names, ["customer.tier"]);
        let context = context! { settings => context! { free => 99 }, customer => context! { tier => "vip" } };
        assert_eq!(templates.render(text, || context.clone()).expect("renders"), "满99元包邮");
        assert_eq!(templates.render(plain, || context.clone()).expect("renders"), "您好");
        assert!(templates.holds(vip, &context).expect("runs"));
    }

    #[test]
    fn what_is_missing_is_an_error_in_texts_and_false_in_conditions() {
        let mut templates = Templates::new();
        let text = templates.text("{{ settings.gone }}").expect("compiles");
        let (condition, _) = templates.expression("customer.attributes.city == 'x'").expect("compiles");
        let context = context! { settings => context! {}, customer => context! {} };
        let error = templates.render(text, || context.clone()).expect_err("undefined");
        assert_eq!(error.span, Some(3..16));
        assert!(!templates.holds(condition, &context).expect("runs"));
    }

    #[test]
    fn endless_texts_are_stopped() {
        let mut templates = Templates::new();
        let text = templates
            .text("{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}")
            .expect("compiles");
        assert!(templates.render(text, || context! {}).is_err());
    }

    #[test]
    fn a_name_in_format_that_is_not_ascii_is_an_error() {
        let mut templates = Templates::new();
        for (source, said) in [
            ("{{ '%(名)s'|format(3) }}", None),
            ("{{ ('%(a' ~ '名' ) | format(3) }}", None),
            ("{{ '%s元' | format(3) }}", Some("3元")),
            ("{{ '%(n)s元' | format(n=3) }}", Some("3元")),
        ] {
            let text = templates.text(source).expect("compiles");
            assert_eq!(templates.render(text, || context! {}).ok().as_deref(), said, "{source}");
        }
    }

    #[test]
    fn an_expression_cannot_close_its_own_block() {
        assert!(Templates::new().expression("true %}x{% if true").is_err());
    }
}
