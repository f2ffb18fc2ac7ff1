//go:build race

package main

// raceFactor is how many times the memory a program takes with the race detector.
const raceFactor = 8
