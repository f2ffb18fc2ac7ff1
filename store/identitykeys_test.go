package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, identityBytes) }

// A key that is handed in stands, but never in place of another one, and what is forgotten
// takes it along.
func TestUseIdentityKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	fileOf(t, path, func(s *Store) {
		if err := s.UseIdentityKey(t.Context(), []byte("short")); err == nil {
			t.Error("a short key was taken")
		}
		for range 2 {
			must(t, s.UseIdentityKey(t.Context(), keyOf(1)))
		}
		if err := s.UseIdentityKey(t.Context(), keyOf(2)); !errors.Is(err, dberrors.ErrKeys) {
			t.Errorf("another key: %v", err)
		}
		must(t, s.Record(t.Context(), of("synapse", report(uuid(1), march, "a")), nil))
	})
	_, err := rewrite.Forget(t.Context(), path, rollup.Selection{Product: "synapse", Instances: map[string]struct{}{uuid(1): {}}}, march, nil)
	must(t, err)
	s := openAt(t, path, Options{})
	if key, err := s.IdentityKey(t.Context()); !bytes.Equal(key, keyOf(1)) || err != nil {
		t.Errorf("the key is %x, %v", key, err)
	}
}

// Files that hash names under different keys are not merged, for an instance of both would
// be two; under one key it is one.
func TestMergeOfKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, key []byte, products ...string) string {
		return fileOf(t, filepath.Join(dir, name), func(s *Store) {
			if key != nil {
				must(t, s.UseIdentityKey(t.Context(), key))
			}
			for i, p := range products {
				must(t, s.Record(t.Context(), of(p, report(uuid(1), march.Add(time.Duration(i)*time.Hour), "a")), nil))
			}
		})
	}
	first, second := file("1.db", keyOf(1), "cozystack", "synapse"), file("2.db", keyOf(2), "synapse")
	same, restored := file("3.db", keyOf(1), "coroot", "synapse"), file("4.db", nil, "synapse")
	idle, plain := file("5.db", keyOf(3), "cozystack"), file("6.db", nil, "cozystack")
	for name, c := range map[string]struct {
		files []string
		key   []byte // nil: ErrKeys
	}{
		"different": {[]string{first, second}, nil},
		"same":      {[]string{first, same}, keyOf(1)},
		"restored":  {[]string{restored, first}, keyOf(1)},
		"idle":      {[]string{idle, first}, keyOf(1)},
		"plain":     {[]string{plain, second}, keyOf(2)},
		"all idle":  {[]string{idle, plain}, keyOf(3)},
	} {
		for _, turned := range []bool{false, true} {
			files := c.files
			if turned {
				files = []string{c.files[1], c.files[0]}
			}
			into := filepath.Join(t.TempDir(), "all.db")
			_, err := rewrite.Combine(t.Context(), into, files, nil)
			if c.key == nil {
				if !errors.Is(err, dberrors.ErrKeys) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			must(t, err)
			s := openAt(t, into, Options{})
			if key, err := s.IdentityKey(t.Context()); !bytes.Equal(key, c.key) || err != nil {
				t.Errorf("%s: the key is %x, %v", name, key, err)
			}
		}
	}
	into := filepath.Join(t.TempDir(), "all.db")
	_, err := rewrite.Combine(t.Context(), into, []string{first, same}, nil)
	must(t, err)
	instances := 0
	must(t, openAt(t, into, Options{}).InstancesOf(t.Context(), "synapse", rollup.DateOf(march), func(string, rollup.Day) error { instances++; return nil }))
	if instances != 1 {
		t.Errorf("an instance of both files is %d", instances)
	}
}

// A full file has its key already, so a server that hands it in starts.
func TestUseIdentityKeyOfFullFile(t *testing.T) {
	s := open(t, Options{MaxBytes: smallBound})
	must(t, s.UseIdentityKey(t.Context(), keyOf(1)))
	want := make(model)
	fill(t, s, want, 700_000)
	fill(t, s, want, 20_000)
	must(t, s.UseIdentityKey(t.Context(), keyOf(1)))
	if err := s.UseIdentityKey(t.Context(), keyOf(2)); !errors.Is(err, dberrors.ErrKeys) {
		t.Errorf("another key: %v", err)
	}
}
