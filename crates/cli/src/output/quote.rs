//! Arguments as a POSIX shell reads them, for command lines that are printed to be run.

/// An argument as a POSIX shell reads it.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_would_split_or_run_them() {
        assert_eq!(quoted("sqlite://a/b-1.db"), "sqlite://a/b-1.db");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted("postgres://h/db?sslmode=require"), "'postgres://h/db?sslmode=require'");
    }
}
