//go:build !race

package store

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// Damage of many kinds is no panic, neither in Open nor later. The places are
// always the same ones: bbolt scans a file in a goroutine of its own, and what
// checkPages does not notice may still end the process there, once in some ten
// thousand places. With the race detector the compiler also checks pointers, and
// ends the process at the first one that bbolt makes of a damaged page; so this
// test is built without it.
func TestScatteredDamage(t *testing.T) {
	t.Parallel()
	good := goodFile(t)
	rng := rand.New(rand.NewPCG(1, 2))
	metas := 2 * os.Getpagesize()
	refused := 0
	for range 300 {
		damaged := bytes.Clone(good)
		at := metas + rng.IntN(len(good)-metas)
		for i := at; i < min(at+1+rng.IntN(64), len(damaged)); i++ {
			damaged[i] = byte(rng.Uint32())
		}
		if err := openDamaged(t, damaged); err != nil {
			refused++
			if dberrors.Remedy(err) == "" {
				t.Errorf("at %d: no remedy is known for %v", at, err)
			}
		}
	}
	if refused == 0 {
		t.Error("no damage is noticed")
	}
}
