//! `&&`, `||` and the comprehensions.

use super::{Evaluated, Run};
use crate::expr::error::EvalError;
use crate::expr::node::{Comprehension, ComprehensionKind, Node};
use crate::expr::value::{List, Value};

impl<'a> Run<'a> {
    /// `&&` and `||`: one term that decides is enough, whatever went wrong in others, in either order. So does CEL, and
    /// `has(claims.a) && claims.a == 1` could not be written the other way round otherwise.
    pub(super) fn junction(&mut self, terms: &'a [Node], decides: bool) -> Evaluated<'a> {
        let mut verdict = Verdict::new(decides);
        for term in terms {
            let truth = self.truth(term);
            if verdict.is_decided_by(truth)? {
                return Ok(Value::Bool(decides));
            }
        }
        verdict.undecided()
    }

    pub(super) fn comprehension(&mut self, comprehension: &'a Comprehension) -> Evaluated<'a> {
        let Comprehension { kind, range, body } = comprehension;
        match self.value(range)? {
            Value::List(list) => {
                self.items(list.len())?;
                self.over(*kind, &mut list.iter().map(Ok), body)
            }
            Value::Map(map) => {
                self.scan(map)?;
                self.items(map.len())?;
                self.over(*kind, &mut map.names(), body)
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Text(_) => Err(EvalError::Type),
        }
    }

    fn over(
        &mut self,
        kind: ComprehensionKind,
        items: &mut dyn Iterator<Item = Evaluated<'a>>,
        body: &'a Node,
    ) -> Evaluated<'a> {
        match kind {
            ComprehensionKind::All => self.junction_over(items, body, false),
            ComprehensionKind::Exists => self.junction_over(items, body, true),
            ComprehensionKind::ExistsOne => {
                let mut count = 0_usize;
                for item in items {
                    self.variable = item?;
                    count += usize::from(self.truth(body)?);
                }
                Ok(Value::Bool(count == 1))
            }
            ComprehensionKind::Filter => {
                self.make(0)?;
                let mut kept = Vec::new();
                for item in items {
                    let item = item?;
                    self.variable = item.clone();
                    if self.truth(body)? {
                        kept.push(item);
                    }
                }
                Ok(Value::List(List::Made(kept.into())))
            }
            ComprehensionKind::Map => {
                self.make(0)?;
                let mut made = Vec::new();
                for item in items {
                    self.variable = item?;
                    made.push(self.value(body)?);
                }
                Ok(Value::List(List::Made(made.into())))
            }
        }
    }

    fn junction_over(
        &mut self,
        items: &mut dyn Iterator<Item = Evaluated<'a>>,
        body: &'a Node,
        decides: bool,
    ) -> Evaluated<'a> {
        let mut verdict = Verdict::new(decides);
        for item in items {
            let truth = item.and_then(|item| {
                self.variable = item;
                self.truth(body)
            });
            if verdict.is_decided_by(truth)? {
                return Ok(Value::Bool(decides));
            }
        }
        verdict.undecided()
    }
}

/// The state of `&&`, `||`, `all` and `exists`: decided by one term, else failed if one failed.
struct Verdict {
    decides: bool,
    failed: Option<EvalError>,
}

impl Verdict {
    const fn new(decides: bool) -> Self {
        Self { decides, failed: None }
    }

    fn is_decided_by(&mut self, term: Result<bool, EvalError>) -> Result<bool, EvalError> {
        match term {
            Ok(value) => Ok(value == self.decides),
            // No other term may hide that there is no time left.
            Err(EvalError::Cost) => Err(EvalError::Cost),
            Err(error) => {
                self.failed.get_or_insert(error);
                Ok(false)
            }
        }
    }

    fn undecided<'a>(self) -> Evaluated<'a> {
        self.failed.map_or(Ok(Value::Bool(!self.decides)), Err)
    }
}
