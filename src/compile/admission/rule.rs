//! The rules of a schema that CEL writes (`x-kubernetes-validations`), compiled once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::crd::ValidationRule;
use cel::common::ast::{Expr, LiteralValue};
use cel::common::types::{CelBool, CelString};
use cel::extractors::This;
use cel::{Context, Env, ExecutionError, IdedExpr};
use serde_json::Value;

use super::duration;
use super::pattern::Pattern;
use super::schema::{Node, SchemaError};
use super::view;

/// One rule: an expression over `self` that must be true.
#[derive(Debug)]
pub(super) struct Rule {
    expression: IdedExpr,
    /// What the rule asks for, in words.
    pub(super) message: Box<str>,
    /// The same of one value, with its numbers.
    words: Option<IdedExpr>,
}

/// What a rule says of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Fails,
    /// The expression has no value for it, such as a length of time that is too long to count. The API server refuses
    /// the object then.
    Error,
}

impl Rule {
    pub(super) fn compile(rule: ValidationRule) -> Result<Self, SchemaError> {
        let ValidationRule { field_path, message, message_expression, optional_old_self, reason: _, rule } = rule;
        for (keyword, is_there) in
            [("fieldPath", field_path.is_some()), ("optionalOldSelf", optional_old_self.is_some())]
        {
            if is_there {
                return Err(SchemaError::Keyword(keyword));
            }
        }
        let parse =
            |source: &str| Env::stdlib().parser().parse(source).map_err(|_| SchemaError::Rule(source.to_owned()));
        let expression = parse(&rule)?;
        let words = message_expression.as_deref().map(parse).transpose()?;
        Ok(Self { expression, message: message.unwrap_or(rule).into(), words })
    }

    /// Applies the rule to the value of `node` in the `surroundings` of its schema.
    pub(super) fn judge(&self, value: &Value, node: &Node, surroundings: &Surroundings) -> Verdict {
        let context = surroundings.of_value(value, node);
        match cel::Value::resolve_val(&self.expression, &context) {
            Ok(answer) => match answer.downcast_ref::<CelBool>().map(CelBool::inner) {
                Some(true) => Verdict::Holds,
                Some(false) => Verdict::Fails,
                None => Verdict::Error,
            },
            Err(_) => Verdict::Error,
        }
    }

    /// What the rule says of a value that it fails on, with its numbers, if it can say so. As with the API server, what has
    /// no value, is blank or breaks the line says nothing.
    pub(super) fn of_value(&self, value: &Value, node: &Node, surroundings: &Surroundings) -> Option<String> {
        let context = surroundings.of_value(value, node);
        let said = cel::Value::resolve_val(self.words.as_ref()?, &context).ok()?;
        let said = said.downcast_ref::<CelString>()?.inner().to_owned();
        (!said.trim().is_empty() && !said.contains(['\n', '\r'])).then_some(said)
    }
}

/// What expressions may call: CEL's standard library, `duration` and `matches`.
pub(super) struct Surroundings {
    root: Context<'static, 'static>,
}

impl Surroundings {
    /// For all rules at `node` and below. Every pattern that a rule gives to `matches` is compiled here.
    pub(super) fn of(node: &Node) -> Result<Self, SchemaError> {
        let mut patterns = BTreeMap::new();
        patterns_of_node(node, &mut patterns)?;
        let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
            let pattern = patterns.get(pattern.as_str());
            pattern.map(|pattern| pattern.is_in(&text)).ok_or_else(|| {
                ExecutionError::function_error("matches", "the pattern is no literal, so it was not compiled")
            })
        };
        let mut root = Context::default();
        let added = root.add_function("matches", matches).and_then(|()| root.add_function("duration", duration_of));
        added.map_err(|error| SchemaError::Rule(error.to_string()))?;
        Ok(Self { root })
    }

    /// With `self`.
    fn of_value<'v>(&'v self, value: &'v Value, node: &'v Node) -> Context<'v, 'v> {
        let mut context = self.root.new_inner_scope();
        context.add_variable_as_val("self", view::of(value, node));
        context
    }
}

/// CEL's `duration()`, as a count of nanoseconds: rules compare durations and do nothing else with them.
#[expect(clippy::needless_pass_by_value, reason = "the form that a function has for the crate")]
fn duration_of(text: Arc<String>) -> Result<i64, ExecutionError> {
    duration::parse(&text).ok_or_else(|| ExecutionError::function_error("duration", "not a duration"))
}

fn patterns_of_node(node: &Node, found: &mut BTreeMap<String, Pattern>) -> Result<(), SchemaError> {
    use super::schema::Form;
    for rule in &node.rules {
        patterns_of(&rule.expression.expr, found)?;
        rule.words.iter().try_for_each(|words| patterns_of(&words.expr, found))?;
    }
    match &node.form {
        Form::Struct(members) => members.iter().try_for_each(|member| patterns_of_node(&member.node, found)),
        Form::Map { values, .. } => patterns_of_node(values, found),
        Form::List { items, .. } => patterns_of_node(items, found),
        Form::Text { .. } | Form::Integer(_) | Form::Boolean => Ok(()),
    }
}

/// Compiles the literals that stand as the last argument of `matches`.
fn patterns_of(expression: &Expr, found: &mut BTreeMap<String, Pattern>) -> Result<(), SchemaError> {
    match expression {
        Expr::Call(call) => {
            if call.func_name == "matches"
                && let Some(Expr::Literal(LiteralValue::String(source))) = call.args.last().map(|last| &last.expr)
            {
                let source = source.inner().to_owned();
                let pattern = Pattern::compile(&source).ok_or_else(|| SchemaError::Pattern(source.clone()))?;
                found.insert(source, pattern);
            }
            call.target.iter().try_for_each(|target| patterns_of(&target.expr, found))?;
            call.args.iter().try_for_each(|argument| patterns_of(&argument.expr, found))
        }
        Expr::Comprehension(comprehension) => [
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ]
        .into_iter()
        .try_for_each(|part| patterns_of(&part.expr, found)),
        Expr::List(list) => list.elements.iter().try_for_each(|element| patterns_of(&element.expr, found)),
        Expr::Select(select) => patterns_of(&select.operand.expr, found),
        // Without a place for an expression, or never used in a rule of ours; a pattern in one is found out when the
        // rule fails on every object.
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Ok(()),
    }
}
