package product

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A report of 800 kB with profiles takes no more memory than its samples and a chunk.
func TestProfilesAreNotKept(t *testing.T) {
	decoder, err := NewDecoder(fuzzed(), false)
	if err != nil {
		t.Fatal(err)
	}
	profile := strings.Repeat("H4sIAAAA", 50_000)
	body := []byte(`{"id":"x","profile":{"cpu":"` + profile + `","memory":"` + profile + `"},"a":{"gauge":7}}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := decoder.DecodeFrom(nil, bytes.NewReader(body), func(string) string { return "" })
	runtime.ReadMemStats(&after)
	if err != nil || len(r.Samples) != 1 || r.Samples[0].Value != 7 {
		t.Fatal(r, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*chunk {
		t.Errorf("%d bytes for a body of %d", n, len(body))
	}
}

// An error of the stream is not the client's fault.
func TestDecodeFromBrokenStream(t *testing.T) {
	decoder, err := NewDecoder(fuzzed(), false)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for _, start := range []string{"", " ", `{`, `{"id":"x`, `{"id":"x","a":{"gauge":1`, `{"id":"x"}`, `{"id":"x"} `} {
		r := io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken))
		_, err := decoder.DecodeFrom(nil, r, func(string) string { return "" })
		var refused *Error
		if !errors.Is(err, broken) || errors.As(err, &refused) {
			t.Errorf("%q: %v", start, err)
		}
	}
}

// What is skipped must be JSON all the same.
func TestScannerTakesWhatJSONIs(t *testing.T) {
	decoder, err := NewDecoder(fuzzed(), false)
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, value := range []string{
		`0`, `-0`, `10`, `1.5`, `1e5`, `1E+5`, `1e-05`, `00`, `01`, `-`, `+1`, `.5`, `1.`, `1.e5`, `1e`, `1e+`, `0x1`, `Infinity`, `NaN`,
		`true`, `false`, `null`, `tru`, `True`, `falsey`, `nul`, `nulll`, ``, `,`, `undefined`,
		`""`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\uD83D\uDE00\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\ud83d"`, `"\udc00"`, `"\u12"`, `"\u12g4"`, `"\x41"`, `"\`, `"a`,
		"\"\x01\"", "\"\t\"", "\"\x7f\"", "\"\xff\"", `'a'`,
		`[]`, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `]`, `[}`,
		`{}`, `{"a":1}`, `{"a":1,"b":2}`, `{"a":1,}`, `{"a"}`, `{"a" 1}`, `{a:1}`, `{1:1}`, `{`, `{"a":`, `{"a":1]`, `{"a":1 "b":2}`,
	} {
		body := []byte(`{"id":"x","u":` + value + `}`)
		_, err := decoder.Decode(nil, body, func(string) string { return "" })
		if (err == nil) != json.Valid(body) {
			t.Errorf("%s: %v", body, err)
		}
		if err == nil {
			taken++
		}
	}
	if taken < 20 {
		t.Errorf("only %d were taken", taken)
	}
}

// Bounds of one report: brackets beside each other are not nested, a number that is too
// long to be kept is not half of it, and what is added up ends where a value does.
func TestBounds(t *testing.T) {
	decoder, err := NewDecoder(fuzzed(), false)
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat("[[{}]],", 1000) + "[]"
	for body, want := range map[string]string{
		`"u":[` + many + `],"a":{"gauge":1}`:                             "[{p_gauge 1 none}]",
		`"u":` + strings.Repeat("[", 63) + strings.Repeat("]", 63):       "[]",
		`"u":` + strings.Repeat("[", 64) + strings.Repeat("]", 64):       "the body is nested deeper than 64 levels",
		`"a":{"gauge":1e` + strings.Repeat("0", maxText) + `2}`:          "the field a.gauge must be a number from 0 to 1000",
		`"u":1e` + strings.Repeat("0", maxText) + `2`:                    "[]",
		`"count_a":9007199254740992,"count_a":9007199254740992`:          `[{p_count{key="a"} 9007199254740992 by hour}]`,
		`"text":"` + strings.Repeat("x", maxText+1) + `","u":"` + "\n\"": "the body is no JSON near byte",
	} {
		report, err := decoder.Decode(nil, []byte(`{"id":"x",`+body+`}`), func(string) string { return "" })
		got := ""
		var refused *Error
		if errors.As(err, &refused) {
			got = refused.Message()
		} else {
			var all []string
			for _, s := range report.Samples {
				all = append(all, fmt.Sprintf("{%s %.0f %s}", s.Series, s.Value, map[rollup.Slotting]string{0: "none", rollup.ByHour: "by hour"}[s.Slot]))
			}
			got = fmt.Sprint(all)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%.60s: got %s, want %s", body, got, want)
		}
	}
}
