//! SARIF 2.1.0, as code scanners read it.

use aqueduct::check::{Finding, Level, Report, Rule};
use serde_json::{Value, json};

use crate::exit::Failure;

/// The whole log: one run, all rules, one result for each finding.
pub(super) fn log(report: &Report) -> Value {
    let rules: Vec<&Rule> = Rule::all().collect();
    let results = report.findings.iter().map(|finding| of_finding(finding, &rules)).collect();
    let notifications: Vec<Value> = report
        .skipped
        .iter()
        .map(|skipped| {
            json!({
                "level": if skipped.by_limit { "warning" } else { "note" },
                "message": { "text": format!("not checked: {}: {}", skipped.what, skipped.reason) },
            })
        })
        .collect();
    let invocation = json!({ "executionSuccessful": true, "toolExecutionNotifications": notifications });
    of_run(&rules, results, &invocation)
}

/// The log of a check that could not be done.
pub(super) fn of_failure(failure: &Failure) -> Value {
    let rules: Vec<&Rule> = Rule::all().collect();
    let text = std::iter::once(failure.message.as_str()).chain(failure.causes.iter().map(String::as_str));
    let invocation = json!({
        "executionSuccessful": false,
        "exitCode": failure.exit,
        "toolExecutionNotifications": [{
            "level": "error",
            "message": { "text": text.collect::<Vec<_>>().join(": ") },
        }],
    });
    of_run(&rules, Vec::new(), &invocation)
}

fn of_run(rules: &[&Rule], results: Vec<Value>, invocation: &Value) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "aqueduct check",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(|rule| of_rule(rule)).collect::<Vec<_>>(),
            }},
            "results": results,
            "invocations": [invocation],
        }],
    })
}

fn of_rule(rule: &Rule) -> Value {
    // GitHub's code scanning refuses rules without a full description.
    let unchecked =
        if rule.open.is_empty() { String::new() } else { format!(" Not checked: {}.", rule.open) };
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.statement },
        "fullDescription": { "text": format!("{}{unchecked}", rule.statement) },
        "help": { "text": format!("{} ({})", rule.fix, rule.section) },
        "defaultConfiguration": { "level": level(rule.requirement.level()) },
        "properties": { "requirement": rule.requirement, "profile": rule.profile },
    })
}

fn of_finding(finding: &Finding, rules: &[&Rule]) -> Value {
    let place = &finding.place;
    let mut location = json!({
        "artifactLocation": { "uri": place.playlist.as_deref().unwrap_or(".") },
    });
    if let (Some(line), Some(of)) = (place.line, location.as_object_mut()) {
        of.insert("region".to_owned(), json!({ "startLine": line }));
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": rules.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.level),
        "message": { "text": finding.message },
        "locations": [{ "physicalLocation": location }],
        "properties": { "segment": place.segment, "uri": place.uri, "offset": place.offset, "time": place.time },
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        _ => "note",
    }
}
