//! From tokens to [`Syntax`]: CEL's grammar by precedence climbing.
//!
//! It recurses for brackets, for the right side of an operator of higher precedence, and for the last branch of a
//! condition; the bounds that `lex` keeps bound all three.

use super::error::{ExprError, Problem};
use super::lex::{Token, Word, tokens};
use super::literal;
use super::node::{Arithmetic, Constant, Order};
use super::syntax::{Binary, Form, Syntax};

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Result<Syntax<'_>, ExprError> {
    let tokens = tokens(source)?;
    let mut parser = Parser { rest: &tokens, end: source.len() };
    let syntax = parser.expression()?;
    let expected = match parser.peek().word {
        Word::End => return Ok(syntax),
        Word::Name("and") => "an operator; write `&&` for 'and'",
        Word::Name("or") => "an operator; write `||` for 'or'",
        Word::Name(_) | Word::Number(_) | Word::Text(_) | Word::Symbol(_) => "an operator or the end",
    };
    Err(parser.unexpected(expected))
}

struct Parser<'t, 's> {
    rest: &'t [Token<'s>],
    end: usize,
}

/// An operator between two sides.
#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    Binary(Binary),
}

/// The operator that a token is, and how tightly it binds.
fn operator(word: Word<'_>) -> Option<(Operator, u8)> {
    let (Word::Symbol(text) | Word::Name(text)) = word else { return None };
    let (binary, precedence) = match text {
        "||" => return Some((Operator::Or, 1)),
        "&&" => return Some((Operator::And, 2)),
        "==" => (Binary::Equal, 3),
        "!=" => (Binary::NotEqual, 3),
        "<" => (Binary::Order(Order::Less), 3),
        "<=" => (Binary::Order(Order::LessOrEqual), 3),
        ">" => (Binary::Order(Order::Greater), 3),
        ">=" => (Binary::Order(Order::GreaterOrEqual), 3),
        "in" => (Binary::In, 3),
        "+" => (Binary::Arithmetic(Arithmetic::Add), 4),
        "-" => (Binary::Arithmetic(Arithmetic::Subtract), 4),
        "*" => (Binary::Arithmetic(Arithmetic::Multiply), 5),
        "/" => (Binary::Arithmetic(Arithmetic::Divide), 5),
        "%" => (Binary::Arithmetic(Arithmetic::Remainder), 5),
        _ => return None,
    };
    Some((Operator::Binary(binary), precedence))
}

