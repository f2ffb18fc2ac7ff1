package mirror

import (
	"path/filepath"
	"testing"
)

func TestHolds(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"no folder":           {nil, false},
		"the original's":      {map[string]string{"2026-03.json": original}, false},
		"rubbish":             {map[string]string{"2026-03.json": "{", "rollups/notes.txt": "x", "rollups/2026-3-1.jsonl": "x"}, false},
		"an empty day":        {map[string]string{march1File: "", manifestFile: "{}"}, false},
		"a day":               {map[string]string{march1File: "{}\n"}, true},
		"a month":             {map[string]string{"2026-03.json": `{"source":"rollups"}`}, true},
		"a month, among more": {map[string]string{"2026-02.json": original, "2026-03.json": `{"source":"imported"}`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "snapshots")
			for file, content := range c.files {
				put(t, dir, file, content)
			}
			if got, err := Holds(dir); got != c.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// Whatever a Mirror has written is seen.
func TestHoldsWhatItWrote(t *testing.T) {
	dir := t.TempDir()
	repair(t, dir, filledStore())
	if got, err := Holds(dir); !got || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
