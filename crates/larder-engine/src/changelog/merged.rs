//! Which pull request brought a commit: the one whose merge has it and the branch before it has not.
//! Knows no git; it works on the graph of commits that git printed.

use std::collections::{HashMap, HashSet};

/// The pull request of each commit that came with the merge of one.
///
/// `graph` has the commits of a range with their parents, newest first, and `numbers` the pull
/// requests of merges. A merge inside of a branch that was merged later counts for what it brought
/// itself.
pub fn pull_requests(
    graph: &[(String, Vec<String>)],
    numbers: &HashMap<&str, u64>,
) -> HashMap<String, u64> {
    let parents: HashMap<&str, &[String]> = graph
        .iter()
        .map(|(id, parents)| (id.as_str(), parents.as_slice()))
        .collect();
    // The commits of the branch itself, from the newest one along first parents.
    let mut main = Vec::new();
    let mut next = graph.first().map(|(id, _)| id.as_str());
    while let Some((id, known)) = next.and_then(|id| Some((id, *parents.get(id)?))) {
        main.push(id);
        next = known.first().map(String::as_str);
    }
    let mut seen: HashSet<&str> = main.iter().copied().collect();
    let mut found = HashMap::new();
    // The oldest merge first: a branch that was made after it has its commits too.
    for merge in main.iter().rev() {
        let number = numbers.get(merge).copied();
        let mut open: Vec<(&str, Option<u64>)> = parents[merge]
            .iter()
            .skip(1)
            .map(|parent| (parent.as_str(), number))
            .collect();
        // What was merged into the branch, the oldest merge last.
        let mut inner = Vec::new();
        while let Some((id, number)) = open.pop().or_else(|| inner.pop()) {
            let Some(known) = parents.get(id) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            if let Some(number) = number {
                found.insert(id.to_owned(), number);
            }
            let Some((first, others)) = known.split_first() else {
                continue;
            };
            open.push((first, number));
            let number = numbers.get(id).copied().or(number);
            inner.extend(others.iter().map(|parent| (parent.as_str(), number)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(lines: &str) -> Vec<(String, Vec<String>)> {
        lines
            .split(" | ")
            .map(|line| {
                let mut ids = line.split(' ').map(str::to_owned);
                (ids.next().unwrap(), ids.collect())
            })
            .collect()
    }

    fn found(lines: &str, numbers: &[(&'static str, u64)]) -> String {
        let numbers = numbers.iter().copied().collect();
        let found = pull_requests(&graph(lines), &numbers);
        let mut all: Vec<String> = found.iter().map(|(id, n)| format!("{id}={n}")).collect();
        all.sort();
        all.join(" ")
    }

    #[test]
    fn commits_belong_to_the_merge_that_brought_them() {
        // A branch of two commits.
        assert_eq!(found("m a y | y x | x a | a", &[("m", 1)]), "x=1 y=1");
        // A second branch that was made after the first one was merged.
        assert_eq!(
            found("n m z | z m | m a x | x a | a", &[("m", 1), ("n", 2)]),
            "x=1 z=2"
        );
        // The main branch was merged into the topic on the way.
        assert_eq!(
            found("m b y | y x b | x a | b a | a", &[("m", 1)]),
            "x=1 y=1"
        );
        // A pull request into a topic, which was merged later.
        assert_eq!(
            found("m a t | t s u | u s | s a | a", &[("m", 1), ("t", 2)]),
            "s=1 t=1 u=2"
        );
        // A merge without a number, and one whose parent is before the range.
        assert_eq!(found("m a y | y a | a", &[]), "");
        assert_eq!(found("m old y | y old", &[("m", 1)]), "y=1");
    }
}
