//! The name that a thread has under labels: `MainThread [route=/pay, tenant=a]`.

/// A thread's name with the labels behind it; as it is where there are none.
pub fn name_with_labels<'t>(name: &str, labels: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let labels: Vec<String> = labels.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
    match labels.is_empty() {
        true => name.to_owned(),
        false => format!("{name} [{}]", labels.join(", ")),
    }
}

/// The name without these labels; as it is where they don't stand behind it.
pub fn name_without_labels<'n, 't>(
    name: &'n str,
    labels: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> &'n str {
    name.strip_suffix(&name_with_labels("", labels)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_and_go() {
        let labels = [("route", "/pay"), ("tenant", "a]")];
        let named = name_with_labels("MainThread", labels);
        assert_eq!(named, "MainThread [route=/pay, tenant=a]]");
        assert_eq!(name_without_labels(&named, labels), "MainThread");
        assert_eq!(name_without_labels(&named, [("route", "/pay")]), named);
        assert_eq!(name_with_labels("a [b=c]", []), "a [b=c]");
        assert_eq!(name_without_labels("a [b=c]", []), "a [b=c]");
    }
}
