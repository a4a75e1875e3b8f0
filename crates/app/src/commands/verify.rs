//! `quittance verify`.

use clap::Args;
use quittance_engine::verify::InvariantReport;
use serde_json::json;

use crate::context::Context;
use crate::failure::Exit;

/// Checks every invariant of the books.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Leaves out what must read every conversion.
    #[arg(long)]
    fast: bool,
}

impl Verify {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says. A violation is no error but an exit status.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        run(context, self.fast)
    }
}

fn run(context: &Context, fast: bool) -> anyhow::Result<Exit> {
    let engine = context.engine()?;
    let reports = engine.verify(&context.call(&engine)?, fast)?;
    let ok = reports.iter().all(InvariantReport::ok);
    let invariants: Vec<_> = reports
        .iter()
        .map(|report| {
            let mut one = json!({
                "id": report.id, "ok": report.ok(), "checked": report.checked, "violations": report.violations
            });
            if !report.note.is_empty() {
                one["note"] = report.note.as_str().into();
            }
            one
        })
        .collect();
    context.answer(&json!({ "ok": ok, "invariants": invariants }), || text(&reports))?;
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

pub(crate) fn text(reports: &[InvariantReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let mark = match (report.ok(), report.checked) {
            (false, _) => "✗",
            (true, true) => "✓",
            (true, false) => "–",
        };
        let note = if report.note.is_empty() { String::new() } else { format!(" ({})", report.note) };
        out += &format!("  {mark} {}  {}{note}\n", report.id, report.title);
        for violation in &report.violations {
            out += &format!("       {violation}\n");
        }
        if report.more > 0 {
            out += &format!("       … and {} more\n", report.more);
        }
    }
    out
}