impl<'s> Parser<'_, 's> {
    fn peek(&self) -> Token<'s> {
        self.rest.first().copied().unwrap_or(Token { at: self.end, word: Word::End })
    }

    fn advance(&mut self) -> Token<'s> {
        let token = self.peek();
        self.rest = self.rest.get(1..).unwrap_or_default();
        token
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = self.peek().word == Word::Symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &'static str, expected: &'static str) -> Result<(), ExprError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> ExprError {
        let Token { at, word } = self.peek();
        let found = match word {
            Word::Name(text) | Word::Number(text) => format!("`{text}`"),
            Word::Text(_) => "a string".to_owned(),
            Word::Symbol(symbol) => format!("`{symbol}`"),
            Word::End => "the end".to_owned(),
        };
        ExprError::new(at, Problem::Syntax { expected, found })
    }

    /// `or`, or `or ? or : expression`.
    fn expression(&mut self) -> Result<Syntax<'s>, ExprError> {
        let condition = self.binary(1)?;
        let at = self.peek().at;
        if !self.take("?") {
            return Ok(condition);
        }
        let then = self.binary(1)?;
        self.expect(":", "`:` and the other value")?;
        let otherwise = self.expression()?;
        Syntax::new(at, Form::Choose(Box::new([condition, then, otherwise])))
    }

    /// Operators that bind at least as tightly as `least`, from left to right.
    fn binary(&mut self, least: u8) -> Result<Syntax<'s>, ExprError> {
        let mut left = self.unary()?;
        loop {
            let Token { at, word } = self.peek();
            let Some((operator, precedence)) = operator(word).filter(|(_, precedence)| *precedence >= least) else {
                return Ok(left);
            };
            self.advance();
            let right = self.binary(precedence + 1)?;
            // Chains of `&&` and `||` are one part with many terms, so that their length is no depth.
            let form = match (operator, left) {
                (Operator::Or, Syntax { form: Form::Or(terms), .. }) => Form::Or(joined(terms, right)),
                (Operator::Or, left) => Form::Or(vec![left, right]),
                (Operator::And, Syntax { form: Form::And(terms), .. }) => Form::And(joined(terms, right)),
                (Operator::And, left) => Form::And(vec![left, right]),
                (Operator::Binary(binary), left) => Form::Binary(binary, Box::new([left, right])),
            };
            left = Syntax::new(at, form)?;
        }
    }

    /// Any number of `!` and `-`, and what they apply to.
    fn unary(&mut self) -> Result<Syntax<'s>, ExprError> {
        let mut signs = Vec::new();
        while let Token { at, word: Word::Symbol(sign @ ("!" | "-")) } = self.peek() {
            signs.push((at, sign));
            self.advance();
        }
        let operand = match (self.peek(), signs.last()) {
            // The smallest int has no positive twin: a minus right before a number belongs to it.
            (Token { word: Word::Number(written), .. }, Some(&(at, "-"))) => {
                signs.pop();
                self.advance();
                let number = literal::number(written, true).map_err(|problem| ExprError::new(at, problem))?;
                Syntax::new(at, Form::Constant(number))?
            }
            _ => self.primary()?,
        };
        let operand = self.member(operand)?;
        signs.into_iter().rev().try_fold(operand, |operand, (at, sign)| {
            let operand = Box::new(operand);
            Syntax::new(at, if sign == "!" { Form::Not(operand) } else { Form::Negate(operand) })
        })
    }

    /// What follows a value: members, calls and indexes.
    fn member(&mut self, mut value: Syntax<'s>) -> Result<Syntax<'s>, ExprError> {
        loop {
            let at = self.peek().at;
            let form = if self.take(".") {
                let name = self.name("the name of a member")?;
                if self.take("(") {
                    let arguments = self.list(")", "`,` or `)`")?;
                    Form::Call(Some(Box::new(value)), name, arguments)
                } else {
                    Form::Member(Box::new(value), name)
                }
            } else if self.take("[") {
                let index = self.expression()?;
                self.expect("]", "`]`")?;
                Form::Index(Box::new([value, index]))
            } else {
                return Ok(value);
            };
            value = Syntax::new(at, form)?;
        }
    }

    fn name(&mut self, expected: &'static str) -> Result<&'s str, ExprError> {
        if let Word::Name(name) = self.peek().word
            && !matches!(name, "in" | "true" | "false" | "null")
        {
            self.advance();
            return Ok(name);
        }
        Err(self.unexpected(expected))
    }

    fn primary(&mut self) -> Result<Syntax<'s>, ExprError> {
        let Token { at, word } = self.peek();
        let constant = match word {
            Word::Symbol("(") => return self.bracketed(),
            Word::Symbol("[") => {
                self.advance();
                let items = self.list("]", "`,` or `]`")?;
                return Syntax::new(at, Form::List(items));
            }
            Word::Symbol("{") => {
                const MAPS: Problem = Problem::LeftOut("map literals are not supported in rules");
                return Err(ExprError::new(at, MAPS));
            }
            Word::Name("true") => Ok(Constant::Bool(true)),
            Word::Name("false") => Ok(Constant::Bool(false)),
            Word::Name("null") => Ok(Constant::Null),
            Word::Number(written) => literal::number(written, false),
            Word::Text(written) => literal::text(written).map(|text| Constant::Text(text.into())),
            Word::Name("not") => return Err(self.unexpected("a value; write `!` for 'not'")),
            Word::Name(_) | Word::Symbol(_) | Word::End => return self.named(),
        };
        let constant = constant.map_err(|problem| ExprError::new(at, problem))?;
        self.advance();
        Syntax::new(at, Form::Constant(constant))
    }

    fn bracketed(&mut self) -> Result<Syntax<'s>, ExprError> {
        self.advance();
        let inside = self.expression()?;
        self.expect(")", "`)`")?;
        Ok(inside)
    }

    /// A variable or a call.
    fn named(&mut self) -> Result<Syntax<'s>, ExprError> {
        let at = self.peek().at;
        let name = self.name("a value")?;
        let form =
            if self.take("(") { Form::Call(None, name, self.list(")", "`,` or `)`")?) } else { Form::Name(name) };
        Syntax::new(at, form)
    }

    /// Values with commas between, up to `close`. The last of a list literal may have a comma too.
    fn list(&mut self, close: &'static str, expected: &'static str) -> Result<Vec<Syntax<'s>>, ExprError> {
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() {
                self.expect(",", expected)?;
                if close == "]" && self.take(close) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }
}

fn joined<'s>(mut terms: Vec<Syntax<'s>>, last: Syntax<'s>) -> Vec<Syntax<'s>> {
    terms.push(last);
    terms
}
