package chart

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden holds each case to its picture in testdata, and every picture to the rules.
func TestGolden(t *testing.T) {
	for name, drawn := range cases() {
		t.Run(name, func(t *testing.T) {
			got := drawn()
			check(t, got)
			file := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if again := drawn(); again != got {
				t.Errorf("drawn again %s", again)
			}
		})
	}
}
