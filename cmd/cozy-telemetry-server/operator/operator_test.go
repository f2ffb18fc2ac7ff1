package operator

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var noon = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

func TestHide(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"5m":                             "5m",
		"http://vm:8480/insert/0?":       "http://vm:8480/insert/0",
		"http://u:p@vm:8480/a/b":         "http://***@vm:8480/a/b",
		"https://u@vm/":                  "https://***@vm/",
		"http://vm/a?token=x&b=y;c=z&q":  "http://vm/a?***&b=***&c=***&token=***",
		"http://vm/a?x#secret":           "http://vm/a?***#***",
		"HTTP://u:p@vm":                  "http://***@vm",
		`Post "http://u:p@vm/a?t=s": x`:  `Post "http://***@vm/a?t=***": x`,
		"a http://u:p@v/ and ftp://q@w/": "a http://***@v/ and ftp://***@w/",
		"http://u:%zz@vm/":               "http://***",
		"http://u:p[@vm/":                "http://***",
		"postgres://u:p%40q@vm/d?pw=x":   "postgres://***@vm/d?pw=***",
		"http://u':p'p@vm/":              "http://***@vm/",
		`Get "http://vm/?t=s\"s": x`:     `Get "http://vm/?t=***": x`,
		"see <http://u:p@vm>":            "see <http://***@vm>",
	} {
		if got := Hide(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}

// A text that is an address ends where it ends, whatever is in it.
func TestHideAddress(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"[::1]:8082":            "[::1]:8082",
		"http://u':p'p@vm/a":    "http://***@vm/a",
		`http://vm/a?t=s"s s<s`: "http://vm/a?t=***",
		`http://u:p"p@vm/a`:     "http://***",
	} {
		if got := HideAddress(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}

func TestPulses(t *testing.T) {
	var p Pulses
	later := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	if p.Of("a") != (Pulse{}) {
		t.Error("what was never tried has a pulse")
	}
	p.Beat("a", noon, nil)
	p.Beat("a", later(1), errors.New("one"))
	p.Beat("a", later(2), errors.New("http://u:p@vm/ "+strings.Repeat("x", 1000)))
	p.Beat("b", later(3), nil)
	got := p.Of("a")
	if got.Worked != noon || got.Failing != later(1) || !strings.HasPrefix(got.Why, "http://***@vm/ xxx") || len(got.Why) > mostWhy+len("…") {
		t.Errorf("%+v", got)
	}
	p.Beat("a", later(4), nil)
	if got := p.Of("a"); got != (Pulse{Worked: later(4)}) {
		t.Errorf("after it works again: %+v", got)
	}
}

// The last warnings are kept, and nothing of them but what the program has written itself.
func TestWarnings(t *testing.T) {
	at := noon
	w := NewWarnings(func() time.Time { return at })
	log := zerolog.New(nil).Hook(w)
	log.Info().Msg("nothing")
	log.Debug().Msg("nothing")
	for i := range 30 {
		at = at.Add(time.Minute)
		log.Warn().Str("cluster", "canary").Err(errors.New("canary")).Msg(fmt.Sprintf("warning %d", i))
	}
	at = at.Add(time.Minute)
	log.Error().Str("cluster", "canary").Msg("warning 29")
	log.Warn().Msg("warning 25")
	last := w.Last()
	if len(last) != mostWarnings || strings.Contains(fmt.Sprint(last), "canary") {
		t.Fatalf("%d are kept: %v", len(last), last)
	}
	want := []Warning{{at, "warn", "warning 25", 2}, {at, "error", "warning 29", 1}, {at.Add(-time.Minute), "warn", "warning 29", 1}}
	for i, line := range want {
		if last[i] != line {
			t.Errorf("%d is %v, want %v", i, last[i], line)
		}
	}
}

// Whatever is shown is text.
func TestPageIsInert(t *testing.T) {
	const hostile = `"><script>alert(1)</script>&{{.}}`
	r, err := NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Render(Page{
		Version: hostile, At: noon, Links: []Link{{"javascript:alert(1)", hostile}},
		Sections: []Section{{hostile, []Row{{hostile, hostile, true}}}},
		Warnings: []Warning{{noon, hostile, hostile, 2}}, Flags: []Flag{{hostile, hostile, true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	if strings.Contains(text, "<script") || strings.Contains(text, "javascript:") || strings.Contains(text, "style=") || strings.Count(text, "alert(1)") < 8 {
		t.Errorf("the page is\n%s", text)
	}
}
