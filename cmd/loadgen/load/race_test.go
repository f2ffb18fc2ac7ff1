//go:build race

package load

// othersShare is how many times smaller the other products' fleets are with the race
// detector: one goroutine after the other lives through their months.
const othersShare = 5
