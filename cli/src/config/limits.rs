//! What clients may use, as one text: `user=120+40/s,login-account=10+2/m`.

use std::time::Duration;

use voxlog_gateway::limits::{Budget, Policies, Policy};

/// More at once is none of a limit, and its arithmetic must not overflow.
const MAX: u32 = 1_000_000;

/// The default with what the text says otherwise.
pub(super) fn parse(text: &str) -> Result<Policies, String> {
    let mut policies = Policies::default();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let wrong = || format!("{item:?} is no limit like user=120+40/s, that is BURST+RATE/s, /m or /h");
        let (name, amount) = item.split_once('=').ok_or_else(wrong)?;
        let budget = Budget::ALL.into_iter().find(|budget| budget.as_str() == name).ok_or_else(|| {
            let names = Budget::ALL.map(Budget::as_str).join(", ");
            format!("{name:?} is none of {names}")
        })?;
        policies.set(budget, policy(amount).ok_or_else(wrong)?);
    }
    Ok(policies)
}

fn policy(amount: &str) -> Option<Policy> {
    let (burst, rate) = amount.split_once('+')?;
    let (rate, unit) = rate.split_once('/')?;
    let per = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        _ => return None,
    };
    let number = |text: &str| text.parse().ok().filter(|number| (1..=MAX).contains(number));
    Some(Policy::new(number(burst)?, number(rate)?, per))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_burst_and_a_rate() {
        let policies = parse("user=60+20/s, login-account=5+1/h").unwrap();
        assert_eq!(policies.of(Budget::User), Policy::new(60, 20, Duration::from_secs(1)));
        assert_eq!(policies.of(Budget::LoginAccount), Policy::new(5, 1, Duration::from_hours(1)));
        assert_eq!(policies.of(Budget::Guest), Policies::default().of(Budget::Guest));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in ["user", "user=1", "user=1+1", "user=1+1/d", "user=0+1/s", "user=1+0/s", "user=1000001+1/s"] {
            assert!(parse(text).unwrap_err().contains("is no limit like"), "{text}");
        }
        assert!(parse("users=1+1/s").unwrap_err().contains("login-address"));
    }
}
