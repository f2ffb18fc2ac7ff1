package anomalies

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// watched is a watch that runs in a bubble of fake time, and what it has told.
type watched struct {
	*Watch
	tally  *Tally
	world  *world
	log    bytes.Buffer
	counts map[anomaly.Kind]int
	looks  int
}

// watch runs a watch while fn runs.
func watch(t *testing.T, fn func(t *testing.T, w *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{world: newWorld(), tally: NewTally(time.Now())}
		w.Watch = NewWatch(w.world, w.tally, Config{
			Now: time.Now, Log: zerolog.New(&w.log),
			OnLook: func(counts map[anomaly.Kind]int) { w.counts = maps.Clone(counts); w.looks++ },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { w.Run(ctx) })
		time.Sleep(time.Second) // off the hours
		synctest.Wait()
		fn(t, w)
		cancel()
		loop.Wait()
	})
}

// change changes the world while nobody looks.
func (w *watched) change(fn func()) {
	w.turn <- struct{}{}
	fn()
	<-w.turn
}

// hour lets an hour pass, with its look.
func (w *watched) hour() {
	time.Sleep(time.Hour)
	synctest.Wait()
}

// A flood that is refused, and one of series that find no room, are found in the hour in
// which they come, and are gone when they are. An ordinary hour is none.
func TestA10FloodsAreFound(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		ordinary := func() {
			for range 4000 {
				w.tally.OnTaken(40)
			}
			for range 50 {
				w.tally.OnRefused("body") // scanners
			}
			w.tally.OnLeftOut(500)
			w.hour()
		}
		for range 5 {
			if ordinary(); len(w.counts) > 0 {
				t.Fatalf("an ordinary hour: %v", w.counts)
			}
		}
		for range 20000 {
			w.tally.OnRefused("sender")
		}
		w.tally.OnLeftOut(5000)
		ordinary()
		if w.counts[anomaly.KindRefused] != 1 || w.counts[anomaly.KindLeftOut] != 1 {
			t.Errorf("found %v", w.counts)
		}
		for _, text := range []string{"20050 reports were refused in 60 minutes", "(sender 20000, body 50)", "5500 series were left out"} {
			if !strings.Contains(w.log.String(), text) {
				t.Errorf("%q is not in the log: %s", text, w.log.String())
			}
		}
		ordinary()
		if ordinary(); len(w.counts) > 0 {
			t.Errorf("after it: %v", w.counts)
		}
	})
}

// The log has a line when something comes and one when it goes, and none of the looks
// between. No id is in it.
func TestLogTellsChanges(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		if w.looks != 1 {
			t.Fatalf("%d looks at the start", w.looks)
		}
		lines := func() int { return strings.Count(w.log.String(), "\n") }
		today := rollup.DateOf(time.Now())
		w.change(func() {
			for day := today - 30; day <= today; day++ {
				for i := range 30 {
					w.world.report(t, string(rune('a'+i)), day, made(1+i, i, i))
				}
			}
		})
		w.hour()
		if lines() != 0 {
			t.Fatalf("an ordinary fleet: %s", w.log.String())
		}
		w.change(func() { w.world.report(t, "secret-id", today, made(10000, 0, 0)) })
		for range 5 {
			w.hour()
		}
		if lines() != 1 || w.counts[anomaly.KindShare] != 1 || strings.Contains(w.log.String(), "secret") {
			t.Errorf("found %v, the log has %s", w.counts, w.log.String())
		}
		w.change(func() { w.world.excluded = []string{"secret-id"} })
		for range 5 {
			w.hour()
		}
		if lines() != 2 || len(w.counts) > 0 || !strings.Contains(w.log.String(), `"gone":1`) {
			t.Errorf("found %v, the log has %s", w.counts, w.log.String())
		}
		if w.looks != 12 {
			t.Errorf("%d looks in 11 hours", w.looks)
		}
	})
}

// Who asks has a look of that moment.
func TestHandlerLooks(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		for range 1000 {
			w.tally.OnRefused("line")
		}
		mux := http.NewServeMux()
		w.Register(mux)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		var l Look
		if err := json.Unmarshal(answer.Body.Bytes(), &l); err != nil || answer.Code != http.StatusOK {
			t.Fatalf("%d %v: %s", answer.Code, err, answer.Body)
		}
		if kinds(l.Findings) != "refused" || w.counts[anomaly.KindRefused] != 1 || l.Day != "" || !l.LookedAt.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("%+v", l)
		}
	})
}
