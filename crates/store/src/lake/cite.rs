//! Adds to an answer's rows where they stand in the evidence, as far as rows are rows of the lake.
//!
//! A plan of projections, filters, sorts, limits and renamings over one scan keeps each row; there the
//! citation goes along. Grouping, joining and DISTINCT make new rows, which stand for many or for none.

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use super::layout;

/// The columns that cite: source (number in the case), member, record, offset.
const CITATION: [&str; 4] = [layout::SOURCE, layout::MEMBER, layout::RECORD, layout::OFFSET];

/// The plan with citing columns at the end of its rows; `None` if its rows are not the lake's.
pub(super) fn with_citation(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(p) => {
            let Some(input) = with_citation(&p.input)? else { return Ok(None) };
            let mut exprs = p.expr.clone();
            for name in CITATION {
                let has = p.schema.fields().iter().any(|f| f.name() == name);
                if !has && let Some(column) = find(&input, name) {
                    exprs.push(Expr::Column(column));
                }
            }
            Ok(Some(LogicalPlan::Projection(Projection::try_new(exprs, input.into())?)))
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_) => {
            let [input] = plan.inputs()[..] else { return Ok(None) };
            let Some(input) = with_citation(input)? else { return Ok(None) };
            Ok(Some(plan.with_new_exprs(plan.expressions(), vec![input])?))
        }
        LogicalPlan::TableScan(scan) => {
            let all = CITATION.iter().all(|c| scan.source.schema().field_with_name(c).is_ok());
            Ok(all.then(|| plan.clone()))
        }
        _ => Ok(None),
    }
}

fn find(plan: &LogicalPlan, name: &str) -> Option<Column> {
    plan.schema().columns().into_iter().find(|c| c.name == name)
}
