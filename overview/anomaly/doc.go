// Package anomaly finds what no ordinary fleet does: figures that somebody may have made
// up, so that they can be left out before they are believed.
//
// [Gather] makes [Facts] of the months and days of a file (facts.go, months.go, days.go).
// [Find] holds them against what was usual, with a rule for each [Kind] of finding:
// newids.go, share.go, history.go, alike.go and traffic.go. The rules are functions of the
// facts alone. What is usual is a median, so that an attack does not become usual by its
// size (robust.go). Growth is usual too, and nothing is found where there is no history:
// a file's first weeks. docs/decisions.md says why the bounds are as they are.
//
// Memory grows by some 30 bytes for each instance of the last months, and while a day is
// read by some 150 for each instance of it.
package anomaly
