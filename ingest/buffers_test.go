package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// serve carries one POST through h without a network.
func serve(h *Handler, id, body string) int {
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("X-Cluster-Id", id)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, req)
	return answer.Code
}

func newHandler(t *testing.T, recorder Recorder, config Config) *Handler {
	t.Helper()
	config.Now = func() time.Time { return noon }
	h, err := NewHandler(recorder, config)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// late is a Recorder that gives up on each first report as if its context had
// ended, and is still at work on it.
type late struct {
	mu   sync.Mutex
	held []rollup.Report
	text [][]byte
}

func (l *late) Record(_ context.Context, r rollup.Report, lines []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, r)
	l.text = append(l.text, lines)
	return context.Canceled
}

func (*late) Known(string, string, time.Time) (bool, error) { return true, nil }

// What a recorder may still be at work on is not used for other requests.
func TestBuffersOfAFailedReportAreLeftAlone(t *testing.T) {
	recorder := &late{}
	h := newHandler(t, recorder, Config{Lines: forward.AppendLines})
	const n = 50
	for i := range n {
		if got := serve(h, "c1", fmt.Sprintf("cozy_a{x=\"%d\"} %d\n", i, i)); got != http.StatusServiceUnavailable {
			t.Fatalf("got %d", got)
		}
	}
	for i := range n {
		want := rollup.Sample{Series: rollup.Series(fmt.Sprintf(`cozy_a{x="%d"}`, i)), Value: float64(i)}
		if got := recorder.held[i].Samples; len(got) != 1 || got[0] != want {
			t.Errorf("report %d became %v", i, got)
		}
		if want := fmt.Sprintf("cozy_a{cluster_id=\"c1\",x=\"%d\"} %d %d\n", i, i, noon.UnixMilli()); string(recorder.text[i]) != want {
			t.Errorf("lines %d became %q", i, recorder.text[i])
		}
	}
}

// Many requests at once share buffers one after the other, never mixed up.
func TestBuffersAreNeverMixedUp(t *testing.T) {
	recorder := &memory{}
	h := newHandler(t, recorder, Config{Lines: forward.AppendLines})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 30 {
				var body strings.Builder
				for line := range 1 + (g*i)%20 {
					fmt.Fprintf(&body, "cozy_a{g=\"%d\",line=\"%d\"} %d\n", g, line, g)
				}
				serve(h, fmt.Sprint("c", g), body.String())
			}
		})
	}
	wg.Wait()
	if len(recorder.reports) != 8*30 {
		t.Fatalf("%d reports", len(recorder.reports))
	}
	for i, r := range recorder.reports {
		g := strings.TrimPrefix(r.Instance, "c")
		if got := strings.Count(recorder.lines[i], fmt.Sprintf(`{cluster_id="c%s",g="%s",`, g, g)); got != len(r.Samples) || got != strings.Count(recorder.lines[i], "\n") {
			t.Errorf("%s has %d samples and %q", r.Instance, len(r.Samples), recorder.lines[i])
		}
		for _, s := range r.Samples {
			if s.Series.Label("g") != g || fmt.Sprint(s.Value) != g {
				t.Errorf("%s has %v", r.Instance, s)
			}
		}
	}
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	tests := map[string]struct {
		b    buffers
		want bool
	}{
		"real":    {buffers{body: make([]byte, 8<<10), lines: make([]byte, 16<<10), samples: make([]rollup.Sample, 100)}, true},
		"body":    {buffers{body: make([]byte, 1<<20)}, false},
		"zipped":  {buffers{zipped: make([]byte, 1<<20)}, false},
		"lines":   {buffers{lines: make([]byte, 1<<20)}, false},
		"samples": {buffers{samples: make([]rollup.Sample, 5000)}, false},
	}
	for name, tt := range tests {
		if got := tt.b.small(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// The digest tells reports with other samples apart, and is known.
func TestDigest(t *testing.T) {
	recorder := &memory{}
	h := newHandler(t, recorder, Config{})
	for _, body := range []string{"cozy_a 1\n", "cozy_a 2\n", "cozy_a 1\n", "cozy_b 1\n"} {
		serve(h, "c1", body)
	}
	digests := make(map[uint64]int)
	for _, r := range recorder.reports {
		digests[r.Digest]++
	}
	if len(digests) != 3 || digests[recorder.reports[0].Digest] != 2 || digests[0] != 0 {
		t.Errorf("got %v", digests)
	}
}

// trickle yields one byte a read, and fails or ends with its last one.
type trickle struct {
	rest string
	err  error
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.rest) == 0 || len(p) == 0 {
		return 0, r.err
	}
	p[0], r.rest = r.rest[0], r.rest[1:]
	if r.rest == "" {
		return 1, r.err
	}
	return 1, nil
}

// burst yields all that fits in a read, the error with the last of it.
type burst struct {
	rest string
	err  error
}

func (r *burst) Read(p []byte) (int, error) {
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if r.rest == "" {
		return n, r.err
	}
	return n, nil
}

func newBodyReader(max int64) *bodyReader {
	return &bodyReader{max: max, budget: newBudget(Limits{BodyBytes: max}, 8)}
}

func TestFill(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		r    io.Reader
		want string
		err  error
	}{
		"empty":               {strings.NewReader(""), "", nil},
		"at the bound":        {strings.NewReader("12345"), "12345", nil},
		"end with last byte":  {&trickle{"12345", io.EOF}, "12345", nil},
		"broken on the way":   {&trickle{"123", broken}, "", broken},
		"over the bound":      {strings.NewReader("123456"), "", &Refusal{}},
		"over, one at a time": {&trickle{"123456", io.EOF}, "", &Refusal{}},
		"over, then broken":   {&trickle{"1234567", broken}, "", &Refusal{}},
		"over, more at once":  {&burst{"1234567", broken}, "", &Refusal{}},
		"over while broken":   {&trickle{"123456", broken}, "", &Refusal{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []byte
			br := newBodyReader(5)
			err := br.fill(new(buffers), &got, tt.r)
			var refusal *Refusal
			switch {
			case tt.err == nil:
				if err != nil || string(got) != tt.want {
					t.Errorf("got %q, %v", got, err)
				}
			case errors.As(tt.err, &refusal):
				if !errors.As(err, &refusal) || refusal.Status != http.StatusRequestEntityTooLarge {
					t.Errorf("got %v", err)
				}
			case !errors.Is(err, tt.err):
				t.Errorf("got %v", err)
			}
		})
	}
}

// A gzip reader that met a damaged body reads the next one as if it were new.
func TestUnzipAfterDamage(t *testing.T) {
	var good bytes.Buffer
	w := gzip.NewWriter(&good)
	if _, err := io.WriteString(w, "cozy_a 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	br := newBodyReader(1 << 10)
	for range 20 {
		for _, damage := range []int{3, good.Len() / 2, good.Len() - 1} {
			if err := br.unzip(&buffers{zipped: good.Bytes()[:damage]}); err == nil {
				t.Fatal("a damaged body is taken")
			}
			b := buffers{zipped: good.Bytes(), body: []byte("of another request")}
			if err := br.unzip(&b); err != nil || string(b.body) != "cozy_a 1\n" {
				t.Fatalf("got %q, %v", b.body, err)
			}
		}
	}
}
