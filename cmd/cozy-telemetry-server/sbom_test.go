package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"testing"
)

// The bill of materials of a binary, here of this test, has every module of it.
func TestBillOfMaterials(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", "../../.ci/sbom.go", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		BOMFormat   string
		SpecVersion string
		Metadata    struct{ Component struct{ Name string } }
		Components  []struct {
			Name, Version, PURL string
			Hashes              []struct{ Alg, Content string }
		}
	}
	if err := json.Unmarshal(out, &bom); err != nil {
		t.Fatal(err)
	}
	info, _ := debug.ReadBuildInfo()
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" || bom.Metadata.Component.Name != info.Main.Path {
		t.Errorf("%.300s", out)
	}
	var got []string
	purl, sum := regexp.MustCompile(`^pkg:golang/[^@ ]+@[\w.%-]+$`), regexp.MustCompile(`^[0-9a-f]{64}$`)
	for i, c := range bom.Components {
		got = append(got, c.Name+"@"+c.Version)
		if !purl.MatchString(c.PURL) || i > 0 && (len(c.Hashes) != 1 || c.Hashes[0].Alg != "SHA-256" || !sum.MatchString(c.Hashes[0].Content)) {
			t.Errorf("%+v", c)
		}
	}
	for _, m := range info.Deps {
		if !slices.Contains(got, m.Path+"@"+m.Version) {
			t.Errorf("%s %s is missing", m.Path, m.Version)
		}
	}
	if len(info.Deps) < 10 || len(got) != len(info.Deps)+1 || bom.Components[0].Name != "std" {
		t.Errorf("%d components, %d modules: %v", len(got), len(info.Deps), got)
	}
}
