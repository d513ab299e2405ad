//! What a rule says.

use aqueduct::check::{Rule, Unchecked};

use crate::exit::Failure;
use crate::output::Console;

pub(super) fn run(id: &str, console: &Console) -> Result<(), Failure> {
    let id = id.to_ascii_uppercase();
    if let Some(rule) = Rule::find(&id) {
        return if console.is_json() { console.value(rule) } else { console.text(&of_rule(rule)) };
    }
    if let Some(rule) = Unchecked::find(&id) {
        return if console.is_json() { console.value(rule) } else { console.text(&of_unchecked(rule)) };
    }
    Err(Failure::usage(format!("there is no rule {id:?}")).hint(alike(&id)))
}

/// Which rules may be meant by an id that is none.
pub(crate) fn alike(id: &str) -> String {
    let near: Vec<&str> =
        Rule::all().map(|rule| rule.id).filter(|other| other.get(..3) == id.get(..3)).collect();
    if near.is_empty() {
        "docs/rules.md lists them all".to_owned()
    } else {
        format!("rules that begin alike: {}", near.join(", "))
    }
}

fn of_rule(rule: &Rule) -> String {
    let mut text = format!("{}\n  {}\n", rule.id, rule.statement);
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<9}{value}\n"));
    line(
        "level",
        &format!("{}: a finding is {} {}", rule.requirement.name(), article(rule), rule.requirement.level()),
    );
    line("profile", rule.profile.name());
    line("do", rule.fix);
    line("where", rule.section);
    if !rule.open.is_empty() {
        line("not yet", rule.open);
    }
    text
}

fn article(rule: &Rule) -> &'static str {
    if rule.requirement.level() == aqueduct::check::Level::Error { "an" } else { "a" }
}

fn of_unchecked(rule: &Unchecked) -> String {
    format!(
        "{}\n  {}\n  level    {}\n  profile  {}\n  not checked: it {}\n",
        rule.id,
        rule.statement,
        rule.requirement.name(),
        rule.profile,
        rule.reason
    )
}
