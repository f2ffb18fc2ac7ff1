package tasks

import "time"

// restShare is how many times as long as it took to count them figures are used.
const restShare = 10

// Rest is how long figures are used that took so long to count, though others are reported
// all the time: so counting takes a small part of the machine, however large the fleet is.
func Rest(took time.Duration) time.Duration { return restShare * took }
