package serve

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

// However many reports are refused, the log has a line in five minutes, and one
// of the rest at the end.
func TestRefusalsAreToldAtAPace(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { r.run(ctx, zerolog.New(&log)) })
		time.Sleep(time.Second / 2) // off the ticks
		for range 600 {
			r.add("cozystack", ingest.BadLine)
			time.Sleep(time.Second)
		}
		r.add("cozystack", ingest.BadID)
		time.Sleep(time.Hour)
		r.add("cozystack", ingest.Busy)
		cancel()
		loop.Wait()
	})
	if lines := strings.Count(log.String(), "\n"); lines != 4 || !strings.Contains(log.String(), `"line":300`) || !strings.Contains(log.String(), `"busy":1`) {
		t.Errorf("the log has %s", log.String())
	}
}
