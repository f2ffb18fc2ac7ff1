//go:build race

package e2e

const (
	// raceFactor is how many times the memory a program takes with the race detector.
	raceFactor = 8
	// raceRepeats is how many times less often is done again what shows no other race.
	raceRepeats = 5
)
