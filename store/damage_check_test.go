//go:build !race

package store

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Whatever is damaged, a check reports it or the file is refused; nothing panics,
// neither here nor in a goroutine of bbolt's. As TestScatteredDamage it is built
// without the race detector.
func TestCheckOfScatteredDamage(t *testing.T) {
	t.Parallel()
	good := goodFile(t)
	rng := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(t.TempDir(), "damaged.db")
	metas := 2 * os.Getpagesize()
	refused, found, clean := 0, 0, 0
	for range 600 {
		damaged := bytes.Clone(good)
		at := metas + rng.IntN(len(good)-metas)
		for i := at; i < min(at+1+rng.IntN(8), len(damaged)); i++ {
			damaged[i] ^= byte(rng.Uint32())
		}
		must(t, os.WriteFile(path, damaged, 0o600))
		s, err := OpenReadOnly(path)
		if err != nil {
			refused++
			continue
		}
		problems := 0
		must(t, s.Check(t.Context(), func(p Problem) {
			if problems++; p.Text == "" || p.Kind == "" {
				t.Errorf("at %d: %+v", at, p)
			}
		}, nil))
		must(t, s.Close())
		if problems > 0 {
			found++
		} else {
			clean++ // space that no page uses, or a value that may be another
		}
	}
	t.Logf("refused %d, found %d, clean %d", refused, found, clean)
	if refused == 0 || found == 0 {
		t.Errorf("refused %d, found %d", refused, found)
	}
}
