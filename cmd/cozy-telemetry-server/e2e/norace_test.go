//go:build !race

package e2e

const raceFactor, raceRepeats = 1, 1
