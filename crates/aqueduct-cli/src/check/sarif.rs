//! SARIF 2.1.0, as code scanners read it.

use aqueduct::check::{Finding, Level, Report, Rule};
use serde_json::{Value, json};

/// The whole log: one run, all rules, one result for each finding.
pub(super) fn log(report: &Report) -> Value {
    let rules: Vec<&Rule> = Rule::all().collect();
    let notifications: Vec<Value> = report
        .skipped
        .iter()
        .map(|skipped| {
            json!({
                "level": "note",
                "message": { "text": format!("not checked: {}: {}", skipped.what, skipped.reason) },
            })
        })
        .collect();
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
            "results": report.findings.iter().map(|finding| of_finding(finding, &rules)).collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
        }],
    })
}

fn of_rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.statement },
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
