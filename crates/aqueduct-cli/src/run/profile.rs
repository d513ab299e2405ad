//! Where the CPU time of a run went, for people.

use aqueduct_service::ProfileReport;

use crate::output::{Align, Table, bytes};

pub(super) fn for_people(profile: &ProfileReport) -> String {
    let mut table = Table::new(&[("part", Align::Left), ("CPU", Align::Right), ("share", Align::Right)]);
    let mut row = |name: &str, seconds: f64, of: f64| {
        let share = if of > 0.0 { 100.0 * seconds / of } else { 0.0 };
        table.row([name.to_owned(), format!("{seconds:.2} s"), format!("{share:.1} %")]);
    };
    for part in &profile.parts {
        row(&part.name, part.cpu, profile.cpu);
    }
    row("all", profile.cpu, profile.cpu);
    let (threads, wall) = (profile.threads, profile.wall);
    let could = threads as f64 * wall;
    let idle = if could > 0.0 { 100.0 * profile.idle / could } else { 0.0 };
    let memory = profile.peak_memory.map(|peak| format!(", {} of memory at most", bytes(peak)));
    format!(
        "{}{threads} threads for {wall:.2} s, idle {:.2} s of {could:.2} s ({idle:.1} %){}\n",
        table.render(0),
        profile.idle,
        memory.unwrap_or_default()
    )
}
