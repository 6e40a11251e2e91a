#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

/// `embedded` reads this variable itself, because tests need it without a `Config`.
const READ_ELSEWHERE: &str = "TOPUP_PG_BIN";

#[test]
fn the_example_file_names_every_variable_and_no_other() {
    let example: BTreeSet<String> = include_str!("../../.env.example")
        .lines()
        .filter_map(|line| line.strip_prefix('#').unwrap_or(line).split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    let mut known: BTreeSet<String> = Config::augment_args(Command::new("topup"))
        .get_arguments()
        .map(|argument| argument.get_env().unwrap().to_str().unwrap().to_owned())
        .collect();
    known.insert(READ_ELSEWHERE.to_owned());
    assert_eq!(example, known);
}

#[test]
fn the_command_line_is_sound() {
    let command = Config::augment_args(Command::new("topup"));
    command.clone().debug_assert();
    for argument in command.get_arguments() {
        let variable = argument.get_long().unwrap().to_uppercase().replace('-', "_");
        let prefix = if variable == "DATABASE_URL" { "" } else { "TOPUP_" };
        assert_eq!(argument.get_env().unwrap().to_str().unwrap(), format!("{prefix}{variable}"));
    }
}

#[test]
fn every_setting_says_what_it_is() {
    for argument in Config::augment_args(Command::new("topup")).get_arguments() {
        assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
    }
}

#[test]
fn secrets_stay_out_of_debug_and_help() {
    let config = Config::from_arguments(&["--jwt-secret", "hush-hush", "--stripe-webhook-secret=hush-hush"]).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    for argument in Config::augment_args(Command::new("topup")).get_arguments() {
        let name = argument.get_env().unwrap().to_str().unwrap();
        let is_secret = name.ends_with("SECRET")
            || name.ends_with("SECRET_KEY")
            || name == "DATABASE_URL"
            || name == "TOPUP_SEAL_KEY";
        assert_eq!(argument.is_hide_env_values_set(), is_secret, "{name}");
    }
}

#[test]
fn thresholds_are_money() {
    let config = Config::from_arguments(&["--second-approval-above", "CNY:50000,USD:7000.50,VND:none"]).unwrap();
    let shown: Vec<String> =
        config.second_approval_above.iter().map(|m| format!("{} {:?}", m.currency, m.most)).collect();
    let [_, dollars, dong] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(dollars.contains("7000.5") && dong == "VND None", "{shown:?}");
    for bad in ["CNY", "CNY:", "XXY:1", "CNY:1e3", "CNY:-1"] {
        assert!(Config::from_arguments(&["--second-approval-above", bad]).is_err(), "{bad}");
    }
}
