package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
)

// The tiles may be framed by the sites that the operator names and by no other; the page
// itself by none.
func testFrames(t *testing.T, b *browser, server *process) {
	var sites [2]*httptest.Server
	for i := range sites {
		sites[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A site</title><link rel="icon" href="data:,"><h1>A site</h1>
<iframe title="Telemetry" src="%s" width="600" height="300"></iframe>`, r.URL.Query().Get("frame"))
		}))
		defer sites[i].Close()
	}
	friend, stranger := sites[0].URL, sites[1].URL
	data := t.TempDir()
	framed := startServer(t, data, "--embed-origins="+friend)
	framed.post(t, "c1", payload(t, "operator-v1.prom"))
	for _, try := range []struct {
		site, path string
		want       bool
	}{{friend, "/embed", true}, {stranger, "/embed", false}, {friend, "/", false}, {friend, "/privacy", false}} {
		p := b.open(t, try.site, framed.Public)
		p.visit(try.site + "/?frame=" + framed.Public + try.path)
		frames := call(p, cdppage.GetFrameTree, cdp.Empty{}).FrameTree.ChildFrames
		if len(frames) != 1 {
			t.Fatalf("%d frames", len(frames))
		}
		shown := frames[0].Frame.UnreachableURL == "" && strings.HasPrefix(frames[0].Frame.URL, framed.Public)
		if shown != try.want {
			t.Errorf("%s in a frame of %s shows: %v", try.path, try.site, shown)
		}
		refused := strings.Join(p.complaints(), "\n")
		if (refused == "") != try.want || !try.want && !strings.Contains(refused, "frame-ancestors") {
			t.Errorf("%s in a frame of %s: %s", try.path, try.site, refused)
		}
	}
	p := b.open(t, server.Public)
	s := p.read(server.at("/embed", "month", (thisMonth() - 1).String()))
	whole := p.read(server.at("/", "month", (thisMonth() - 1).String()))
	if len(s.Tiles) != 3 {
		t.Errorf("%d tiles are embedded", len(s.Tiles))
	}
	equal(t, "the tiles of a frame", s.Tiles, whole.Tiles)
}
