// Package others simulates installations of the products beside Cozystack, and knows what
// a server must show after it has seen their reports.
//
// An installation lives through a stretch of time and sends what its client would: at its
// start and at its interval, again after a restart. It is upgraded when it restarts, grows,
// falls silent for days, and ends. Some requests come twice, some fields are missing, null
// or of words that nobody knows; a Coroot has not loaded its world yet, or has no id. What
// comes follows from the seed and the index alone.
//
// [Truth] is the oracle. It takes the simulated states, never the text of a report, counts
// by the definitions of docs/products.md with exact fractions, and shares no code with the
// server.
//
// Whatever no server may keep has the word of [Canary] in it, or the digits of [Digits].
package others
