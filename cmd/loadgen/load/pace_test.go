package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	const late = 10 * time.Second
	for name, tt := range map[string]struct {
		due, began, waited time.Duration
		stopped            bool
	}{
		"at once":          {0, late, 0, false},
		"to come":          {late + time.Second, late + time.Second, time.Second, false},
		"late":             {time.Second, time.Second, 0, false},
		"stopped":          {late + time.Second, late + time.Second, 0, true},
		"stopped, at once": {0, late, 0, true},
		"stopped, late":    {time.Second, time.Second, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pace{time.Now, time.Now()}
				time.Sleep(late) // as if servers had been slow
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.stopped {
					cancel()
				}
				asked := time.Now()
				began, ok := p.begin(ctx, tt.due)
				if ok == tt.stopped || began.Sub(p.start) != tt.began || time.Since(asked) != tt.waited {
					t.Errorf("ok %v, began after %v, waited %v", ok, began.Sub(p.start), time.Since(asked))
				}
			})
		})
	}
}
