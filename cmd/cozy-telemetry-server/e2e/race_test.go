//go:build race

package e2e

// raceFactor is how many times the memory a program takes with the race detector.
const raceFactor = 8
